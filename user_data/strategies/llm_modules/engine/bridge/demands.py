"""What Freqtrade's configuration must be before anything is decided, however it was started."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freqtrade.strategy import IStrategy

from llm_modules.config import TraderConfig
from llm_modules.engine.bridge.market import run_mode
from llm_modules.errors import ConfigError
from llm_modules.gate.consent import bot_subjects, demand_consent

# Of order_types: with real money the stops are there while this machine is down.
STOPS_ON_EXCHANGE = {"stoploss_on_exchange": True, "stoploss_on_exchange_interval": 60}


def demand_protections(strategy: IStrategy, *, is_live: bool) -> None:
    """Raise ConfigError where config.json switched off what stops and exits rest on."""
    if not strategy.use_exit_signal:
        raise ConfigError("use_exit_signal must stay true: exits are made through it")
    if not strategy.use_custom_stoploss:
        raise ConfigError("use_custom_stoploss must stay true: it places the stops")
    if is_live and not strategy.order_types.get("stoploss_on_exchange"):
        raise ConfigError(
            "order_types.stoploss_on_exchange must stay true with real money: the exchange holds "
            "the stops while this machine is down"
        )


def demand_permission(config: Mapping[str, Any], ours: TraderConfig) -> None:
    """Raise ConfigError where real money would be traded and nobody consented to that."""
    # Asked here too: `freqtrade trade` can be started without manage.sh.
    if run_mode(config) == "live":
        user_data = Path(config["user_data_dir"])
        demand_consent(user_data, bot_subjects(ours, config["exchange"], user_data))

"""Freqtrade's own configuration of a run, without any secret."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade.configuration import Configuration
from freqtrade.configuration.directory_operations import create_userdata_dir
from freqtrade.enums import RunMode
from freqtrade.exceptions import FreqtradeException

from llm_modules.backtest.coarser_candles import data_format_of
from llm_modules.backtest.command.basis import Basis
from llm_modules.backtest.offline import sample_markets, without_network
from llm_modules.backtest.settings import SETTINGS_KEY, BacktestSettings
from llm_modules.errors import ConfigError
from llm_modules.operations.settings.env_file import FREQTRADE_PREFIX
from llm_modules.operations.settings.reading import Settings, merged
from llm_modules.operations.settings.secret_keys import FREQTRADE_SECRETS

STRATEGY = "LLMFunctionStrategy"
# Freqtrade stores its configuration in each result; nothing in these is needed for one.
BLOCKS_WITH_SECRETS = frozenset(key.partition(".")[0] for key in FREQTRADE_SECRETS) - {"exchange"}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, and where its candles are read; ends are those of candles."""

    datadir: Path
    start: datetime
    end: datetime

    @property
    def timerange(self) -> str:
        """As Freqtrade writes it, in seconds."""
        return f"{self.start.timestamp():.0f}-{self.end.timestamp():.0f}"


def freqtrade_config(
    basis: Basis, window: Window, settings: BacktestSettings, results: Path | None
) -> dict[str, Any]:
    """Return the configuration of one run; `results` gets Freqtrade's own, None: nothing does.

    Raises ConfigError where Freqtrade does not like it.
    """
    places = basis.places
    arguments = {
        "config": [str(places.settings)],
        "user_data_dir": str(places.user_data),
        "datadir": str(window.datadir),
        "timerange": window.timerange,
        "strategy": STRATEGY,
        "strategy_path": str(places.strategies),
        "enable_protections": True,
        "backtest_cache": "none",
    }
    with _setting_up():
        config = Configuration(arguments, RunMode.BACKTEST).get_config()
    settled = public(basis.settings)
    config = {name: value for name, value in config.items() if name not in BLOCKS_WITH_SECRETS}
    config = {**merged(config, settled), "original_config": deepcopy(settled)}
    config["dataformat_ohlcv"] = data_format_of(settled)
    config["export"] = "trades" if results else "none"
    if results:
        results.mkdir(parents=True, exist_ok=True)
        config["exportdirectory"] = results
    config[SETTINGS_KEY] = settings.model_dump()
    return without_network(config, sample_markets()) if basis.is_sandbox else config


def make_folders(basis: Basis) -> None:
    """Make the folders that Freqtrade wants to have: of two processes at once one would fail.

    Raises ConfigError where it cannot have them.
    """
    with _setting_up():
        create_userdata_dir(str(basis.places.user_data))


def adopt(environment: Mapping[str, str]) -> None:
    """Let this be the environment of this process, without what Freqtrade would read of it.

    Its variables are in the settings already; none of them may get into a result.
    """
    os.environ.clear()
    os.environ.update(
        {name: text for name, text in environment.items() if not name.startswith(FREQTRADE_PREFIX)}
    )


def public(settings: Settings) -> Settings:
    """Return settings without secrets, and with the pairs that are named in them."""
    exchange = {
        name: value
        for name, value in settings["exchange"].items()
        if f"exchange.{name}" not in FREQTRADE_SECRETS
    }
    return {
        **{name: value for name, value in settings.items() if name not in BLOCKS_WITH_SECRETS},
        "exchange": exchange,
        # A list that asks the exchange what is traded today would know the future.
        "pairlists": [{"method": "StaticPairList"}],
    }


@contextmanager
def _setting_up() -> Iterator[None]:
    """Keep quiet what Freqtrade says meanwhile, and tell what it does not like as ConfigError."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    except FreqtradeException as error:
        raise ConfigError(f"config.json is not as Freqtrade wants it: {error}") from error
    finally:
        logging.disable(logging.NOTSET)

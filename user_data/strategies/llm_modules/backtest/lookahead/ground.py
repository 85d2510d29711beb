"""What the proofs stand on: a configuration, its pairs, and all that is recorded of them."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting

from llm_modules.backtest.loading import load
from llm_modules.backtest.past import Recorded
from llm_modules.backtest.settings import SETTINGS_KEY, settings_of
from llm_modules.config import TraderConfig, parse_config


@dataclass(frozen=True, slots=True)
class Ground:
    """One configuration and its recording; `timeframes` begin with the main one.

    `filled_on` are those on which Freqtrade fills orders: the main one, and its detail if any.
    """

    config: Mapping[str, Any]
    trader: TraderConfig
    exchange: Exchange
    pairs: tuple[str, ...]
    timeframes: tuple[str, ...]
    filled_on: tuple[str, ...]
    recorded: Recorded


def survey(config: Mapping[str, Any], folder: Path) -> Ground:
    """Load what is recorded for a configuration, whose runs then keep their files in `folder`.

    Raises OperationalException as Freqtrade does, ConfigError for settings no run can have.
    """
    own = settings_of(config).model_dump() | {
        "folder": str(folder / "run"),
        "tape": str(folder / "tape.sqlite"),
    }
    # A result of before would be shown in place of a run.
    quiet = {**config, SETTINGS_KEY: own, "export": "none", "backtest_cache": "none"}
    try:
        # As Freqtrade reads it: with its defaults, the strategy's timeframe, its list of pairs.
        freqtrade = Backtesting(deepcopy(quiet))
    finally:
        Backtesting.cleanup()
    trader = parse_config(freqtrade.config)
    detail = (freqtrade.timeframe_detail,) if freqtrade.timeframe_detail else ()
    timeframes = (freqtrade.timeframe, *trader.context_config.informative_timeframes)
    pairs = tuple(freqtrade.pairlists.whitelist)
    wanted = tuple(dict.fromkeys((*timeframes, *detail)))
    recorded = load(freqtrade.config, freqtrade.dataprovider, pairs, wanted, freqtrade.timerange)
    filled_on = (freqtrade.timeframe, *detail)
    config = freqtrade.config
    return Ground(config, trader, freqtrade.exchange, pairs, timeframes, filled_on, recorded)

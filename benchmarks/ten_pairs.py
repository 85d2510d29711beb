"""Ten pairs and sixty days to play: the shipped candles, and again under five other names.

Before the shipped days lie the same days once more, at a price that joins, so that the first
decision sees as many candles as the last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import ccxt
import pandas as pd
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode

from llm_modules.backtest.offline import without_network
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.sandbox.contracts import CONTRACTS, Contract
from llm_modules.sandbox.shapes import exchange_info

MOST_DAYS = 60
MOST_PAIRS = 10
PRICES = ["open", "high", "low", "close"]
# Not all there is: backtests of one's own put coarser candles beside them.
SHIPPED_KINDS = ("5m-futures", "1h-mark", "1h-funding_rate")
COARSER = {"30m": "30min", "1h": "1h", "4h": "4h", "1d": "1D"}
MERGED = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
SECRETS = {"password": "x", "jwt_secret_key": "y" * 40, "ws_token": "z" * 40, "enabled": False}
# Names for which Freqtrade knows leverage tiers; prices so far from the first ones' that none of
# their moves is the same.
COPIES = {"BTC": "BNB", "ETH": "LTC", "SOL": "LINK", "XRP": "ADA", "DOGE": "TRX"}
SCALE = 1.7


def contracts(pairs: int) -> tuple[Contract, ...]:
    """Return so many contracts, the shipped ones first."""
    copies = (replace(one, base=COPIES[one.base]) for one in CONTRACTS)
    return (*CONTRACTS, *copies)[:pairs]


def write_candles(folder: Path, pairs: int) -> None:
    """Write the candles of all timeframes, mark prices and funding rates where Freqtrade looks."""
    shipped = SHIPPED_USER_DATA / "data" / "binance" / "futures"
    target = folder / "futures"
    target.mkdir(parents=True)
    for place, contract in enumerate(contracts(pairs)):
        source = CONTRACTS[place % len(CONTRACTS)]
        scale = 1.0 if source == contract else SCALE
        for kind in SHIPPED_KINDS:
            frame = pd.read_feather(shipped / f"{source.file_stem}-{kind}.feather")
            if kind != "1h-funding_rate":
                frame[PRICES] = (frame[PRICES] * scale).round(contract.price_decimals)
            if kind == "5m-futures":
                write_coarser(target / contract.file_stem, twice(frame))
            else:
                frame.to_feather(target / f"{contract.file_stem}-{kind}.feather")


def twice(frame: pd.DataFrame) -> pd.DataFrame:
    """Return whole days of candles with the same candles before them."""
    days = frame[frame["date"] < frame["date"].iloc[-1].floor("D")]
    earlier = days.copy()
    earlier["date"] -= days["date"].iloc[-1] - days["date"].iloc[0] + timedelta(minutes=5)
    earlier[PRICES] *= days["open"].iloc[0] / days["close"].iloc[-1]
    joined: pd.DataFrame = pd.concat([earlier, days], ignore_index=True)
    return joined


def write_coarser(stem: Path, frame: pd.DataFrame) -> None:
    """Write the candles of every timeframe that is played or shown."""
    by_date = frame.set_index("date")
    for name, rule in COARSER.items():
        coarse = by_date.resample(rule).agg(MERGED).reset_index()
        coarse.to_feather(stem.with_name(f"{stem.name}-{name}-futures.feather"))


def freqtrade_config(
    folder: Path, candles: Path, pairs: int, days: int, **blocks: Mapping[str, Any]
) -> dict[str, Any]:
    """Return Freqtrade's whole configuration for the last days there are; `blocks` change ours."""
    arguments = {
        "config": [str(SHIPPED_USER_DATA / "config.json")],
        "user_data_dir": str(folder),
        "datadir": str(candles),
        "timerange": timerange(candles, days),
        "strategy": "LLMFunctionStrategy",
        "strategy_path": str(SHIPPED_USER_DATA / "strategies"),
        "enable_protections": True,
        "backtest_cache": "none",
    }
    config = Configuration(arguments, RunMode.BACKTEST).get_config()
    played = contracts(pairs)
    config["exchange"]["pair_whitelist"] = [one.pair for one in played]
    config["pairlists"] = [{"method": "StaticPairList"}]
    config["api_server"] |= SECRETS
    config |= {"dry_run_wallet": 10_000, "export": "none"}
    config["llm_backtest"] = {"folder": str(folder / "run"), "tape": str(folder / "tape.sqlite")}
    for name, changes in blocks.items():
        config[name] |= changes
    return without_network(config, markets(played))


def timerange(candles: Path, days: int) -> str:
    """Return the last whole days of the candles in Freqtrade's words."""
    frame = pd.read_feather(next((candles / "futures").glob("*-1d-futures.feather")))
    end = frame["date"].iloc[-1] + timedelta(days=1)
    return f"{end - timedelta(days=days):%Y%m%d}-{end:%Y%m%d}"


def markets(played: Sequence[Contract]) -> tuple[Mapping[str, Any], ...]:
    """Return the contracts as ccxt describes Binance's."""
    return tuple(ccxt.binance().parse_markets(exchange_info(tuple(played), 0)["symbols"]))

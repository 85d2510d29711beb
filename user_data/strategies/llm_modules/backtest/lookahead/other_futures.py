"""Candle files whose future is another one, for runs that must be the same until then."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType, TradingMode
from pandas import DataFrame

from llm_modules.backtest.lookahead.ground import Ground
from llm_modules.domain import FloatArray
from llm_modules.market.timeframes import duration_ms

PRICES = ("open", "high", "low", "close")
# All future prices are elsewhere, and every candle moves differently.
FAR_RATIO, SWING_RATIO = 1.3, 0.2
MOST_DECIMALS = 14
File = tuple[str, str, CandleType]


def with_other_future(
    ground: Ground, at: datetime, folder: Path, *, is_cut: bool
) -> Mapping[str, Any]:
    """Write all files anew, with another future after a moment, and return the config of them.

    Cut, they end with the one row that opens at that moment: Freqtrade asks for no decision
    without it. Candles that were open then keep their opening price and lose the rest.
    """
    config = ground.config
    stored = get_datahandler(Path(config["datadir"]), config["dataformat_ohlcv"])
    (folder / "futures").mkdir(parents=True)
    written = get_datahandler(folder, config["dataformat_ohlcv"])
    for pair, timeframe, kind in _files(ground):
        frame = stored.ohlcv_load(pair, timeframe, kind, fill_missing=False)
        other = (
            _other_rates(frame, at)
            if kind == CandleType.FUNDING_RATE
            else _other_prices(frame, at, timeframe)
        )
        written.ohlcv_store(pair, timeframe, other[other["date"] <= at] if is_cut else other, kind)
    return {**config, "datadir": folder}


def _files(ground: Ground) -> Iterator[File]:
    """Name the files a run may read."""
    folder, format_name = Path(ground.config["datadir"]), ground.config["dataformat_ohlcv"]
    wanted = {*ground.timeframes, *ground.filled_on}
    handler = get_datahandler(folder, format_name)
    for pair, timeframe, kind in handler.ohlcv_get_available_data(folder, TradingMode.FUTURES):
        if pair in ground.pairs and (kind != CandleType.FUTURES or timeframe in wanted):
            yield pair, timeframe, kind


def _other_rates(frame: DataFrame, at: datetime) -> DataFrame:
    # What is paid at that very moment is known then.
    is_later = frame["date"] > at
    columns = [name for name in ("open", "funding_rate") if name in frame]
    other = frame.copy()
    other.loc[is_later, columns] = 0.001 - 5 * frame.loc[is_later, columns]
    return other


def _other_prices(frame: DataFrame, at: datetime, timeframe: str) -> DataFrame:
    other = frame.copy()
    length = timedelta(milliseconds=duration_ms(timeframe))
    is_open = ((frame["date"] < at) & (frame["date"] + length > at)).to_numpy()
    is_later = (frame["date"] >= at).to_numpy()
    changed = is_open | is_later
    prices = frame[list(PRICES)].to_numpy(dtype=np.float64)
    factor = FAR_RATIO + SWING_RATIO * np.sin(np.arange(len(frame)))
    others = _rounded(prices * factor[:, None], _decimals(prices))
    # It had opened before; the rest of it is still to come.
    others[is_open, 0] = prices[is_open, 0]
    others[is_open, 2] = np.minimum(others[is_open, 2], prices[is_open, 0])
    other.loc[changed, list(PRICES)] = others[changed]
    other.loc[changed, "volume"] = 3 * frame.loc[changed, "volume"] + 1
    return other


def _decimals(prices: FloatArray) -> FloatArray:
    """Return how many decimals the prices of each row have, at most 14.

    Freqtrade takes the step of a price from the digits it finds in a month: others would be a
    change before the moment.
    """
    decimals = np.full(len(prices), MOST_DECIMALS)
    for places in reversed(range(MOST_DECIMALS)):
        is_exact = (np.round(prices, places) == prices).all(axis=1)
        decimals[is_exact] = places
    return decimals


def _rounded(prices: FloatArray, decimals: FloatArray) -> FloatArray:
    rounded = prices.copy()
    for places in np.unique(decimals):
        rows = decimals == places
        rounded[rows] = np.round(prices[rows], int(places))
    return rounded

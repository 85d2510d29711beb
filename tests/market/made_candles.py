"""Candles for tests: made up from integers, so that every machine gets the same bits."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from llm_modules.domain import Candles
from llm_modules.market.timeframes import duration_ms

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
NOON_MS = int(NOON.timestamp()) * 1000
COLUMNS = ("open", "high", "low", "close", "volume")
REAL = Path(__file__).parents[2] / "user_data" / "data" / "binance" / "futures"
REAL_COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE")


def _dice(seed: int) -> Iterator[int]:
    """Yield numbers of 0..99 for ever, the same on every machine."""
    state = seed
    while True:
        state = (state * 1_103_515_245 + 12_345) % 2**31
        yield (state >> 16) % 100


def made_candles(
    timeframe: str = "30m",
    rows: int = 200,
    end_ms: int = NOON_MS,
    *,
    ticks: int = 100_000,
    step: float = 0.001,
    seed: int = 1,
) -> Candles:
    """A random walk from `ticks` price steps upward; the newest candle closes at `end_ms`."""
    dice = _dice(seed)
    duration = duration_ms(timeframe)
    table = []
    close = ticks
    for _ in range(rows):
        opened = close
        close = max(50, opened + (next(dice) - 49) * ticks // 20_000)
        high = max(opened, close) + next(dice) * ticks // 50_000
        low = max(1, min(opened, close) - next(dice) * ticks // 50_000)
        table.append((opened * step, high * step, low * step, close * step, 10.0 + next(dice)))
    columns = np.array(table, dtype=np.float64).reshape(rows, 5).T
    open_times = end_ms - duration * np.arange(rows, 0, -1, dtype=np.int64)
    return Candles(timeframe, open_times, *(column.copy() for column in columns))


def level_candles(timeframe: str = "30m", rows: int = 200, price: float = 100.0) -> Candles:
    """Candles that never move."""
    level = np.full(rows, price)
    candles = made_candles(timeframe, rows)
    return replace(candles, open=level, high=level, low=level, close=level)


def with_cell(candles: Candles, column: str, row: int, value: float) -> Candles:
    """The same candles with one cell changed; negative rows count from the newest."""
    changed = getattr(candles, column).copy()
    changed[row] = value
    return replace(candles, **{column: changed})


def rows_of(candles: Candles, rows: slice | list[int]) -> Candles:
    """Some rows of the candles, in the order asked for."""
    kept = {column: getattr(candles, column)[rows] for column in COLUMNS}
    return replace(candles, open_times=candles.open_times[rows], **kept)


def candles_of(frame: pd.DataFrame, timeframe: str) -> Candles:
    """Candles of a frame in Freqtrade's format."""
    open_times = frame["date"].dt.as_unit("ms").astype("int64").to_numpy()
    return Candles(timeframe, open_times, *(frame[name].to_numpy(float) for name in COLUMNS))


def real_frame(coin: str) -> pd.DataFrame:
    """Sixty days of real 5m candles of a coin."""
    return pd.read_feather(REAL / f"{coin}_USDT_USDT-5m-futures.feather")


def real_candles(coin: str, timeframe: str, rows: int = 500) -> Candles:
    """The newest whole candles of a coin, resampled from 5m where needed."""
    rule = pd.Timedelta(duration_ms(timeframe), "ms")
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    resampled = real_frame(coin).resample(rule, on="date").agg(how).reset_index()
    return candles_of(resampled.iloc[:-1].tail(rows), timeframe)

"""Candles in whole ticks and lots, so that every sum and every comparison is exact."""

from dataclasses import dataclass

import numpy as np

from llm_modules.domain import IntArray

MINUTE_MS = 60_000
FIVE_MINUTES_MS = 5 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# Binance's calendar month is left out: it is no multiple of anything, and Freqtrade never asks.
INTERVALS_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": FIVE_MINUTES_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
}

# The epoch was a Thursday; Binance's weeks begin on Monday.
_FIRST_MONDAY_MS = 4 * DAY_MS


@dataclass(frozen=True, slots=True)
class TickCandles:
    """OHLCV rows from oldest to newest; prices in ticks, volume in lots, times in ms UTC."""

    open_times: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray

    def __len__(self) -> int:
        return len(self.open_times)

    def between(self, start_ms: int, end_ms: int) -> "TickCandles":
        """Return the rows that open at or after `start_ms` and before `end_ms`."""
        # Views, not copies: the columns are never written to.
        first, last = np.searchsorted(self.open_times, (start_ms, end_ms))
        rows = slice(int(first), int(last))
        return TickCandles(*(column[rows] for column in self.columns()))

    def columns(self) -> tuple[IntArray, ...]:
        """Return the six columns in the order of the fields."""
        return (self.open_times, self.open, self.high, self.low, self.close, self.volume)


def interval_offset_ms(interval_ms: int) -> int:
    """Return where the grid of an interval starts: the epoch, or its first Monday for weeks."""
    return _FIRST_MONDAY_MS if interval_ms == INTERVALS_MS["1w"] else 0


def join(*parts: TickCandles) -> TickCandles:
    """Return several runs of candles as one."""
    columns = zip(*(part.columns() for part in parts), strict=True)
    return TickCandles(*(np.concatenate(column) for column in columns))


def resample(candles: TickCandles, interval_ms: int) -> TickCandles:
    """Aggregate candles to a longer interval on the UTC grid; the first and last may be partial.

    Open of the first, close of the last, highest high, lowest low, sum of volumes.
    """
    if len(candles) == 0:
        return candles
    offset = interval_offset_ms(interval_ms)
    buckets = (candles.open_times - offset) // interval_ms
    first = np.concatenate(([0], np.flatnonzero(np.diff(buckets)) + 1))
    last = np.concatenate((first[1:], [len(candles)])) - 1
    return TickCandles(
        buckets[first] * interval_ms + offset,
        candles.open[first],
        np.maximum.reduceat(candles.high, first),
        np.minimum.reduceat(candles.low, first),
        candles.close[last],
        np.add.reduceat(candles.volume, first),
    )

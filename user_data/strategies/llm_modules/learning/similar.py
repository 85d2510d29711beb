"""Past entries into a market like this one: nearness in the space of its indicators.

The scales are fixed numbers, never fitted to the trades: a fitted scale would know the future,
and with each new trade the past would look different. They were read once off the 30m candles of
ten pairs (28,450 of them, December 2025 and January 2026) and hold within a factor of two from
5m to 4h.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.timeline import Timeline

# Of two random moments of those candles one pair in twenty is as near; the median is 1.25.
NEAR = 0.6
LOOKED_AT = 5_000
# Any two points share at least four axes then.
FEWEST_AXES = 6
# One freak number must not decide alone.
FARTHEST = 4.0

_NAMES = (
    "rsi",
    "adx",
    "bb_position",
    "atr_pct",
    "ema_gap_pct",
    "macd_hist_pct",
    "volume_ratio",
    "change_pct_24h",
)
_UNKNOWN = (math.nan,) * len(_NAMES)
_MIDDLE_LOG_ATR = math.log(0.6)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A past trade and how far its market at entry was from the one asked about."""

    trade: RememberedTrade
    distance: float


def situation(facts: Mapping[str, float]) -> tuple[float, ...] | None:
    """Return a market as a point in spreads from the usual, each axis within -4..4.

    Prices and percentages are measured by the ATR, so that pairs compare. An axis that is not
    known is NaN; with fewer than six of eight known there is no point.
    """
    rsi, adx, band, atr_pct, gap, histogram, volume, change = map(facts.get, _NAMES, _UNKNOWN)
    # Without volatility nothing can be measured by it; a NaN goes on through all arithmetic.
    atr = atr_pct if atr_pct > 0 else math.nan
    # Each is divided by its standard deviation.
    away = (
        (rsi - 50) / 12,
        (adx - 25) / 11,
        (band - 0.5) / 0.35,
        (math.log(atr) - _MIDDLE_LOG_ATR) / 0.5,
        gap / atr / 1.1,
        histogram / atr / 0.2,
        math.log(volume) / 0.65 if volume > 0 else math.nan,
        change / atr / 4.5,
    )
    point = tuple([axis if -FARTHEST <= axis <= FARTHEST else _clipped(axis) for axis in away])
    # Found by being one object, for no NaN equals another.
    known = len(point) - point.count(math.nan)
    return point if known >= FEWEST_AXES else None


def _clipped(axis: float) -> float:
    return math.nan if math.isnan(axis) else math.copysign(FARTHEST, axis)


class Situations:
    """Finds the nearest of the newest 5,000 past entries in some tens of microseconds.

    Trades that people or a halt ended are left out: their result is not the market's.
    """

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._start = self._end = 0
        self._points = _points(())

    def add(self, trade: RememberedTrade) -> None:
        """Take in a trade, if its market is known."""
        if trade.situation is None or not trade.is_own:
            return
        # One that is sorted in among the points moves them; they are read anew then.
        if self._timeline.add(trade) < self._end:
            self._start = self._end = 0

    def nearest(
        self, point: tuple[float, ...], *, before: datetime, count: int
    ) -> tuple[Neighbour, ...]:
        """Return the near trades closed strictly before a time, nearest first, at most `count`.

        The distance is the root mean square over the axes known to both, in spreads.
        """
        end = self._timeline.before(before)
        start = max(0, end - LOOKED_AT)
        away = self._over(start, end) - _points([point])
        squares = away * away
        is_unknown = np.isnan(squares)
        np.copyto(squares, 0.0, where=is_unknown)
        shared = len(_NAMES) - is_unknown.sum(axis=0, dtype=np.int8)
        distances = np.sqrt(squares.sum(axis=0) / shared)
        near = np.flatnonzero(distances <= NEAR)
        # Of equally near ones the newest.
        order = np.lexsort((-near, distances[near]))[:count]
        return tuple(
            Neighbour(self._timeline.trades[start + place], float(distances[place]))
            for place in near[order].tolist()
        )

    def _over(self, start: int, end: int) -> NDArray[np.float32]:
        """Return the points of the trades from place `start` on and before place `end`."""
        if start < self._start or end < self._end or start >= self._end:
            self._start = self._end = start
            self._points = _points(())
        if (start, end) != (self._start, self._end):
            fresh = [trade.situation for trade in self._timeline.trades[self._end : end]]
            kept = self._points[:, start - self._start :]
            self._points = np.concatenate((kept, _points(fresh)), axis=1)
            self._start, self._end = start, end
        return self._points


def _points(situations: Sequence[tuple[float, ...] | None]) -> NDArray[np.float32]:
    """Return points as columns: eight long rows are added up ten times as fast as the reverse."""
    points = np.array(situations, dtype=np.float32).reshape(-1, len(_NAMES))
    return np.ascontiguousarray(points.T)

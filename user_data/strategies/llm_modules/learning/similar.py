"""Past entries into a market like this one: nearness in the space of its indicators."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.situation import AXES
from llm_modules.learning.timeline import Timeline

# Of two random moments of the candles in `situation.py` one pair in twenty is as near; the median
# is 1.25.
NEAR = 0.6
LOOKED_AT = 5_000


# Points as columns: eight long rows are added up ten times as fast as the reverse.
_Columns = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A past trade and how far its market at entry was from the one asked about."""

    trade: RememberedTrade
    distance: float


class Situations:
    """Finds the nearest of the newest 5,000 past entries in some tens of microseconds.

    Trades that people or a halt ended are left out: their result is not the market's.
    """

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._start = self._end = 0
        self._points = _Points(_columns(()))

    def add(self, trade: RememberedTrade) -> None:
        """Take in a trade, if its market is known."""
        if trade.situation is None or not trade.is_own:
            return
        # One that is sorted in among the points moves them; they are read anew then.
        if self._timeline.add(trade) < self._end:
            self._begin_at(0)

    def nearest(
        self, point: tuple[float, ...], *, before: datetime, count: int
    ) -> tuple[Neighbour, ...]:
        """Return the near trades closed strictly before a time, nearest first, at most `count`.

        The distance is the root mean square over the axes known to both, in spreads.
        """
        end = self._timeline.before(before)
        start = max(0, end - LOOKED_AT)
        distances = self._over(start, end).distances(point)
        (near,) = (distances <= NEAR).nonzero()
        if not len(near):
            return ()
        # Of equally near ones the newest.
        order = np.lexsort((-near, distances[near]))[:count]
        return tuple(
            Neighbour(self._timeline.trades[start + place], float(distances[place]))
            for place in near[order].tolist()
        )

    def _over(self, start: int, end: int) -> "_Points":
        """Return the points of the trades from place `start` on and before place `end`."""
        if (start, end) == (self._start, self._end):
            return self._points
        # Points are only cut off in front and added behind; any other move reads them anew.
        if start < self._start or end < self._end or start >= self._end:
            self._begin_at(start)
        fresh = [trade.situation for trade in self._timeline.trades[self._end : end]]
        kept = self._points.columns[:, start - self._start :]
        self._points = _Points(np.concatenate((kept, _columns(fresh)), axis=1))
        self._start, self._end = start, end
        return self._points

    def _begin_at(self, place: int) -> None:
        self._start = self._end = place
        self._points = _Points(_columns(()))


class _Points:
    """Points that never change, with what of them is not known."""

    __slots__ = ("_has_gaps", "_known", "_unknown", "columns")

    def __init__(self, columns: _Columns) -> None:
        self.columns = columns
        self._unknown = np.isnan(columns)
        self._known = _known_axes(self._unknown)
        self._has_gaps = bool(self._unknown.any())

    def distances(self, point: tuple[float, ...]) -> NDArray[np.float32]:
        """Return how far each is from a point, over the axes known to both."""
        away = self.columns - np.array(point, dtype=np.float32)[:, np.newaxis]
        squares = away * away
        known = self._known
        # Nearly always the point itself has no gaps, and so those of the others are all there are.
        if math.isnan(sum(point)):
            unknown = np.isnan(squares)
            known = _known_axes(unknown)
            np.copyto(squares, 0.0, where=unknown)
        elif self._has_gaps:
            np.copyto(squares, 0.0, where=self._unknown)
        distances: NDArray[np.float32] = np.sqrt(np.add.reduce(squares) / known)
        return distances


def _known_axes(unknown: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how many axes of each column are known."""
    known: NDArray[np.float32] = len(AXES) - np.add.reduce(unknown, dtype=np.float32)
    return known


def _columns(situations: Sequence[tuple[float, ...] | None]) -> _Columns:
    columns = np.array(situations, dtype=np.float32).reshape(-1, len(AXES))
    return np.ascontiguousarray(columns.T)

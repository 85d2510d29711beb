"""Trades in the order they closed, and stretches of them that are tallied as time moves on."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar

from llm_modules.learning.remembered import RememberedTrade

_closed_at = attrgetter("closed_at")
# Beyond the close only to give equal times one order, whatever order they came in.
_order = attrgetter("closed_at", "opened_at", "trade_id")


class Tally(Protocol):
    """Anything trades can be added to and taken from again, with nothing left of them."""

    def add(self, trade: RememberedTrade) -> None:
        """Take in one trade."""
        ...

    def remove(self, trade: RememberedTrade) -> None:
        """Undo an `add`."""
        ...


TallyT = TypeVar("TallyT", bound=Tally)


class Timeline:
    """Trades ordered by their close; a new one is appended, only a late one is sorted in."""

    __slots__ = ("_stretches", "trades")

    def __init__(self) -> None:
        self.trades: list[RememberedTrade] = []
        self._stretches: list[Stretch[Any]] = []

    def add(self, trade: RememberedTrade) -> int:
        """Take in a trade and return its place, counted from the oldest."""
        trades = self.trades
        if not trades or trades[-1].closed_at < trade.closed_at:
            trades.append(trade)
            return len(trades) - 1
        place = bisect_right(trades, _order(trade), key=_order)
        trades.insert(place, trade)
        for stretch in self._stretches:
            stretch.inserted(place)
        return place

    def before(self, at: datetime) -> int:
        """Return how many trades closed strictly before a time."""
        return bisect_left(self.trades, at, key=_closed_at)

    def stretch(self, empty: Callable[[], TallyT]) -> "Stretch[TallyT]":
        """Return a stretch of this timeline, kept up to date from now on; it is never let go."""
        stretch = Stretch(self.trades, empty)
        self._stretches.append(stretch)
        return stretch


class Stretch(Generic[TallyT]):
    """Neighbouring trades of a timeline and their tally; moving costs what enters and leaves."""

    __slots__ = ("_empty", "_end", "_start", "_tally", "_trades")

    def __init__(self, trades: list[RememberedTrade], empty: Callable[[], TallyT]) -> None:
        self._trades = trades
        self._empty = empty
        self._start = self._end = 0
        self._tally = empty()

    def over(self, start: int, end: int) -> TallyT:
        """Move to the trades from place `start` on and before place `end`; return their tally."""
        if start >= self._end or end <= self._start:
            self._start = self._end = start
            self._tally = self._empty()
        tally, trades = self._tally, self._trades
        for trade in (*trades[start : self._start], *trades[self._end : end]):
            tally.add(trade)
        for trade in (*trades[self._start : start], *trades[end : self._end]):
            tally.remove(trade)
        self._start, self._end = start, end
        return tally

    def inserted(self, place: int) -> None:
        """Take note of a trade that was sorted in at a place."""
        if place >= self._end:
            return
        self._end += 1
        if place < self._start:
            self._start += 1
        else:
            self._tally.add(self._trades[place])


class Newest(Generic[TallyT]):
    """The tally of the last trades before a time, never more than a number of them."""

    def __init__(self, timeline: Timeline, count: int, empty: Callable[[], TallyT]) -> None:
        self._timeline = timeline
        self._count = count
        self._stretch = timeline.stretch(empty)

    def before(self, at: datetime) -> TallyT:
        """Return the tally of the last trades closed strictly before a time."""
        end = self._timeline.before(at)
        return self._stretch.over(max(0, end - self._count), end)

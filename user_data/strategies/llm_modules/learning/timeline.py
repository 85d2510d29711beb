"""Trades in the order they closed, and what follows them: sums up to a time, sliding tallies."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from llm_modules.learning.remembered import RememberedTrade

_closed_at = attrgetter("closed_at")
# Beyond the close only to give equal times one order, whatever order they came in.
_order = attrgetter("closed_at", "opened_at", "trade_id")


class Sum(Protocol):
    """Anything that trades can be added to, in any order with the same result."""

    def add(self, trade: RememberedTrade) -> None:
        """Take in one more trade."""
        ...


class Tally(Sum, Protocol):
    """A sum that trades can be taken from again, with nothing left of them."""

    def remove(self, trade: RememberedTrade) -> None:
        """Undo an `add`."""
        ...


class Follower(Protocol):
    """Whoever has counted trades of a timeline and must hear of one sorted in among them."""

    def inserted(self, place: int) -> None:
        """Take note of a trade that was sorted in at a place."""
        ...


SumT = TypeVar("SumT", bound=Sum)
TallyT = TypeVar("TallyT", bound=Tally)


class Timeline:
    """Trades ordered by their close; a new one is appended, only a late one is sorted in."""

    __slots__ = ("_followers", "trades")

    def __init__(self) -> None:
        self.trades: list[RememberedTrade] = []
        self._followers: list[Follower] = []

    def add(self, trade: RememberedTrade) -> int:
        """Take in a trade and return its place, counted from the oldest."""
        trades = self.trades
        # By far the usual case: no search, and no follower has counted beyond the end.
        if not trades or trades[-1].closed_at < trade.closed_at:
            trades.append(trade)
            return len(trades) - 1
        place = bisect_right(trades, _order(trade), key=_order)
        trades.insert(place, trade)
        for follower in self._followers:
            follower.inserted(place)
        return place

    def before(self, at: datetime) -> int:
        """Return how many trades closed strictly before a time."""
        trades = self.trades
        # By far the usual case: all are, for it is asked about now.
        if not trades or trades[-1].closed_at < at:
            return len(trades)
        return bisect_left(trades, at, key=_closed_at)

    def stretch(self, empty: Callable[[], TallyT]) -> "Stretch[TallyT]":
        """Return a stretch of this timeline, kept up to date from now on; it is never let go."""
        stretch = Stretch(self.trades, empty)
        self._followers.append(stretch)
        return stretch

    def up_to(self, empty: Callable[[], SumT]) -> "UpTo[SumT]":
        """Return the sum of this timeline up to a time, kept up to date; it is never let go."""
        sums = UpTo(self, empty)
        self._followers.append(sums)
        return sums


class UpTo(Generic[SumT]):
    """The sum of all trades before a time; as time moves on each is added once."""

    __slots__ = ("_empty", "_end", "_sum", "_timeline")

    def __init__(self, timeline: Timeline, empty: Callable[[], SumT]) -> None:
        self._timeline = timeline
        self._empty = empty
        self._end = 0
        self._sum = empty()

    def before(self, at: datetime) -> SumT:
        """Return the sum of all trades closed strictly before a time."""
        end = self._timeline.before(at)
        # A sum cannot be taken back, so an earlier question starts again; live, time moves on.
        if end < self._end:
            self._end, self._sum = 0, self._empty()
        for trade in self._timeline.trades[self._end : end]:
            self._sum.add(trade)
        self._end = end
        return self._sum

    def inserted(self, place: int) -> None:
        """Take note of a trade that was sorted in at a place."""
        if place < self._end:
            self._end += 1
            self._sum.add(self._timeline.trades[place])


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
        # Without a trade in common, taking all of the last ones out would cost as much again.
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
        # Behind the stretch it moves nothing in it.
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

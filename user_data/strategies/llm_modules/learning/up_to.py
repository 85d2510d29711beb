"""What closed trades add up to as of a time, without counting every trade for every question."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.remembered import RememberedTrade

_EVER = datetime.min.replace(tzinfo=UTC)


class Sum(Protocol):
    """Anything that trades can be added to, in any order with the same result."""

    def add(self, trade: RememberedTrade) -> None:
        """Take in one more trade."""
        ...


SumT = TypeVar("SumT", bound=Sum)


class UpTo(Generic[SumT]):
    """Adds each trade of the history once, as time moves on; called from one thread only.

    All trades of the history that closed before `_until` are in the sum.
    """

    def __init__(self, history: HistoricalQueryEngine, empty: Callable[[], SumT]) -> None:
        self._history = history
        self._empty = empty
        self._until = _EVER
        self._sum = empty()

    def add(self, trade: RememberedTrade) -> None:
        """Take in a trade that has just joined the history, if its time was already looked at."""
        if trade.closed_at < self._until:
            self._sum.add(trade)

    def before(self, at: datetime) -> SumT:
        """Return the sum of all trades closed strictly before a time."""
        # A sum cannot be taken back, so an earlier question starts again; live, time moves on.
        if at < self._until:
            self._until, self._sum = _EVER, self._empty()
        for trade in self._history.closed_between(self._until, at):
            self._sum.add(trade)
        self._until = at
        return self._sum

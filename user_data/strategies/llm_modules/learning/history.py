"""HistoricalQueryEngine: closed trades in memory, found and summed up without scanning them."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from llm_modules.domain import Regime, Side
from llm_modules.learning.breakdowns import TradeStatistics, TradeTally
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.similar import Neighbour, Situations
from llm_modules.learning.timeline import Newest, Stretch, SumT, TallyT, Timeline, UpTo

# How many trades were taken in, and how many of them count.
Edition = tuple[int, int]
# The same, and how many of those that count are older than a period.
Period = tuple[Edition, int]
_Key = tuple[str | None, Side | None, Regime | None]


class HistoricalQueryEngine:
    """Holds every closed trade, ordered by closing time within each pair, side and regime.

    What a trade or a question costs does not depend on how many trades there are, unless closes
    arrive far out of order. Called from one thread only; `knows` alone may be asked from another.
    """

    def __init__(self, trades: Iterable[RememberedTrade] = ()) -> None:
        # Freqtrade counts trades from 1 again in a new database, so an id alone names no trade.
        self._known: set[tuple[int, datetime]] = set()
        self._all = Timeline()
        self._timelines: dict[_Key, Timeline] = {(None, None, None): self._all}
        self._shelves: dict[_Key, tuple[Timeline, ...]] = {}
        self._windows: dict[tuple[_Key, int], Stretch[TradeTally]] = {}
        self._situations = Situations()
        for trade in trades:
            self.add(trade)

    def add(self, trade: RememberedTrade) -> None:
        """Take in one closed trade; one with a known id and opening time is ignored."""
        identity = (trade.trade_id, trade.opened_at)
        if identity in self._known:
            return
        self._known.add(identity)
        for timeline in self._timelines_of(trade):
            timeline.add(trade)
        self._situations.add(trade)

    def knows(self, trade_id: int, opened_at: datetime) -> bool:
        """Tell whether a trade has been taken in."""
        return (trade_id, opened_at) in self._known

    def edition(self, before: datetime) -> Edition:
        """Name the trades closed strictly before a time: the same name, the same trades."""
        return len(self._known), self._all.before(before)

    def period(self, edition: Edition, *, before: datetime, days: int) -> Period:
        """Name those of an edition that closed within so many days: the same name, the same."""
        return edition, self._all.before(before - timedelta(days=days))

    def recent(
        self, count: int, *, pair: str | None = None, before: datetime
    ) -> tuple[RememberedTrade, ...]:
        """Return the last trades closed strictly before a time, newest first."""
        timeline = self._timelines.get((pair, None, None), _NOTHING)
        end = timeline.before(before)
        return tuple(reversed(timeline.trades[max(0, end - count) : end]))

    def newest(self, count: int) -> tuple[RememberedTrade, ...]:
        """Return the last trades of all, newest first."""
        return tuple(reversed(self._all.trades[-count:]))

    def statistics(
        self,
        *,
        pair: str | None,
        before: datetime,
        days: int = 30,
        side: Side | None = None,
        regime: Regime | None = None,
    ) -> TradeStatistics:
        """Return the numbers of the trades closed within so many days before a time.

        Only what entered and left that window since the last question is counted; while nothing
        did, the answer is the same object.
        """
        key = (pair, side, regime)
        timeline = self._timelines.get(key)
        # Before the first trade of a pair nothing is kept of a question about it.
        if timeline is None:
            return TradeTally(days).statistics()
        window = self._windows.get((key, days))
        if window is None:
            # Kept for good: there are no more kinds of question than pairs and periods.
            window = self._windows[key, days] = timeline.stretch(partial(TradeTally, days))
        start = timeline.before(before - timedelta(days=days))
        return window.over(start, timeline.before(before)).statistics()

    def similar(
        self, situation: tuple[float, ...] | None, *, before: datetime, count: int
    ) -> tuple[Neighbour, ...]:
        """Return past entries into a market near to this one, of all pairs, nearest first."""
        if situation is None:
            return ()
        return self._situations.nearest(situation, before=before, count=count)

    def last(self, count: int, empty: Callable[[], TallyT]) -> Newest[TallyT]:
        """Return a tally of the last trades, which follows time from question to question."""
        return Newest(self._all, count, empty)

    def up_to(self, empty: Callable[[], SumT]) -> UpTo[SumT]:
        """Return a sum of all trades before a time, which follows it from question to question."""
        return self._all.up_to(empty)

    def _timelines_of(self, trade: RememberedTrade) -> tuple[Timeline, ...]:
        # Eight lists instead of one: no question has to filter what it finds.
        shelf: _Key = (trade.pair, trade.side, trade.regime)
        timelines = self._shelves.get(shelf)
        if timelines is None:
            timelines = self._shelves[shelf] = tuple(
                self._timelines.setdefault((pair, side, regime), Timeline())
                for pair in (None, trade.pair)
                for side in (None, trade.side)
                for regime in (None, trade.regime)
            )
        return timelines


_NOTHING = Timeline()

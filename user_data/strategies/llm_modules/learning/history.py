"""HistoricalQueryEngine: closed trades in memory, found by pair, side and time without scanning."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum

from llm_modules.domain import Side
from llm_modules.journal.records import TradeRecord
from llm_modules.metrics import expectancy, profit_factor, win_rate

SIDES: tuple[Side, ...] = ("long", "short")

_Key = tuple[str | None, Side | None]
_Identity = tuple[int, datetime]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """How the trades of one group ended."""

    n: int
    wins: int
    mean_profit_ratio: float


@dataclass(frozen=True, slots=True)
class TradeStatistics:
    """Closed trades of a period in numbers; rates 0..1, profits as leveraged ratios.

    `profit_factor` and `expectancy` (per unit of the average loss) are None while nothing was
    lost. The breakdowns hold only groups that have trades.
    """

    n: int
    wins: int
    win_rate: float
    mean_profit_ratio: float
    profit_factor: float | None
    expectancy: float | None
    by_side: Mapping[Side, Breakdown]
    by_exit_reason: Mapping[str, Breakdown]


class HistoricalQueryEngine:
    """Holds every closed trade, ordered by closing time within each pair and side.

    Adding costs the same however many trades there are, unless closes arrive out of order; a
    question about one pair never looks at another. Called from one thread only.
    """

    def __init__(self, records: Iterable[TradeRecord] = ()) -> None:
        # Freqtrade counts trades from 1 again in a new database, so an id alone names no trade.
        self._known: dict[_Identity, TradeRecord] = {}
        self._closed: defaultdict[_Key, list[TradeRecord]] = defaultdict(list)
        self._statistics: dict[str | None, tuple[tuple[int, ...], TradeStatistics]] = {}
        for record in records:
            self.add(record)

    def add(self, record: TradeRecord) -> None:
        """Take in one closed trade; one with a known id and opening time is ignored."""
        identity = (record.trade_id, record.opened_at)
        if identity in self._known:
            return
        self._known[identity] = record
        # Four short lists instead of one long one: no question has to filter what it finds.
        for pair in (None, record.pair):
            for side in (None, record.side):
                _insert(self._closed[pair, side], record)

    def get(self, trade_id: int, opened_at: datetime) -> TradeRecord | None:
        """Return the record of a trade, or None when it is not known."""
        return self._known.get((trade_id, opened_at))

    def recent(
        self, count: int, *, pair: str | None = None, before: datetime
    ) -> tuple[TradeRecord, ...]:
        """Return the last trades closed strictly before a time, newest first."""
        # `get`, because a question must not leave an empty list behind in a defaultdict.
        closed = self._closed.get((pair, None), [])
        end = _first_at_or_after(closed, before)
        return tuple(reversed(closed[max(0, end - count) : end]))

    def closed_between(
        self, start: datetime, end: datetime, *, pair: str | None = None, side: Side | None = None
    ) -> Sequence[TradeRecord]:
        """Return the trades closed from `start` on and strictly before `end`, oldest first."""
        closed = self._closed.get((pair, side), [])
        return closed[_first_at_or_after(closed, start) : _first_at_or_after(closed, end)]

    def statistics(self, *, pair: str | None, before: datetime, days: int = 30) -> TradeStatistics:
        """Return the numbers of the trades closed within so many days before a time."""
        start = before - timedelta(days=days)
        closed = self._closed.get((pair, None), [])
        # Trades are only ever added, so these three numbers name one unchanging set of trades.
        window = (
            _first_at_or_after(closed, start),
            _first_at_or_after(closed, before),
            len(closed),
        )
        known = self._statistics.get(pair)
        if known is not None and known[0] == window:
            return known[1]
        by_side = {side: self.closed_between(start, before, pair=pair, side=side) for side in SIDES}
        statistics = _statistics(closed[window[0] : window[1]], by_side)
        self._statistics[pair] = (window, statistics)
        return statistics


def _order(record: TradeRecord) -> tuple[datetime, datetime, int]:
    # Beyond the close only to give equal times one order, whatever order they came in.
    return record.closed_at, record.opened_at, record.trade_id


def _closed_at(record: TradeRecord) -> datetime:
    return record.closed_at


def _insert(closed: list[TradeRecord], record: TradeRecord) -> None:
    # Trades arrive as they close, so the search is for the rare one that comes late.
    if not closed or _order(closed[-1]) < _order(record):
        closed.append(record)
    else:
        closed.insert(bisect_right(closed, _order(record), key=_order), record)


def _first_at_or_after(closed: Sequence[TradeRecord], at: datetime) -> int:
    return bisect_left(closed, at, key=_closed_at)


def _statistics(
    records: Sequence[TradeRecord], by_side: Mapping[Side, Sequence[TradeRecord]]
) -> TradeStatistics:
    by_exit_reason: defaultdict[str, list[float]] = defaultdict(list)
    for record in records:
        by_exit_reason[record.exit_reason].append(record.profit_ratio)
    profits = _profits(records)
    whole = _breakdown(profits)
    return TradeStatistics(
        n=whole.n,
        wins=whole.wins,
        win_rate=win_rate(profits),
        mean_profit_ratio=whole.mean_profit_ratio,
        profit_factor=profit_factor(profits),
        expectancy=expectancy(profits),
        by_side={side: _breakdown(_profits(group)) for side, group in by_side.items() if group},
        by_exit_reason={reason: _breakdown(group) for reason, group in by_exit_reason.items()},
    )


def _profits(records: Sequence[TradeRecord]) -> list[float]:
    return [record.profit_ratio for record in records]


def _breakdown(profits: Sequence[float]) -> Breakdown:
    wins = len([profit for profit in profits if profit > 0])
    mean = fsum(profits) / len(profits) if profits else 0.0
    return Breakdown(len(profits), wins, mean)

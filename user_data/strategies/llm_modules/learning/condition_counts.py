"""How closed trades ended under each condition they met, per side, in bounded memory."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from llm_modules.domain import Side
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.significance import MOST_VALUES, bootstrap_interval
from llm_modules.metrics import wilson_interval

# What a bootstrap takes: nobody else asks for single results.
NEWEST_KEPT = MOST_VALUES
# Lists are tidied up for so many trades at once, so that it costs little per trade.
_TRADES_AT_ONCE = 2000
# Profits are summed as whole numbers of 1e-12: floats would add up differently in another order.
_UNIT = 1e12
# Beyond 100,000 % is a damaged line, and must not be all that a mean consists of.
_FURTHEST_RATIO = 1000.0

_SIDES: tuple[Side, ...] = ("long", "short")
# When a trade closed, its number and its profit in units: enough for one order of all trades.
_Result = tuple[float, int, int]


@dataclass(slots=True)
class Results:
    """How some trades ended: all of them as numbers, the newest one by one as well.

    Results are appended to `newest` and counted when somebody asks: a million trades with eleven
    conditions each come in at the start.
    """

    newest: list[_Result] = field(default_factory=list)
    counted: int = 0
    n: int = 0
    wins: int = 0
    profit: int = 0

    def count(self) -> None:
        """Bring the numbers up to date."""
        profits = [profit for _, _, profit in self.newest[self.counted :]]
        self.n += len(profits)
        self.wins += len([profit for profit in profits if profit > 0])
        self.profit += sum(profits)
        self.counted = len(self.newest)

    def let_go(self) -> None:
        """Keep only the newest by their close, whatever order they came in."""
        self.count()
        self.newest.sort()
        del self.newest[:-NEWEST_KEPT]
        self.counted = len(self.newest)


@dataclass(frozen=True)
class Group:
    """The trades of one side, or of both (None), that met a condition; all without a condition.

    It holds until the next trade of the kind is added.
    """

    side: Side | None
    condition: str
    n: int
    wins: int
    mean_profit_ratio: float
    _parts: tuple[Results, ...]

    @property
    def win_rate(self) -> float:
        """Share of the trades that ended in profit, 0..1; 0.0 without any."""
        return self.wins / self.n if self.n else 0.0

    @cached_property
    def win_rate_interval(self) -> tuple[float, float]:
        """The Wilson 95 % interval of the win rate."""
        return wilson_interval(self.wins, self.n)

    @cached_property
    def mean_interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean profit, its spread taken from the newest trades.

        The spread of a mean shrinks with the root of their number: with more trades than are kept
        one by one, it is scaled to all of them, around the mean of all.
        """
        newest = self.newest_profits()
        low, high = bootstrap_interval(newest)
        middle = sum(newest) / len(newest)
        scale = (len(newest) / self.n) ** 0.5
        mean = self.mean_profit_ratio
        return mean + (low - middle) * scale, mean + (high - middle) * scale

    def newest_profits(self) -> list[float]:
        """Return the profits of the trades closed last, at most 500, oldest first."""
        for part in self._parts:
            part.let_go()
        newest = sorted([result for part in self._parts for result in part.newest])
        units = np.array([profit for _, _, profit in newest[-NEWEST_KEPT:]], dtype=np.float64)
        profits: list[float] = (units / _UNIT).tolist()
        return profits


@dataclass(slots=True)
class ConditionCounts:
    """Results under each condition, per side: a `Sum` of the model's own trades.

    Trades that people or a halt ended say nothing about the model. `n` is the number counted.
    """

    n: int = 0
    _all: dict[Side, Results] = field(default_factory=lambda: {side: Results() for side in _SIDES})
    _by_side: dict[Side, defaultdict[str, Results]] = field(
        default_factory=lambda: {side: defaultdict(Results) for side in _SIDES}
    )
    _groups: dict[tuple[Side | None, str], Group] = field(default_factory=dict)

    def add(self, trade: RememberedTrade) -> None:
        """Count one more trade under each condition it met."""
        if not trade.is_own:
            return
        self.n += 1
        profit_ratio = max(-_FURTHEST_RATIO, min(_FURTHEST_RATIO, trade.profit_ratio))
        # The close first, so that sorting results sorts them by time; the id settles equal times.
        result = (trade.closed_at.timestamp(), trade.trade_id, round(profit_ratio * _UNIT))
        self._all[trade.side].newest.append(result)
        by_condition = self._by_side[trade.side]
        for condition in trade.conditions:
            by_condition[condition].newest.append(result)
        if self.n % _TRADES_AT_ONCE == 0:
            self._let_go()

    def total(self, side: Side | None = None) -> Group:
        """Return all trades counted, or those of one side."""
        parts = self._all.values() if side is None else (self._all[side],)
        return self._group(side, "", *parts)

    def groups(self) -> Iterator[Group]:
        """Yield the trades under each condition, then those of either side where it adds to it."""
        long, short = self._by_side["long"], self._by_side["short"]
        for condition in sorted({*long, *short}):
            # `get`, because a question must not leave an empty entry behind in a defaultdict.
            met = long.get(condition), short.get(condition)
            parts = [results for results in met if results is not None]
            yield self._group(None, condition, *parts)
            # Met on one side only, the side would say the same of the same trades.
            if len(parts) == len(_SIDES):
                for side, results in zip(_SIDES, parts, strict=True):
                    yield self._group(side, condition, results)

    def _group(self, side: Side | None, condition: str, *parts: Results) -> Group:
        n = 0
        for part in parts:
            if part.counted < len(part.newest):
                part.count()
            n += part.n
        known = self._groups.get((side, condition))
        # Of a hundred groups a trade joins twenty; what was worked out of the others stands.
        if known is None or known.n != n:
            wins = sum(part.wins for part in parts)
            mean = sum(part.profit for part in parts) / _UNIT / n if n else 0.0
            known = self._groups[side, condition] = Group(side, condition, n, wins, mean, parts)
        return known

    def _let_go(self) -> None:
        for results in self._all.values():
            results.let_go()
        for by_condition in self._by_side.values():
            for results in by_condition.values():
                results.let_go()

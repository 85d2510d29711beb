"""PatternAnalyzer: under which conditions trades went better or worse than usual, beyond luck."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from llm_modules.domain import Side
from llm_modules.learning.condition_counts import ConditionCounts, Group
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.significance import (
    benjamini_hochberg,
    binomial_p_value,
)
from llm_modules.learning.wording import percent
from llm_modules.phrases import Phrases

FEWEST_TRADES = 8
FALSE_DISCOVERY_RATE = 0.05
# More would be read by no one, and the seventh is the least sure.
MOST_TOLD = 6

_SIDES: tuple[Side | None, ...] = (None, "long", "short")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A condition under which trades won more or less often than usual, by more than chance.

    `condition` is a code of `conditions.py`. Usual is the win rate of all trades, or with a `side`
    that of its trades. Rates are 0..1; with 95 % confidence `low` and `high` bound the win rate,
    `mean_low` and `mean_high` the mean profit.
    """

    kind: Literal["success", "failure"]
    side: Side | None
    condition: str
    n: int
    wins: int
    low: float
    high: float
    mean_profit_ratio: float
    mean_low: float
    mean_high: float
    usual_win_rate: float

    @property
    def win_rate(self) -> float:
        """Share of the trades under these conditions that ended in profit."""
        return self.wins / self.n


class PatternAnalyzer:
    """Tells the patterns as they were known at some time; called from one thread only.

    They are looked for again only when a trade was counted since the last question.
    """

    def __init__(self, history: HistoricalQueryEngine) -> None:
        self._counts = history.up_to(ConditionCounts)
        self._asked: tuple[ConditionCounts, int] | None = None
        self._patterns: tuple[Pattern, ...] = ()

    def before(self, at: datetime) -> tuple[Pattern, ...]:
        """Return the patterns of all trades closed strictly before a time, the surest first."""
        counts = self._counts.before(at)
        # Trades are only ever added to one count, so itself and its number name one set of them.
        if self._asked is None or self._asked[0] is not counts or self._asked[1] != counts.n:
            self._patterns = patterns_in(counts)
            self._asked = counts, counts.n
        return self._patterns


def patterns_in(counts: ConditionCounts) -> tuple[Pattern, ...]:
    """Return the patterns of trades worth telling: at most 6, the surest first.

    A pattern must pass three times: its exact binomial test survives Benjamini-Hochberg over
    all groups that were tested, its Wilson interval excludes the usual win rate, and its mean
    profit does not contradict its win rate. Where a condition passes for all trades and for
    those of a side, only the surer is told.
    """
    totals = {side: counts.total(side) for side in _SIDES}
    # Too few can prove nothing, and each group tested makes the limit stricter for all. What
    # every trade met can differ from nothing: asking it would only blunt the correction.
    tested = [
        (group, usual)
        for group in counts.groups()
        if FEWEST_TRADES <= group.n < (usual := totals[group.side]).n
    ]
    p_values = [_p_value(group, usual) for group, usual in tested]
    limit = benjamini_hochberg(p_values, FALSE_DISCOVERY_RATE)
    unusual = [
        _Unusual(group, usual, p_value)
        for (group, usual), p_value in zip(tested, p_values, strict=True)
        if p_value <= limit
    ]
    found = [item for item in unusual if item.is_confirmed]
    found.sort(key=lambda item: item.p_value)
    return tuple(_pattern(item) for item in _without_repetition(found)[:MOST_TOLD])


def pattern_sentence(pattern: Pattern, phrases: Phrases) -> str:
    """Say a pattern in one line, with its number of trades and both intervals."""
    condition = phrases(f"patterns.condition.{pattern.condition}")
    if pattern.side is not None:
        side = phrases(f"patterns.condition.side.{pattern.side}")
        condition = phrases("patterns.both", side=side, condition=condition)
    return phrases(
        f"patterns.{pattern.kind}",
        condition=condition,
        n=pattern.n,
        win_rate=100 * pattern.win_rate,
        low=100 * pattern.low,
        high=100 * pattern.high,
        usual=100 * pattern.usual_win_rate,
        of=phrases(f"patterns.of.{pattern.side or 'all'}"),
        mean=percent(pattern.mean_profit_ratio),
        mean_low=percent(pattern.mean_low),
        mean_high=percent(pattern.mean_high),
    )


@dataclass(frozen=True, slots=True)
class _Unusual:
    """A group of trades, those it differs from, and how probable its win rate is by chance."""

    group: Group
    usual: Group
    p_value: float

    @property
    def is_better(self) -> bool:
        """Whether the group wins more often than usual."""
        return self.group.win_rate > self.usual.win_rate

    @property
    def is_confirmed(self) -> bool:
        """Whether the mean profit says the same as the win rate."""
        mean, usual = self.group.mean_profit_ratio, self.usual.mean_profit_ratio
        return mean >= usual if self.is_better else mean <= usual


def _p_value(group: Group, usual: Group) -> float:
    """Return how probable a win rate is by chance; 1.0 where its Wilson interval holds the usual.

    Interval and test are two approximations of the same doubt, which differ for few trades: the
    stricter one decides.
    """
    low, high = group.win_rate_interval
    # It could not be told whatever its test said. A group that is counted as tested with a p-value
    # above its own only makes Benjamini-Hochberg stricter for the others.
    if low <= usual.win_rate <= high:
        return 1.0
    return binomial_p_value(group.wins, group.n, usual.win_rate)


def _without_repetition(found: Iterable[_Unusual]) -> list[_Unusual]:
    """Leave out a condition already told of all trades, or of one of their sides."""
    told: list[_Unusual] = []
    for item in found:
        alike = [other.group for other in told if other.group.condition == item.group.condition]
        # What holds on one side says nothing about the other.
        if all(other.side and item.group.side for other in alike):
            told.append(item)
    return told


def _pattern(item: _Unusual) -> Pattern:
    group = item.group
    low, high = group.win_rate_interval
    mean_low, mean_high = group.mean_interval
    return Pattern(
        kind="success" if item.is_better else "failure",
        side=group.side,
        condition=group.condition,
        n=group.n,
        wins=group.wins,
        low=low,
        high=high,
        mean_profit_ratio=group.mean_profit_ratio,
        mean_low=mean_low,
        mean_high=mean_high,
        usual_win_rate=item.usual.win_rate,
    )

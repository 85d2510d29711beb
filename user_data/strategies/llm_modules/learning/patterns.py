"""PatternAnalyzer: under which conditions trades went better or worse than usual, beyond luck."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from llm_modules.domain import Side
from llm_modules.learning.condition_counts import ConditionCounts, Group
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.significance import (
    benjamini_hochberg,
    binomial_p_value,
    bootstrap_interval,
)
from llm_modules.learning.wording import percent
from llm_modules.metrics import wilson_interval
from llm_modules.phrases import Phrases

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
    p_value: float
    usual_win_rate: float

    @property
    def win_rate(self) -> float:
        """Share of the trades under these conditions that ended in profit."""
        return self.wins / self.n


class PatternAnalyzer:
    """Finds conditions with an unusual win rate among those met by at least so many trades."""

    def __init__(self, minimum_trades: int = 8) -> None:
        self._minimum_trades = minimum_trades

    def patterns(self, trades: Iterable[RememberedTrade]) -> tuple[Pattern, ...]:
        """Return the patterns of these trades worth telling, the surest first."""
        counts = ConditionCounts()
        for trade in trades:
            counts.add(trade)
        return self.told(counts)

    def told(self, counts: ConditionCounts) -> tuple[Pattern, ...]:
        """Return the patterns worth telling of trades already counted: at most 6, surest first.

        A pattern must pass three times: its exact binomial test survives Benjamini-Hochberg over
        all groups that were tested, its Wilson interval excludes the usual win rate, and its mean
        profit does not contradict its win rate. Where a condition passes for all trades and for
        those of a side, only the surer is told.
        """
        totals = {side: counts.total(side) for side in _SIDES}
        compared = [(group, totals[group.side]) for group in counts.groups()]
        # What every trade met can differ from nothing: asking it would only blunt the correction.
        tested = [
            _Tested(group, usual, binomial_p_value(group.wins, group.n, usual.win_rate))
            for group, usual in compared
            if self._minimum_trades <= group.n < usual.n
        ]
        limit = benjamini_hochberg([item.p_value for item in tested], FALSE_DISCOVERY_RATE)
        found = [item for item in tested if item.p_value <= limit and item.holds]
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
class _Tested:
    """A group of trades, those it is compared with, and how probable its win rate is by chance."""

    group: Group
    usual: Group
    p_value: float

    @property
    def holds(self) -> bool:
        """Whether interval and mean profit agree that the group is better, or worse, than usual."""
        group, usual = self.group, self.usual
        # Two approximations of the same doubt differ for few trades: the stricter one decides.
        low, high = wilson_interval(group.wins, group.n)
        if low > usual.win_rate:
            return group.mean_profit_ratio >= usual.mean_profit_ratio
        return high < usual.win_rate and group.mean_profit_ratio <= usual.mean_profit_ratio


def _without_repetition(found: Iterable[_Tested]) -> list[_Tested]:
    """Leave out a condition already told of all trades, or of one of their sides."""
    told: list[_Tested] = []
    for item in found:
        alike = [other.group for other in told if other.group.condition == item.group.condition]
        # What holds on one side says nothing about the other.
        if all(other.side and item.group.side for other in alike):
            told.append(item)
    return told


def _pattern(item: _Tested) -> Pattern:
    group = item.group
    low, high = wilson_interval(group.wins, group.n)
    mean_low, mean_high = _mean_interval(group)
    return Pattern(
        kind="success" if group.win_rate > item.usual.win_rate else "failure",
        side=group.side,
        condition=group.condition,
        n=group.n,
        wins=group.wins,
        low=low,
        high=high,
        mean_profit_ratio=group.mean_profit_ratio,
        mean_low=mean_low,
        mean_high=mean_high,
        p_value=item.p_value,
        usual_win_rate=item.usual.win_rate,
    )


def _mean_interval(group: Group) -> tuple[float, float]:
    """Return the interval of the mean profit, its spread taken from the newest trades.

    The spread of a mean shrinks with the root of their number: with more trades than are kept one
    by one, it is scaled to all of them, around the mean of all.
    """
    newest = group.newest_profits()
    low, high = bootstrap_interval(newest)
    middle = sum(newest) / len(newest)
    scale = (len(newest) / group.n) ** 0.5
    mean = group.mean_profit_ratio
    return mean + (low - middle) * scale, mean + (high - middle) * scale

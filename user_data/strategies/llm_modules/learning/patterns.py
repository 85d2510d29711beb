"""PatternAnalyzer: under which conditions trades went better or worse than usual, beyond luck."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from llm_modules.journal.records import TradeRecord
from llm_modules.learning.conditions import conditions
from llm_modules.learning.significance import benjamini_hochberg, binomial_p_value
from llm_modules.metrics import wilson_interval

FALSE_DISCOVERY_RATE = 0.05


@dataclass(frozen=True, slots=True)
class Pattern:
    """A condition whose win rate differs from that of all trades by more than chance.

    Rates are 0..1, `low` and `high` bound the win rate with 95 % confidence.
    """

    condition: str
    n: int
    wins: int
    mean_profit_ratio: float
    low: float
    high: float
    p_value: float
    overall_win_rate: float

    @property
    def win_rate(self) -> float:
        """Share of the trades under this condition that ended in profit."""
        return self.wins / self.n

    @property
    def sentence(self) -> str:
        """The pattern in one line, with its number of trades, as the model is told."""
        return (
            f"Trades with {self.condition}: {self.win_rate:.0%} won against "
            f"{self.overall_win_rate:.0%} of all, mean {self.mean_profit_ratio:+.2%} "
            f"(n={self.n}, 95 % interval {self.low:.0%} to {self.high:.0%})."
        )


@dataclass(slots=True)
class _Count:
    """Running numbers of the trades that met one condition."""

    n: int = 0
    wins: int = 0
    profit_ratio: float = 0.0

    def add(self, profit_ratio: float) -> None:
        """Count one more trade."""
        self.n += 1
        self.wins += profit_ratio > 0
        self.profit_ratio += profit_ratio


@dataclass(slots=True)
class ConditionCounts:
    """How many trades met each condition, and how they ended; grows one trade at a time."""

    total: _Count = field(default_factory=_Count)
    by_condition: dict[str, _Count] = field(default_factory=lambda: defaultdict(_Count))

    def add(self, record: TradeRecord) -> None:
        """Count one more trade under each condition it met."""
        self.total.add(record.profit_ratio)
        for condition in conditions(record):
            self.by_condition[condition].add(record.profit_ratio)


class PatternAnalyzer:
    """Finds conditions with an unusual win rate among those met by at least so many trades."""

    def __init__(self, minimum_trades: int = 8) -> None:
        self._minimum_trades = minimum_trades

    def patterns(self, records: Sequence[TradeRecord]) -> tuple[Pattern, ...]:
        """Return the significant patterns of these trades, the surest first."""
        counts = ConditionCounts()
        for record in records:
            counts.add(record)
        return self.significant(counts)

    def significant(self, counts: ConditionCounts) -> tuple[Pattern, ...]:
        """Return the significant patterns of trades already counted, the surest first.

        A pattern must pass twice: its Wilson interval excludes the overall win rate, and its
        exact binomial test survives Benjamini-Hochberg over all conditions that were tested.
        """
        # What every trade met can differ from nothing: asking it would only blunt the correction.
        tested = [
            _pattern(condition, count, counts.total)
            for condition, count in counts.by_condition.items()
            if self._minimum_trades <= count.n < counts.total.n
        ]
        limit = benjamini_hochberg([item.p_value for item in tested], FALSE_DISCOVERY_RATE)
        # Two approximations of the same doubt differ for few trades: the stricter one decides.
        found = [
            item
            for item in tested
            if item.p_value <= limit and not item.low <= item.overall_win_rate <= item.high
        ]
        return tuple(sorted(found, key=lambda item: (item.p_value, item.condition)))


def _pattern(condition: str, count: _Count, total: _Count) -> Pattern:
    overall_win_rate = total.wins / total.n
    low, high = wilson_interval(count.wins, count.n)
    return Pattern(
        condition=condition,
        n=count.n,
        wins=count.wins,
        mean_profit_ratio=count.profit_ratio / count.n,
        low=low,
        high=high,
        p_value=binomial_p_value(count.wins, count.n, overall_win_rate),
        overall_win_rate=overall_win_rate,
    )

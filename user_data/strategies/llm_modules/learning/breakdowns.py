"""Statistics of closed trades, in all and by what they have in common, counted in and out."""

from collections.abc import Mapping
from dataclasses import dataclass

from llm_modules.learning.bands import CONFIDENCE, LEVERAGE, hours
from llm_modules.learning.exact import mean, ratio, units
from llm_modules.learning.remembered import RememberedTrade

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """How the trades of one group ended; a trade that broke even is neither win nor loss.

    The means are leveraged ratios, 0 where there is none; `mean_loss_ratio` is positive.
    """

    n: int
    wins: int
    losses: int
    mean_profit_ratio: float
    mean_win_ratio: float
    mean_loss_ratio: float


@dataclass(frozen=True, slots=True)
class TradeStatistics:
    """Closed trades of a period of `days` in numbers; rates 0..1, profits as leveraged ratios.

    `profit_factor` and `expectancy` (per unit of the average loss) are None while nothing was
    lost. The breakdowns hold only groups that have trades, ordered by name; hours are those of
    the entry, UTC.
    """

    days: int
    whole: Breakdown
    profit_factor: float | None
    expectancy: float | None
    by_side: Mapping[str, Breakdown]
    by_hour: Mapping[str, Breakdown]
    by_regime: Mapping[str, Breakdown]
    by_leverage: Mapping[str, Breakdown]
    by_confidence: Mapping[str, Breakdown]
    by_exit_reason: Mapping[str, Breakdown]

    @property
    def n(self) -> int:
        """How many trades there were."""
        return self.whole.n

    @property
    def win_rate(self) -> float:
        """Share of them that ended in profit, 0..1; 0 of none."""
        return self.whole.wins / self.whole.n if self.whole.n else 0.0

    @property
    def mean_profit_ratio(self) -> float:
        """Mean profit of them all."""
        return self.whole.mean_profit_ratio


class TradeTally:
    """Counts trades in and out; what it says never depends on what it once held."""

    def __init__(self, days: int) -> None:
        self._days = days
        self._whole = _Group()
        self._groups: tuple[dict[str, _Group], ...] = ({}, {}, {}, {}, {}, {})
        self._statistics: TradeStatistics | None = None

    def add(self, trade: RememberedTrade) -> None:
        """Count one more trade."""
        self._count(trade, 1)

    def remove(self, trade: RememberedTrade) -> None:
        """Count a trade no more."""
        self._count(trade, -1)

    def statistics(self) -> TradeStatistics:
        """Return what the trades add up to; the same object until they change."""
        if self._statistics is None:
            self._statistics = self._summed_up()
        return self._statistics

    def _count(self, trade: RememberedTrade, by: int) -> None:
        self._statistics = None
        profit = trade.profit_ratio
        amount = by * units(profit)
        self._whole.count(profit, amount, by)
        for groups, name in zip(self._groups, _names(trade), strict=True):
            group = groups.get(name)
            if group is None:
                group = groups[name] = _Group()
            group.count(profit, amount, by)
            # Else a name would stay, in a row of zeros, after its last trade left the window.
            if not group.n:
                del groups[name]

    def _summed_up(self) -> TradeStatistics:
        whole = self._whole.breakdown()
        won, lost = self._whole.won, self._whole.lost
        return TradeStatistics(
            self._days,
            whole,
            ratio(won, lost) if lost else None,
            whole.mean_profit_ratio / whole.mean_loss_ratio if whole.mean_loss_ratio else None,
            *map(_breakdowns, self._groups),
        )


class _Group:
    """Trades of one name; `won` and `lost` are units, both positive."""

    __slots__ = ("_breakdown", "losses", "lost", "n", "wins", "won")

    def __init__(self) -> None:
        self.n = self.wins = self.losses = 0
        self.won = self.lost = 0
        self._breakdown: Breakdown | None = None

    def count(self, profit: float, amount: int, by: int) -> None:
        """Count a trade in or out; `amount` are its units, negative when it goes."""
        self.n += by
        if profit > 0:
            self.wins += by
            self.won += amount
        elif profit < 0:
            self.losses += by
            self.lost -= amount
        self._breakdown = None

    def breakdown(self) -> Breakdown:
        """Return the group in numbers; of hundreds few change with a trade."""
        if self._breakdown is None:
            self._breakdown = Breakdown(
                self.n,
                self.wins,
                self.losses,
                mean(self.won - self.lost, self.n),
                mean(self.won, self.wins),
                mean(self.lost, self.losses),
            )
        return self._breakdown


def _breakdowns(groups: Mapping[str, _Group]) -> dict[str, Breakdown]:
    # In the order of their names: the one they came in depends on what had been asked before.
    return {name: groups[name].breakdown() for name in sorted(groups)}


def _names(trade: RememberedTrade) -> tuple[str, ...]:
    confidence = trade.confidence_score
    return (
        trade.side,
        hours(trade.opened_at),
        trade.regime,
        LEVERAGE.of(trade.leverage),
        _UNKNOWN if confidence is None else CONFIDENCE.of(confidence),
        trade.exit_reason,
    )

"""TradeEvaluator: a closed trade becomes points in four dimensions, a score and a grade.

Profit 30, risk 25 (stop 10, leverage 10, drawdown 5), timing 25 (entry 12, exit 13) and
efficiency 20 points. All ratios are Freqtrade's leveraged profit after fees and funding.
"""

from datetime import datetime
from typing import Protocol

from llm_modules.domain import ClosedTrade
from llm_modules.journal.records import Evaluation, Grade
from llm_modules.learning.booked_risk import (
    allowed_loss_ratio,
    booked_stop,
    is_liquidated_before_stop,
)

# The specification's line; rewards begin to weigh leverage above it too.
MODEST_LEVERAGE = 5.0
# Where profit stops earning points too, so that one scale holds for both.
POOR_ENTRY_MAE_RATIO = 0.05
# Open and close in the same second must not divide by zero, nor look infinitely efficient.
SHORTEST_HOURS = 1 / 60

_GRADES: tuple[tuple[float, Grade], ...] = ((90, "S"), (80, "A"), (70, "B"), (60, "C"), (50, "D"))
_EFFICIENCY = ((0.01, 20.0), (0.005, 15.0), (0.001, 10.0), (0.0, 5.0))


class Lasting(Protocol):
    """A trade of any kind: from the desk, from the journal or remembered."""

    @property
    def opened_at(self) -> datetime:
        """When its first order was filled."""
        ...

    @property
    def closed_at(self) -> datetime:
        """When its last order was filled."""
        ...


class TradeEvaluator:
    """Scores closed trades 0..100; `max_leverage` is where leverage earns nothing any more."""

    def __init__(self, max_leverage: float) -> None:
        self._max_leverage = max_leverage

    def evaluate(self, trade: ClosedTrade) -> Evaluation:
        """Return the points of all four dimensions (two decimals), their sum and its grade."""
        # The parts are rounded before they are added, so that the record adds up for its reader.
        profit = round(profit_points(trade.profit_ratio), 2)
        risk = round(
            stop_points(trade)
            + leverage_points(trade, self._max_leverage)
            + drawdown_points(trade),
            2,
        )
        timing = round(
            entry_points(trade.mae_ratio) + exit_points(trade.profit_ratio, trade.mfe_ratio), 2
        )
        efficiency = efficiency_points(trade.profit_ratio, hours_open(trade))
        score = round(profit + risk + timing + efficiency, 2)
        return Evaluation(
            profit_points=profit,
            risk_points=risk,
            timing_points=timing,
            efficiency_points=efficiency,
            score=score,
            grade=grade_of(score),
        )


def profit_points(profit_ratio: float) -> float:
    """Return 0 points up to -5 %, 10 at 0, 20 at +5 %, 30 from +10 % on, linear between.

    The four bands of the specification lie on one line: 2 points per percent.
    """
    return _share((profit_ratio + 0.05) / 0.15) * 30


def stop_points(trade: ClosedTrade) -> float:
    """Return 10 when the loss stayed within the last stop plus slippage, 0 at twice that loss."""
    allowed = allowed_loss_ratio(trade, trade.stop_price)
    return _share(2 + trade.profit_ratio / allowed) * 10


def leverage_points(trade: ClosedTrade, max_leverage: float) -> float:
    """Return 10 up to 5x, falling to 0 at the maximum; 0 if liquidation lay before the stop."""
    if is_liquidated_before_stop(trade):
        return 0.0
    if trade.leverage <= MODEST_LEVERAGE:
        return 10.0
    # Asked before dividing: a maximum of 5x or less leaves no slope to fall along.
    if trade.leverage >= max_leverage:
        return 0.0
    return (max_leverage - trade.leverage) / (max_leverage - MODEST_LEVERAGE) * 10


def drawdown_points(trade: ClosedTrade) -> float:
    """Return 5 for a trade that was never in the red, 0 once MAE used up the booked risk."""
    return _share(1 + trade.mae_ratio / allowed_loss_ratio(trade, booked_stop(trade))) * 5


def entry_points(mae_ratio: float) -> float:
    """Return 12 for an entry that was never in the red, 0 from an MAE of -5 % on."""
    return _share(1 + mae_ratio / POOR_ENTRY_MAE_RATIO) * 12


def exit_points(profit_ratio: float, mfe_ratio: float) -> float:
    """Return 13 when all of MFE was kept, 0 when nothing was or there was nothing to keep."""
    kept = kept_share(profit_ratio, mfe_ratio)
    return 0.0 if kept is None else kept * 13


def efficiency_points(profit_ratio: float, hours: float) -> float:
    """Return 20 points above 1 % per hour, 15 above 0.5 %, 10 above 0.1 %, 5 above 0, else 0."""
    per_hour = profit_ratio / max(hours, SHORTEST_HOURS)
    return next((points for above, points in _EFFICIENCY if per_hour > above), 0.0)


def grade_of(score: float) -> Grade:
    """Return S from 90 points on, A from 80, B from 70, C from 60, D from 50, else F."""
    return next((grade for lowest, grade in _GRADES if score >= lowest), "F")


def kept_share(profit_ratio: float, mfe_ratio: float) -> float | None:
    """Return profit over MFE, 0..1; None for a trade that was never in profit."""
    # MFE comes from candles and may miss the last tick: nobody keeps more than all of it.
    best = max(mfe_ratio, profit_ratio)
    return _share(profit_ratio / best) if best > 0 else None


def hours_open(trade: Lasting) -> float:
    """Return how long a position was open, in hours."""
    return (trade.closed_at - trade.opened_at).total_seconds() / 3600


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))

"""Luck told from skill: a result against what confidence and volatility let expect of it.

One trade proves nothing. What is judged here is what a trade looks like; only over many trades do
skill and luck part, which is what calibration and patterns are for.
"""

import math

from llm_modules.config import TIMEFRAMES
from llm_modules.domain import ClosedTrade, Judgement, Thesis
from llm_modules.learning.booked_risk import overran_stop
from llm_modules.learning.evaluator import hours_open
from llm_modules.learning.excursion import FEES_RATIO, direction_was_right
from llm_modules.market.timeframes import duration_ms

# Two standard deviations, were the reach one: seen by chance in about one trade of twenty.
GREAT_SURPRISE = 2.0
_MS_PER_HOUR = 3_600_000


def surprise(trade: ClosedTrade) -> float | None:
    """Return (result - expected) / reach, to two decimals; None where one of them is unknown.

    Expected is `(2 x confidence - 1) x reach`, less the fees: a confidence of 50 % expects to lose
    no more than these.
    """
    reach = reach_ratio(trade)
    if trade.thesis is None or reach is None:
        return None
    expected = (2 * trade.thesis.confidence_score / 100 - 1) * reach - _fees_ratio(trade)
    # A market that hardly moves leaves a reach near zero, and a quotient that is no number.
    value = (trade.profit_ratio - expected) / reach
    return round(value, 2) if math.isfinite(value) else None


def reach_ratio(trade: ClosedTrade) -> float | None:
    """Return how far the leveraged profit was likely to wander while the trade was open.

    ATR stands for the size of one candle's step, and a random walk of n independent steps reaches
    about the square root of n of them (Bachelier 1900). At least one candle is counted. None
    without ATR at entry, or where the timeframe is not known.
    """
    if trade.thesis is None or trade.thesis.timeframe not in TIMEFRAMES:
        return None
    step = _step_ratio(trade.thesis) * trade.leverage
    candles = hours_open(trade) * _MS_PER_HOUR / duration_ms(trade.thesis.timeframe)
    reach = step * math.sqrt(max(1.0, candles))
    return reach if reach > 0 and math.isfinite(reach) else None


def judgement(trade: ClosedTrade, surprised: float | None) -> Judgement | None:
    """Say what a trade looks like; None for one without thesis, which nobody had decided.

    A win is luck when the direction was wrong or the surprise above 2, else skill. A loss is
    misfortune when the direction was right and the stop kept, or when the price went twice as far
    as its reach, else a mistake. Confidence excuses no loss: who is surer is not unluckier.
    """
    if trade.thesis is None:
        return None
    if trade.profit_ratio > 0:
        # Without a reach nothing is surprising: the direction alone decides.
        is_lucky = not direction_was_right(trade) or (surprised or 0.0) > GREAT_SURPRISE
        return "luck" if is_lucky else "skill"
    is_kept = direction_was_right(trade) and not overran_stop(trade)
    return "misfortune" if is_kept or _went_far(trade) else "mistake"


def _went_far(trade: ClosedTrade) -> bool:
    """Say whether the price moved against a trade by more than is likely in its time."""
    reach = reach_ratio(trade)
    loss = -trade.profit_ratio - _fees_ratio(trade)
    return reach is not None and loss > GREAT_SURPRISE * reach


def _fees_ratio(trade: ClosedTrade) -> float:
    return FEES_RATIO * trade.leverage


def _step_ratio(thesis: Thesis) -> float:
    return thesis.facts.get("atr_pct", math.nan) / 100

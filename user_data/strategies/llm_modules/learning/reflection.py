"""SelfReflectionEngine: what one closed trade teaches, by rules, in its own numbers.

Nothing a model wrote is repeated here: summary and lessons are words of ours and numbers.
Percentages are leveraged profit, as Freqtrade reports it.
"""

from llm_modules.domain import ClosedTrade
from llm_modules.journal.records import Evaluation, Reflection
from llm_modules.learning.booked_risk import overran_stop
from llm_modules.learning.evaluator import hours_open, kept_share
from llm_modules.learning.excursion import broken_level, direction_was_right
from llm_modules.learning.lessons import lessons
from llm_modules.learning.wording import percent, price

LONGEST_SUMMARY = 200
# Fees alone put a trade at 10x about one percent into the red.
SMALL_MAE_RATIO = 0.01
TIMELY_SHARE = 0.8
ACCEPTABLE_SHARE = 0.5

_CLASSES = (
    (0.05, "Large win"),
    (0.02, "Win"),
    (0.0, "Small win"),
    (-0.02, "Small loss"),
    (-0.05, "Loss"),
)


class SelfReflectionEngine:
    """Turns a closed trade and its evaluation into a summary and up to three lessons."""

    def reflect(self, trade: ClosedTrade, evaluation: Evaluation) -> Reflection:
        """Return one sentence of at most 200 characters, and lessons of at most 160 each."""
        summary = (
            f"{profit_class(trade.profit_ratio)}: {trade.side} {trade.leverage:.3g}x "
            f"{percent(trade.profit_ratio)} in {hours_open(trade):.3g} h, {_entry(trade)}, "
            f"{_thesis(trade)}, {_exit(trade)}, score {evaluation.score:.3g} {evaluation.grade}."
        )
        # Only numbers that no market has would reach the cap.
        return Reflection(summary=summary[:LONGEST_SUMMARY], lessons=lessons(trade, evaluation))


def profit_class(profit_ratio: float) -> str:
    """Return large win above 5 %, win above 2 %, small win above 0, and so on down to -5 %."""
    return next((name for above, name in _CLASSES if profit_ratio > above), "Large loss")


def exit_class(profit_ratio: float, mfe_ratio: float) -> str | None:
    """Return timely when at least 80 % of MFE was kept, acceptable from 50 % on, else late.

    None for a trade that was never in profit: there was nothing to be late for.
    """
    kept = kept_share(profit_ratio, mfe_ratio)
    if kept is None:
        return None
    if kept >= TIMELY_SHARE:
        return "timely"
    return "acceptable" if kept >= ACCEPTABLE_SHARE else "late"


def _entry(trade: ClosedTrade) -> str:
    direction = "right" if direction_was_right(trade) else "wrong"
    timing = "clean" if trade.mae_ratio >= -SMALL_MAE_RATIO else "early"
    return f"direction {direction}, {timing} entry (MAE {percent(trade.mae_ratio)})"


def _thesis(trade: ClosedTrade) -> str:
    if trade.thesis is None:
        return "no thesis"
    broken = broken_level(trade)
    return f"thesis broken at {broken.name} {price(broken.price)}" if broken else "thesis held"


def _exit(trade: ClosedTrade) -> str:
    # Beyond its stop a trade was ended by the market; what was kept says nothing then.
    if overran_stop(trade):
        return f"stop {price(trade.stop_price)} overrun"
    timeliness = exit_class(trade.profit_ratio, trade.mfe_ratio)
    if timeliness is None:
        return "never in profit"
    return f"{timeliness} exit (MFE {percent(trade.mfe_ratio)})"

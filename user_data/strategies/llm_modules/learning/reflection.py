"""SelfReflectionEngine: what one closed trade teaches, by rules, in its own numbers.

Nothing a model wrote is repeated here: summary and lessons are words of ours and numbers.
Percentages are leveraged profit, as Freqtrade reports it.
"""

from llm_modules.domain import ClosedTrade, Judgement
from llm_modules.journal.records import Evaluation, Reflection
from llm_modules.learning.booked_risk import overran_stop
from llm_modules.learning.evaluator import hours_open, kept_share
from llm_modules.learning.excursion import broken_level, direction_was_right
from llm_modules.learning.lesson_rules import STALE_HOURS, STALE_PROFIT_RATIO
from llm_modules.learning.lessons import capped, findings, lessons
from llm_modules.learning.remembered import ENDED_BY_OTHERS
from llm_modules.learning.surprise import judgement, surprise
from llm_modules.learning.wording import duration, percent, price
from llm_modules.phrases import Phrases

LONGEST_SUMMARY = 200
# Fees alone put a trade at 10x about one percent into the red.
SMALL_MAE_RATIO = 0.01
TIMELY_SHARE = 0.8
ACCEPTABLE_SHARE = 0.5

_CLASSES = (
    (0.05, "large_win"),
    (0.02, "win"),
    (0.0, "small_win"),
    (-0.02, "small_loss"),
    (-0.05, "loss"),
)


class SelfReflectionEngine:
    """Turns a closed trade and its evaluation into a summary, findings and up to three lessons."""

    def __init__(self, phrases: Phrases) -> None:
        self._phrases = phrases

    def reflect(self, trade: ClosedTrade, evaluation: Evaluation) -> Reflection:
        """Return one sentence of at most 200 characters, and lessons of at most 160 each.

        A trade that people or a halt ended, or that no decision of ours opened, is summed up, but
        neither judged nor learnt from.
        """
        if trade.thesis is None:
            parts = self._parts(trade)
            return Reflection(summary=self._summary(trade, evaluation, None, parts), lessons=())
        if trade.exit_reason in ENDED_BY_OTHERS:
            ended = self._phrases("reflection.ended")
            return Reflection(summary=self._summary(trade, evaluation, None, ended), lessons=())
        surprised = surprise(trade)
        judged = judgement(trade, surprised)
        found = findings(trade, evaluation)
        return Reflection(
            summary=self._summary(trade, evaluation, judged, self._parts(trade)),
            lessons=lessons(found, self._phrases),
            findings=found,
            judgement=judged,
            surprise=surprised,
        )

    def _summary(
        self,
        trade: ClosedTrade,
        evaluation: Evaluation,
        judged: Judgement | None,
        parts: str,
    ) -> str:
        profit = profit_class(trade.profit_ratio)
        summary = self._phrases(
            "reflection.summary",
            profit=self._phrases(f"reflection.class.{profit}"),
            judgement=self._phrases(f"reflection.judgement.{judged}") if judged else "",
            side=self._phrases(f"lessons.side.{trade.side}"),
            leverage=f"{trade.leverage:.3g}",
            result=percent(trade.profit_ratio),
            held=duration(self._phrases, hours_open(trade)),
            parts=parts,
            score=f"{evaluation.score:.3g}",
            grade=evaluation.grade,
        )
        # Only numbers that no market has would reach the cap.
        return capped(summary, LONGEST_SUMMARY)

    def _parts(self, trade: ClosedTrade) -> str:
        """Return what is to be said of holding time, entry, thesis, stop and exit, in order."""
        return self._holding(trade) + self._entry(trade) + self._thesis(trade) + self._exit(trade)

    def _holding(self, trade: ClosedTrade) -> str:
        went_nowhere = abs(trade.profit_ratio) < STALE_PROFIT_RATIO
        is_stale = went_nowhere and hours_open(trade) >= STALE_HOURS
        return self._phrases("reflection.too_long") if is_stale else ""

    def _entry(self, trade: ClosedTrade) -> str:
        direction = "right" if direction_was_right(trade) else "wrong"
        timing = "clean" if trade.mae_ratio >= -SMALL_MAE_RATIO else "early"
        return self._phrases(f"reflection.entry.{direction}_{timing}", mae=percent(trade.mae_ratio))

    def _thesis(self, trade: ClosedTrade) -> str:
        if trade.thesis is None:
            return self._phrases("reflection.thesis.none")
        broken = broken_level(trade)
        if broken is None:
            return self._phrases("reflection.thesis.held")
        return self._phrases(f"reflection.thesis.{broken.name}", price=price(broken.price))

    def _exit(self, trade: ClosedTrade) -> str:
        # Beyond its stop a trade was ended by the market; what was kept says nothing then.
        if overran_stop(trade):
            return self._phrases("reflection.stop.overrun", price=price(trade.stop_price))
        stop = self._phrases("reflection.stop.in_time") if trade.profit_ratio < 0 else ""
        timeliness = exit_class(trade.profit_ratio, trade.mfe_ratio)
        if timeliness is None:
            return stop + self._phrases("reflection.exit.never")
        return stop + self._phrases(f"reflection.exit.{timeliness}", mfe=percent(trade.mfe_ratio))


def profit_class(profit_ratio: float) -> str:
    """Return large_win above 5 %, win above 2 %, small_win above 0, and so on down to -5 %."""
    return next((name for above, name in _CLASSES if profit_ratio > above), "large_loss")


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

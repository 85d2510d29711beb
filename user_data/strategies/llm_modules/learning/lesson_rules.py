"""The rules that draw lessons from a closed trade: one function each, the costliest mistakes first.

A rule answers None when its lesson does not apply to the trade, what fills its sentence when the
trade bears the lesson out, and CONTRADICTED when the trade met the same circumstances and went the
other way. Only findings that stand carry values: nobody words the others.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from llm_modules.domain import ClosedTrade
from llm_modules.journal.records import Evaluation, Finding
from llm_modules.learning.booked_risk import (
    allowed_loss_ratio,
    booked_stop,
    is_liquidated_before_stop,
    overran_stop,
)
from llm_modules.learning.evaluator import hours_open, kept_share
from llm_modules.learning.excursion import (
    STOP,
    broken_level,
    direction_was_right,
    has_reached,
    key_level,
    worst_rate,
)
from llm_modules.learning.wording import percent, price

# At 10x a move of 0.3 % in price: less is noise, and no profit worth protecting.
TAKE_PROFIT_MFE_RATIO = 0.03
GIVEN_BACK_SHARE = 0.5
KEPT_SHARE = 0.8
# About a whole dimension of the evaluation. Within ten points is agreement; between the two nothing
# is said.
SCORE_GAP = 25.0
SCORE_MATCH = 10.0
OVERBOUGHT_RSI = 70.0
OVERSOLD_RSI = 30.0
# Between these two an entry is neither early nor clean, and says nothing.
EARLY_ENTRY_MAE_RATIO = 0.02
CLEAN_ENTRY_MAE_RATIO = 0.01
# A day: 48 candles of 30 minutes and three fundings paid, for less than 1 %.
STALE_HOURS = 24.0
STALE_PROFIT_RATIO = 0.01
# Freqtrade's names, and the desk's for a stop that it closes by itself.
STOP_EXITS = frozenset({"stop_loss", "stoploss_on_exchange", "trailing_stop_loss", "stop_crossed"})

# What fills the sentence of a lesson that a trade bears out; none of it when it contradicts.
Said = Mapping[str, str]
CONTRADICTED: Said = {}


@dataclass(frozen=True, slots=True)
class LessonRule:
    """A lesson: its code, what fills its sentence beside the side, and how a trade is judged."""

    code: str
    values: frozenset[str]
    judge: Callable[[ClosedTrade, Evaluation], Said | None]

    def finding(self, trade: ClosedTrade, evaluation: Evaluation) -> Finding | None:
        """Return what the lesson says of a trade, None when it has nothing to do with it."""
        said = self.judge(trade, evaluation)
        if said is None:
            return None
        values = {"side": trade.side, **said} if said else {}
        return Finding(code=self.code, stands=bool(said), values=values)


def _liquidation_before_stop(trade: ClosedTrade, _: Evaluation) -> Said | None:
    # Nothing contradicts it: where the two prices lie is arithmetic, not experience.
    if trade.liquidation_price is None or not is_liquidated_before_stop(trade):
        return None
    return {
        "leverage": f"{trade.leverage:.3g}",
        "liquidation": price(trade.liquidation_price),
        "stop": price(booked_stop(trade)),
    }


def _stop_overrun(trade: ClosedTrade, _: Evaluation) -> Said | None:
    # A stop behind the liquidation price could not have helped; that is the lesson above.
    if is_liquidated_before_stop(trade):
        return None
    # The stop that closed the trade counts here, however far it had been moved.
    if not overran_stop(trade):
        is_stopped_loss = trade.profit_ratio < 0 and trade.exit_reason in STOP_EXITS
        return CONTRADICTED if is_stopped_loss else None
    return {
        "leverage": f"{trade.leverage:.3g}",
        "stop": price(trade.stop_price),
        "allowed": percent(-allowed_loss_ratio(trade, trade.stop_price)),
        "result": percent(trade.profit_ratio),
    }


def _take_profit(trade: ClosedTrade, _: Evaluation) -> Said | None:
    if trade.mfe_ratio <= TAKE_PROFIT_MFE_RATIO:
        return None
    if trade.profit_ratio >= trade.mfe_ratio * GIVEN_BACK_SHARE:
        kept = kept_share(trade.profit_ratio, trade.mfe_ratio) or 0.0
        return CONTRADICTED if kept >= KEPT_SHARE else None
    return {
        "above": percent(TAKE_PROFIT_MFE_RATIO),
        "best": percent(trade.mfe_ratio),
        "result": percent(trade.profit_ratio),
    }


def _score_gap(trade: ClosedTrade, evaluation: Evaluation) -> Said | None:
    if trade.model_score is None:
        return None
    gap = abs(trade.model_score - evaluation.score)
    if gap < SCORE_GAP:
        return CONTRADICTED if gap < SCORE_MATCH else None
    return {"yours": f"{trade.model_score:.3g}", "ours": f"{evaluation.score:.3g}"}


def _against_trend(trade: ClosedTrade, _: Evaluation) -> Said | None:
    gap = _fact(trade, "ema_gap_pct")
    if gap is None or not _is_against_trend(trade):
        return None
    won = trade.profit_ratio > 0
    return _of_entry(trade, is_borne_out=won, gap=percent(gap / 100))


def _extreme_rsi(trade: ClosedTrade, _: Evaluation) -> Said | None:
    # The trend is asked first: an extreme RSI against it is the smaller part of the mistake.
    rsi = _fact(trade, "rsi")
    if rsi is None or _is_against_trend(trade) or not _is_extreme_rsi(trade):
        return None
    won = trade.profit_ratio > 0
    return _of_entry(trade, is_borne_out=won, rsi=f"{rsi:.3g}")


def _unconfirmed(trade: ClosedTrade, _: Evaluation) -> Said | None:
    if _is_against_trend(trade) or _is_extreme_rsi(trade):
        return None
    # Nothing spoke against the entry, so that a right direction alone needed no waiting for.
    return _of_entry(trade, is_borne_out=True)


def _of_entry(trade: ClosedTrade, *, is_borne_out: bool, **values: str) -> Said | None:
    """Judge an entry: a loss in the wrong direction stands, a right one borne out contradicts."""
    if direction_was_right(trade):
        return CONTRADICTED if is_borne_out else None
    if trade.profit_ratio >= 0:
        return None
    return {
        "best": percent(trade.mfe_ratio),
        "worst": percent(trade.mae_ratio),
        "result": percent(trade.profit_ratio),
        **values,
    }


def _broken_thesis(trade: ClosedTrade, _: Evaluation) -> Said | None:
    if trade.thesis is None:
        return None
    level = key_level(trade.thesis, trade.side)
    if trade.profit_ratio > 0:
        # Of a trade with additions it is not known where the price had been.
        is_known = trade.entries == 1
        was_broken = is_known and has_reached(worst_rate(trade), level.price, trade.side)
        return CONTRADICTED if was_broken else None
    broken = broken_level(trade)
    # A broken stop alone has closed the trade as it should.
    if trade.profit_ratio == 0 or broken is None or broken.name == STOP:
        return None
    return {
        "price": price(level.price),
        "close": price(trade.close_rate),
        "result": percent(trade.profit_ratio),
    }


def _early_entry(trade: ClosedTrade, _: Evaluation) -> Said | None:
    if not direction_was_right(trade):
        return None
    if trade.mae_ratio > -EARLY_ENTRY_MAE_RATIO:
        is_clean = trade.mae_ratio > -CLEAN_ENTRY_MAE_RATIO
        return CONTRADICTED if is_clean else None
    return {
        "open": price(trade.open_rate),
        "best": percent(trade.mfe_ratio),
        "worst": percent(trade.mae_ratio),
    }


def _stale(trade: ClosedTrade, _: Evaluation) -> Said | None:
    hours = hours_open(trade)
    if hours < STALE_HOURS:
        return None
    if abs(trade.profit_ratio) >= STALE_PROFIT_RATIO:
        return CONTRADICTED if trade.profit_ratio > 0 else None
    return {"hours": f"{hours:.3g}", "result": percent(trade.profit_ratio)}


def _is_against_trend(trade: ClosedTrade) -> bool:
    # Without the fact, or with both averages on one price, there is no trend to go against.
    gap = _fact(trade, "ema_gap_pct") or 0.0
    return gap < 0 if trade.side == "long" else gap > 0


def _is_extreme_rsi(trade: ClosedTrade) -> bool:
    rsi = _fact(trade, "rsi")
    if rsi is None:
        return False
    return rsi > OVERBOUGHT_RSI if trade.side == "long" else rsi < OVERSOLD_RSI


def _fact(trade: ClosedTrade, name: str) -> float | None:
    """Return a finite fact of the market at the entry, None where it is not known."""
    value = trade.thesis.facts.get(name) if trade.thesis else None
    return value if value is not None and math.isfinite(value) else None


_EXCURSION = frozenset({"best", "worst", "result"})
# By code, the most expensive mistakes first. At most two rules before the score gap can stand at
# once, so that it is never crowded out.
RULES: Mapping[str, LessonRule] = {
    rule.code: rule
    for rule in (
        LessonRule(
            "liquidation_before_stop",
            frozenset({"leverage", "liquidation", "stop"}),
            _liquidation_before_stop,
        ),
        LessonRule(
            "stop_overrun", frozenset({"leverage", "stop", "allowed", "result"}), _stop_overrun
        ),
        LessonRule("take_profit", frozenset({"above", "best", "result"}), _take_profit),
        LessonRule("score_gap", frozenset({"yours", "ours"}), _score_gap),
        LessonRule("against_trend", _EXCURSION | {"gap"}, _against_trend),
        LessonRule("extreme_rsi", _EXCURSION | {"rsi"}, _extreme_rsi),
        LessonRule("unconfirmed", _EXCURSION, _unconfirmed),
        LessonRule("broken_thesis", frozenset({"price", "close", "result"}), _broken_thesis),
        LessonRule("early_entry", frozenset({"open", "best", "worst"}), _early_entry),
        LessonRule("stale", frozenset({"hours", "result"}), _stale),
    )
}

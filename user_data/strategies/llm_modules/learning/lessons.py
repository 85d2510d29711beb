"""The rules that draw a lesson from a closed trade: one function each, told in its numbers.

A rule returns one imperative sentence of at most 160 characters, or None when it has nothing to
say. The first three that speak are kept, the most expensive mistakes first.
"""

from collections.abc import Callable

from llm_modules.domain import ClosedTrade
from llm_modules.journal.records import Evaluation
from llm_modules.learning.booked_risk import (
    allowed_loss_ratio,
    booked_stop,
    is_liquidated_before_stop,
    overran_stop,
)
from llm_modules.learning.evaluator import hours_open
from llm_modules.learning.excursion import STOP, broken_level, direction_was_right
from llm_modules.learning.wording import percent, price

# More would dilute each other in a context of limited length.
MOST_LESSONS = 3
LONGEST_LESSON = 160
TAKE_PROFIT_MFE_RATIO = 0.03
EARLY_ENTRY_MAE_RATIO = 0.02
SCORE_GAP = 25.0
STALE_HOURS = 24.0
STALE_PROFIT_RATIO = 0.01
OVERBOUGHT_RSI = 70.0
OVERSOLD_RSI = 30.0

Rule = Callable[[ClosedTrade, Evaluation], str | None]


def lessons(trade: ClosedTrade, evaluation: Evaluation) -> tuple[str, ...]:
    """Return up to three lessons; none for a trade that did everything right."""
    spoken = (rule(trade, evaluation) for rule in _RULES)
    told = [lesson[:LONGEST_LESSON] for lesson in spoken if lesson is not None]
    return tuple(told[:MOST_LESSONS])


def _loss_control(trade: ClosedTrade, _: Evaluation) -> str | None:
    if trade.liquidation_price is not None and is_liquidated_before_stop(trade):
        return (
            f"Use less than {trade.leverage:.3g}x or a nearer stop: liquidation at "
            f"{price(trade.liquidation_price)} lay before the stop at {price(booked_stop(trade))}."
        )
    # The stop that closed the trade counts here, however far it had been moved.
    if not overran_stop(trade):
        return None
    allowed = percent(-allowed_loss_ratio(trade, trade.stop_price))
    return (
        f"Expect gaps at {trade.leverage:.3g}x and stake less: the stop at "
        f"{price(trade.stop_price)} meant {allowed}, the result was {percent(trade.profit_ratio)}."
    )


def _take_profit(trade: ClosedTrade, _: Evaluation) -> str | None:
    if trade.mfe_ratio <= TAKE_PROFIT_MFE_RATIO or trade.profit_ratio >= trade.mfe_ratio / 2:
        return None
    return (
        f"Take profit or tighten the stop above {percent(TAKE_PROFIT_MFE_RATIO)}: this {trade.side}"
        f" was at {percent(trade.mfe_ratio)} and closed at {percent(trade.profit_ratio)}."
    )


def _score_gap(trade: ClosedTrade, evaluation: Evaluation) -> str | None:
    if trade.model_score is None or abs(trade.model_score - evaluation.score) < SCORE_GAP:
        return None
    return (
        f"Score a trade by profit, risk, timing and speed: you gave this one "
        f"{trade.model_score:.3g}, the evaluation {evaluation.score:.3g} of 100."
    )


def _wrong_direction(trade: ClosedTrade, _: Evaluation) -> str | None:
    if trade.profit_ratio >= 0 or direction_was_right(trade):
        return None
    excursion = f"best {percent(trade.mfe_ratio)}, worst {percent(trade.mae_ratio)}"
    return f"{_entry_advice(trade)}: {excursion}, result {percent(trade.profit_ratio)}."


def _entry_advice(trade: ClosedTrade) -> str:
    """Return what to do about an entry that went wrong, by the numbers it was opened on."""
    # The trend is asked first: an extreme RSI against it is the smaller part of the mistake.
    facts = trade.thesis.facts if trade.thesis else {}
    gap, rsi = facts.get("ema_gap_pct"), facts.get("rsi")
    if gap and (gap > 0) != (trade.side == "long"):
        return f"Do not open a {trade.side} against the trend (EMA gap {percent(gap / 100)})"
    if rsi is not None and (rsi > OVERBOUGHT_RSI if trade.side == "long" else rsi < OVERSOLD_RSI):
        return f"Do not open a {trade.side} at RSI {rsi:.3g}"
    return f"Wait for the price to confirm before opening a {trade.side}"


def _early_entry(trade: ClosedTrade, _: Evaluation) -> str | None:
    if trade.mae_ratio > -EARLY_ENTRY_MAE_RATIO or not direction_was_right(trade):
        return None
    return (
        f"Wait for a better price than {price(trade.open_rate)}: this {trade.side} was at "
        f"{percent(trade.mae_ratio)} at worst and {percent(trade.mfe_ratio)} at best."
    )


def _broken_thesis(trade: ClosedTrade, _: Evaluation) -> str | None:
    broken = broken_level(trade)
    # A broken stop alone has closed the trade as it should.
    if trade.profit_ratio >= 0 or broken is None or broken.name == STOP:
        return None
    return (
        f"Close a {trade.side} as soon as its {broken.name} {price(broken.price)} breaks: this one "
        f"ended at {price(trade.close_rate)}, {percent(trade.profit_ratio)}."
    )


def _stale(trade: ClosedTrade, _: Evaluation) -> str | None:
    hours = hours_open(trade)
    if hours < STALE_HOURS or abs(trade.profit_ratio) >= STALE_PROFIT_RATIO:
        return None
    return (
        f"Close a {trade.side} that goes nowhere sooner: {hours:.3g} h brought "
        f"{percent(trade.profit_ratio)}."
    )


# At most two rules stand before the score gap, so that it is never crowded out.
_RULES: tuple[Rule, ...] = (
    _loss_control,
    _take_profit,
    _score_gap,
    _wrong_direction,
    _broken_thesis,
    _early_entry,
    _stale,
)

"""The rules that draw lessons from a closed trade: one function each, the costliest mistakes first.

A rule answers None when its lesson does not apply to the trade, a finding that stands when the
trade bears the lesson out, and one that does not when the trade met the same circumstances and
went the other way. Only findings that stand carry values: nobody words the others.
"""

import math
from collections.abc import Callable, Mapping

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

TAKE_PROFIT_MFE_RATIO = 0.03
GIVEN_BACK_SHARE = 0.5
KEPT_SHARE = 0.8
SCORE_GAP = 25.0
SCORE_MATCH = 10.0
OVERBOUGHT_RSI = 70.0
OVERSOLD_RSI = 30.0
EARLY_ENTRY_MAE_RATIO = 0.02
CLEAN_ENTRY_MAE_RATIO = 0.01
STALE_HOURS = 24.0
STALE_PROFIT_RATIO = 0.01
# Freqtrade's names, and the desk's for a stop that it closes by itself.
STOP_EXITS = frozenset({"stop_loss", "stoploss_on_exchange", "trailing_stop_loss", "stop_crossed"})

_EXCURSION = frozenset({"side", "best", "worst", "result"})
# What each sentence is filled with, the most expensive mistakes first.
VALUE_NAMES: Mapping[str, frozenset[str]] = {
    "liquidation_before_stop": frozenset({"side", "leverage", "liquidation", "stop"}),
    "stop_overrun": frozenset({"side", "leverage", "stop", "allowed", "result"}),
    "take_profit": frozenset({"side", "above", "best", "result"}),
    "score_gap": frozenset({"side", "yours", "ours"}),
    "against_trend": _EXCURSION | {"gap"},
    "extreme_rsi": _EXCURSION | {"rsi"},
    "unconfirmed": _EXCURSION,
    "broken_thesis": frozenset({"side", "price", "close", "result"}),
    "early_entry": frozenset({"side", "open", "best", "worst"}),
    "stale": frozenset({"side", "hours", "result"}),
}

Rule = Callable[[ClosedTrade, Evaluation], Finding | None]


def _stands(code: str, trade: ClosedTrade, **values: str) -> Finding:
    return Finding(code=code, stands=True, values={"side": trade.side, **values})


def _contradicts(code: str) -> Finding:
    return Finding(code=code, stands=False, values={})


def _liquidation_before_stop(trade: ClosedTrade, _: Evaluation) -> Finding | None:
    # Nothing contradicts it: where the two prices lie is arithmetic, not experience.
    if trade.liquidation_price is None or not is_liquidated_before_stop(trade):
        return None
    return _stands(
        "liquidation_before_stop",
        trade,
        leverage=f"{trade.leverage:.3g}",
        liquidation=price(trade.liquidation_price),
        stop=price(booked_stop(trade)),
    )


def _stop_overrun(trade: ClosedTrade, _: Evaluation) -> Finding | None:
    # A stop behind the liquidation price could not have helped; that is the lesson above.
    if is_liquidated_before_stop(trade):
        return None
    # The stop that closed the trade counts here, however far it had been moved.
    if not overran_stop(trade):
        is_stopped_loss = trade.profit_ratio < 0 and trade.exit_reason in STOP_EXITS
        return _contradicts("stop_overrun") if is_stopped_loss else None
    return _stands(
        "stop_overrun",
        trade,
        leverage=f"{trade.leverage:.3g}",
        stop=price(trade.stop_price),
        allowed=percent(-allowed_loss_ratio(trade, trade.stop_price)),
        result=percent(trade.profit_ratio),
    )


def _take_profit(trade: ClosedTrade, _: Evaluation) -> Finding | None:
    if trade.mfe_ratio <= TAKE_PROFIT_MFE_RATIO:
        return None
    if trade.profit_ratio >= trade.mfe_ratio * GIVEN_BACK_SHARE:
        kept = kept_share(trade.profit_ratio, trade.mfe_ratio) or 0.0
        return _contradicts("take_profit") if kept >= KEPT_SHARE else None
    return _stands(
        "take_profit",
        trade,
        above=percent(TAKE_PROFIT_MFE_RATIO),
        best=percent(trade.mfe_ratio),
        result=percent(trade.profit_ratio),
    )


def _score_gap(trade: ClosedTrade, evaluation: Evaluation) -> Finding | None:
    if trade.model_score is None:
        return None
    gap = abs(trade.model_score - evaluation.score)
    if gap < SCORE_GAP:
        return _contradicts("score_gap") if gap < SCORE_MATCH else None
    return _stands(
        "score_gap", trade, yours=f"{trade.model_score:.3g}", ours=f"{evaluation.score:.3g}"
    )


def _against_trend(trade: ClosedTrade, _: Evaluation) -> Finding | None:
    gap = _fact(trade, "ema_gap_pct")
    if gap is None or not _is_against_trend(trade):
        return None
    won = trade.profit_ratio > 0
    return _of_entry("against_trend", trade, is_borne_out=won, gap=percent(gap / 100))


def _extreme_rsi(trade: ClosedTrade, _: Evaluation) -> Finding | None:
    # The trend is asked first: an extreme RSI against it is the smaller part of the mistake.
    rsi = _fact(trade, "rsi")
    if rsi is None or _is_against_trend(trade) or not _is_extreme_rsi(trade):
        return None
    won = trade.profit_ratio > 0
    return _of_entry("extreme_rsi", trade, is_borne_out=won, rsi=f"{rsi:.3g}")


def _unconfirmed(trade: ClosedTrade, _: Evaluation) -> Finding | None:
    if _is_against_trend(trade) or _is_extreme_rsi(trade):
        return None
    # Nothing spoke against the entry, so that a right direction alone needed no waiting for.
    return _of_entry("unconfirmed", trade, is_borne_out=True)


def _of_entry(
    code: str, trade: ClosedTrade, *, is_borne_out: bool, **values: str
) -> Finding | None:
    """Judge an entry: a loss in the wrong direction stands, a right one borne out contradicts."""
    if direction_was_right(trade):
        return _contradicts(code) if is_borne_out else None
    if trade.profit_ratio >= 0:
        return None
    return _stands(
        code,
        trade,
        best=percent(trade.mfe_ratio),
        worst=percent(trade.mae_ratio),
        result=percent(trade.profit_ratio),
        **values,
    )


def _broken_thesis(trade: ClosedTrade, _: Evaluation) -> Finding | None:
    if trade.thesis is None:
        return None
    level = key_level(trade.thesis, trade.side)
    if trade.profit_ratio > 0:
        # Of a trade with additions it is not known where the price had been.
        is_known = trade.entries == 1
        was_broken = is_known and has_reached(worst_rate(trade), level.price, trade.side)
        return _contradicts("broken_thesis") if was_broken else None
    broken = broken_level(trade)
    # A broken stop alone has closed the trade as it should.
    if trade.profit_ratio == 0 or broken is None or broken.name == STOP:
        return None
    return _stands(
        "broken_thesis",
        trade,
        price=price(level.price),
        close=price(trade.close_rate),
        result=percent(trade.profit_ratio),
    )


def _early_entry(trade: ClosedTrade, _: Evaluation) -> Finding | None:
    if not direction_was_right(trade):
        return None
    if trade.mae_ratio > -EARLY_ENTRY_MAE_RATIO:
        is_clean = trade.mae_ratio > -CLEAN_ENTRY_MAE_RATIO
        return _contradicts("early_entry") if is_clean else None
    return _stands(
        "early_entry",
        trade,
        open=price(trade.open_rate),
        best=percent(trade.mfe_ratio),
        worst=percent(trade.mae_ratio),
    )


def _stale(trade: ClosedTrade, _: Evaluation) -> Finding | None:
    hours = hours_open(trade)
    if hours < STALE_HOURS:
        return None
    if abs(trade.profit_ratio) >= STALE_PROFIT_RATIO:
        return _contradicts("stale") if trade.profit_ratio > 0 else None
    return _stands("stale", trade, hours=f"{hours:.3g}", result=percent(trade.profit_ratio))


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


# At most two rules before the score gap can stand at once, so that it is never crowded out.
RULES: tuple[Rule, ...] = (
    _liquidation_before_stop,
    _stop_overrun,
    _take_profit,
    _score_gap,
    _against_trend,
    _extreme_rsi,
    _unconfirmed,
    _broken_thesis,
    _early_entry,
    _stale,
)

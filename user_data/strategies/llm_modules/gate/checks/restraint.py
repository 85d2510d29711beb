"""Restraint after losses and against haste; candles are those of the main timeframe."""

from datetime import datetime, timedelta

from llm_modules.config import RiskConfig
from llm_modules.gate.verdict import Finding, GateState, Proposal, Refusal

HOUR = timedelta(hours=1)


def pair_has_rested(_proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse an entry within `cooldown_candles_after_loss` of the pair's last loss."""
    lost_at = state.conduct.last_losses.get(state.pair)
    candles = risk.cooldown_candles_after_loss
    if lost_at is None or _is_over(state, lost_at, candles):
        return None
    return Refusal("COOLDOWN", f"{state.pair} rests {candles} candles after its loss")


def no_losing_streak(_proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Pause `loss_streak_pause_candles` once `max_loss_streak` losses came in a row."""
    streak, last = state.conduct.loss_streak, state.conduct.last_loss_at
    if streak < risk.max_loss_streak:
        return None
    # A streak without a last loss makes no sense, so it does not end either.
    if last is not None and _is_over(state, last, risk.loss_streak_pause_candles):
        return None
    text = f"{streak} losses in a row: a pause of {risk.loss_streak_pause_candles} candles"
    return Refusal("LOSS_STREAK", text)


def day_is_not_lost(_proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse new exposure for the day once equity fell by `daily_loss_limit_pct` since 00:00 UTC.

    Also while the equity at the start of the day is not known.
    """
    start, equity = state.account.day_start_equity, state.account.equity
    # Measured on equity, so that open losses count and nothing waits for a close.
    if start > 0 and equity > start * (1 - risk.daily_loss_limit_pct / 100):
        return None
    limit = f"the limit for a day is {risk.daily_loss_limit_pct:g} %"
    return Refusal(
        "DAILY_LOSS", f"equity {equity:.6g} after {start:.6g} at the day's start; {limit}"
    )


def entries_are_few(_proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse an entry beyond `max_entries_per_hour`, approved entries on their way included."""
    since = state.now - HOUR
    # Promised entries are no openings yet, but will be.
    recent = sum(at > since for at in state.conduct.entries) + state.reserved_slots
    if recent < risk.max_entries_per_hour:
        return None
    return Refusal("ENTRY_RATE", f"{recent} entries within the last hour")


def position_was_held(_proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse to leave a profit before `min_holding_candles` closes; a loss may always be left."""
    position, candles = state.position, risk.min_holding_candles
    # While halted everything is to go, and a profit that is not known to be one may.
    if position is None or state.account.halted or not position.profit_ratio > 0:
        return None
    held, candle = state.candle_at - position.opened_at, _candle(state)
    # The first close comes somewhere within a candle, each further one a whole candle later.
    if candles == 0 or (held > timedelta(0) and held >= (candles - 1) * candle):
        return None
    text = f"a position in profit is kept for {candles} candle closes at least"
    return Refusal("MIN_HOLDING", text)


def no_serious_habit(_proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse new exposure while the last decisions show a serious habit (`quality_gate`)."""
    serious = [habit for habit in state.habits if habit.serious]
    if not serious or not risk.quality_gate:
        return None
    return Refusal("HABIT", "; ".join(habit.text for habit in serious))


def _is_over(state: GateState, since: datetime, candles: int) -> bool:
    return state.now >= since + candles * _candle(state)


def _candle(state: GateState) -> timedelta:
    return state.valid_until - state.candle_at

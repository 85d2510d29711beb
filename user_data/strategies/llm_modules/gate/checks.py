"""One pure function per rule: it looks at a proposal and the state, and returns a finding.

Findings are applied in the order of the lists at the end: a clamp changes the proposal that the
following checks see, a refusal is final, and all checks run so that all reasons are known.
"""

import math
from collections.abc import Callable

from llm_modules.config import RiskConfig
from llm_modules.gate.stops import farthest_stop, is_crossed, tighter
from llm_modules.gate.verdict import Clamp, Finding, GateState, Proposal, Refusal
from llm_modules.tools.calls import Entry

Check = Callable[[Proposal, GateState, RiskConfig], Finding]


def account_is_known(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse while equity, free funds or price are not finite and positive."""
    account = state.account
    numbers = (account.equity, account.used_stake, account.free, state.price)
    known = all(math.isfinite(number) and number >= 0 for number in numbers)
    if known and account.equity > 0 and state.price > 0:
        return None
    return Refusal("ACCOUNT_UNKNOWN", "equity, free funds or price are not known")


def trading_is_not_halted(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse new exposure after the emergency stop of the account."""
    if not state.account.halted:
        return None
    return Refusal("HALTED", "the account's emergency stop has tripped; no new exposure")


def decision_is_fresh(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse an answer that came after its candle's time was over."""
    if state.now < state.valid_until:
        return None
    return Refusal("STALE_DECISION", "the answer came after the next candle had closed")


def pair_is_flat(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse an entry while the pair has a position."""
    if state.position is None:
        return None
    return Refusal("ALREADY_IN_POSITION", f"{state.pair} already has an open position")


def pair_has_position(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse to exit, adjust or hold what is not there."""
    if state.position is not None:
        return None
    return Refusal("NO_POSITION", f"{state.pair} has no open position any more")


def side_is_not_locked(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse an entry that Freqtrade would not make, lest it hold a slot until it expires."""
    if proposal.side not in state.locked_sides:
        return None
    text = f"Freqtrade has locked {state.pair} for {proposal.side}s (cooldown or protection)"
    return Refusal("PAIR_LOCKED", text)


def slot_is_free(_proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse an entry beyond `max_open_trades`, approved entries on their way included."""
    taken = state.account.open_trades + state.reserved_slots
    if taken < risk.max_open_trades:
        return None
    return Refusal("NO_FREE_SLOT", f"{taken} of {risk.max_open_trades} slots are taken or promised")


def model_may_choose(proposal: Proposal, _state: GateState, risk: RiskConfig) -> Finding:
    """Report that the configuration fixed another leverage or stake than was asked for."""
    asked = proposal.call
    if risk.allow_model_freedom or not isinstance(asked, Entry):
        return None
    if asked.leverage == proposal.leverage and asked.stake_amount is None:
        return None
    text = f"leverage {proposal.leverage:g} and stake are fixed by the configuration"
    return Clamp("FIXED_BY_CONFIG", text, "leverage", asked.leverage, proposal.leverage)


def leverage_within_limit(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Clamp leverage to `max_leverage` and to the market's own maximum."""
    limit = min(risk.max_leverage, state.rules.max_leverage)
    if proposal.leverage <= limit:
        return None
    text = f"leverage {proposal.leverage:g} lowered to the limit {limit:g}"
    return Clamp("MAX_LEVERAGE", text, "leverage", proposal.leverage, limit)


def stake_within_position_limit(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Clamp the stake so that the whole position stays within `max_position_pct` of equity."""
    held = state.position.stake_amount if state.position else 0.0
    room = max(0.0, state.account.equity * risk.max_position_pct / 100 - held)
    if proposal.stake_amount <= room:
        return None
    text = f"stake {proposal.stake_amount:.6g} lowered to {room:.6g} ({risk.max_position_pct:g} %)"
    return Clamp("MAX_POSITION", text, "stake_amount", proposal.stake_amount, room)


def stake_within_free_funds(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Clamp the stake to what is free after all approved entries on their way."""
    free = max(0.0, state.account.free - state.reserved_stake)
    if proposal.stake_amount <= free:
        return None
    text = f"stake {proposal.stake_amount:.6g} lowered to the free {free:.6g}"
    return Clamp("FREE_FUNDS", text, "stake_amount", proposal.stake_amount, free)


def stake_above_market_minimum(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse an order whose notional is below what the exchange accepts."""
    notional = abs(proposal.stake_amount) * proposal.leverage
    if notional >= state.rules.min_notional and notional > 0:
        return None
    text = f"order value {notional:.6g} is below the market's minimum {state.rules.min_notional:g}"
    return Refusal("BELOW_MINIMUM", text)


def remainder_above_market_minimum(
    proposal: Proposal, state: GateState, _risk: RiskConfig
) -> Finding:
    """Refuse a reduction that would leave a rest too small to close later."""
    if state.position is None:
        return None
    rest = (state.position.stake_amount + proposal.stake_amount) * proposal.leverage
    if rest >= state.rules.min_notional:
        return None
    return Refusal(
        "REST_BELOW_MINIMUM", f"the rest of {rest:.6g} could not be closed; exit instead"
    )


def stop_on_losing_side(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse a stop that would trigger at once: at or beyond the latest price known."""
    price = state.position.current_rate if state.position else state.price
    stop = proposal.stop_price
    if stop is None or not is_crossed(stop, price, proposal.side):
        return None
    text = f"stop {stop:g} is on the wrong side of price {price:g} for a {proposal.side}"
    return Refusal("STOP_WRONG_SIDE", text)


def stop_near_enough(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Clamp the stop to `max_stop_pct` and to well inside the liquidation price."""
    farthest = farthest_stop(state.price, proposal.side, proposal.leverage, risk)
    stop = proposal.stop_price
    if stop is None or tighter(stop, farthest, proposal.side) == stop:
        return None
    text = f"stop {stop:g} moved to {farthest:.8g}"
    return Clamp("STOP_TOO_FAR", text, "stop_price", stop, farthest)


def stop_only_tightens(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Leave the stop of an open position where it is when the new one is looser."""
    stop, position = proposal.stop_price, state.position
    if stop is None or position is None:
        return None
    if stop != position.stop_price and tighter(stop, position.stop_price, position.side) == stop:
        return None
    text = f"stop {stop:g} is not tighter than {position.stop_price:g}; the stop stays"
    return Clamp("STOP_NOT_TIGHTER", text, "stop_price", stop, None)


# Clamps stand before what depends on them: leverage and stake before the market's minimum.
ENTRY_CHECKS: tuple[Check, ...] = (
    account_is_known,
    trading_is_not_halted,
    decision_is_fresh,
    pair_is_flat,
    side_is_not_locked,
    slot_is_free,
    model_may_choose,
    leverage_within_limit,
    stake_within_position_limit,
    stake_within_free_funds,
    stake_above_market_minimum,
    stop_on_losing_side,
    stop_near_enough,
)
ADDITION_CHECKS: tuple[Check, ...] = (
    account_is_known,
    trading_is_not_halted,
    decision_is_fresh,
    pair_has_position,
    stake_within_position_limit,
    stake_within_free_funds,
    stake_above_market_minimum,
    stop_only_tightens,
    stop_on_losing_side,
)
# Less risk is allowed on an unknown or halted account.
REDUCTION_CHECKS: tuple[Check, ...] = (
    decision_is_fresh,
    pair_has_position,
    stake_above_market_minimum,
    remainder_above_market_minimum,
    stop_only_tightens,
    stop_on_losing_side,
)
# Getting out is never too late.
EXIT_CHECKS: tuple[Check, ...] = (pair_has_position,)
HOLD_CHECKS: tuple[Check, ...] = (pair_has_position, stop_only_tightens, stop_on_losing_side)
WAIT_CHECKS: tuple[Check, ...] = ()

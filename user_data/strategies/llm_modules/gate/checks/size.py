"""How large a position may be by itself: leverage, its share of equity, the market's minimum."""

from llm_modules.config import RiskConfig
from llm_modules.gate.exposure import own_stake
from llm_modules.gate.tiers import largest_leverage, largest_notional, whole
from llm_modules.gate.verdict import Clamp, Finding, GateState, Proposal, Refusal
from llm_modules.tools.calls import Entry


def model_may_choose(proposal: Proposal, _state: GateState, risk: RiskConfig) -> Finding:
    """Report that the configuration fixed another leverage or stake than was asked for."""
    asked = proposal.call
    if risk.allow_model_freedom or not isinstance(asked, Entry):
        return None
    text = f"leverage {proposal.leverage:g} and stake are fixed by the configuration"
    if asked.leverage != proposal.leverage:
        return Clamp("FIXED_BY_CONFIG", text, "leverage", asked.leverage, proposal.leverage)
    stake, wanted = proposal.stake_amount, asked.stake_amount
    if wanted is None or wanted == stake:
        return None
    return Clamp("FIXED_BY_CONFIG", text, "stake_amount", wanted, stake)


def sizing_finds_an_edge(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse an entry whose stake Kelly puts at nothing: past trades lost more than they won."""
    # Before any clamp only Kelly gives nothing.
    if risk.position_sizing != "kelly" or proposal.stake_amount > 0:
        return None
    trades = state.conduct.closed_trades
    return Refusal("NO_EDGE", f"sizing kelly finds no edge in {trades} closed trades: no stake")


def leverage_within_limit(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Clamp leverage to `max_leverage` and to the market's own maximum."""
    limit = whole(min(risk.max_leverage, state.rules.max_leverage))
    if proposal.leverage <= limit:
        return None
    text = f"leverage {proposal.leverage:g} lowered to the limit {limit:g}"
    return Clamp("MAX_LEVERAGE", text, "leverage", proposal.leverage, limit)


def leverage_is_whole(proposal: Proposal, _state: GateState, _risk: RiskConfig) -> Finding:
    """Clamp leverage to a whole number, the only kind exchanges know."""
    rounded = whole(proposal.leverage)
    if proposal.leverage == rounded:
        return None
    text = f"leverage {proposal.leverage:g} lowered to {rounded:g}: exchanges know whole ones only"
    return Clamp("WHOLE_LEVERAGE", text, "leverage", proposal.leverage, rounded)


def model_may_add(_proposal: Proposal, _state: GateState, risk: RiskConfig) -> Finding:
    """Refuse to add to a position where the configuration, not the model, sets its size."""
    if risk.allow_model_freedom:
        return None
    return Refusal("FIXED_BY_CONFIG", "the size of a position is fixed by the configuration")


def held_leverage_within_limit(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse to add to a position whose leverage, which cannot change, is above the limit."""
    limit = min(risk.max_leverage, state.rules.max_leverage)
    if proposal.leverage <= limit:
        return None
    text = f"the position has leverage {proposal.leverage:g}, above the limit {limit:g}"
    return Refusal("MAX_LEVERAGE", text)


def held_leverage_is_whole(proposal: Proposal, _state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse to add to a position whose leverage, which cannot change, is not whole."""
    if proposal.leverage == whole(proposal.leverage):
        return None
    text = f"the position has leverage {proposal.leverage:g}; exchanges know whole ones only"
    return Refusal("WHOLE_LEVERAGE", text)


def stake_within_position_limit(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Clamp the stake so that the whole position stays within `max_position_pct` of equity."""
    # An earlier order of the pair may still be filled, so it takes its room already.
    room = state.account.equity * risk.max_position_pct / 100 - own_stake(state)
    why = f"{risk.max_position_pct:g} % of equity for one position"
    return lower_stake("MAX_POSITION", proposal, room, why)


def leverage_within_tier(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Clamp leverage to what the market's tier allows at the size the position would have.

    Refused beyond the last tier.
    """
    stake = own_stake(state) + proposal.stake_amount
    allowed = largest_leverage(state.rules, stake, proposal.leverage)
    if allowed == proposal.leverage:
        return None
    # No leverage below 1 exists, so none is left to lower it to.
    if allowed < 1:
        return Refusal("MARKET_TIER", f"a stake of {stake:.6g} is beyond the market's last tier")
    text = f"leverage {proposal.leverage:g} lowered to {allowed:g}, the market's tier at this size"
    return Clamp("MARKET_TIER", text, "leverage", proposal.leverage, allowed)


def stake_within_tier(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Clamp an addition so that the position stays in a tier that allows its leverage."""
    room = largest_notional(state.rules, proposal.leverage) / proposal.leverage - own_stake(state)
    why = f"the market's tier for leverage {proposal.leverage:g}"
    return lower_stake("MARKET_TIER", proposal, room, why)


def stake_above_market_minimum(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse an order whose notional is below what the exchange accepts."""
    # Also an order of nothing where the exchange names no minimum.
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
    if rest >= state.rules.min_notional and rest > 0:
        return None
    return Refusal(
        "REST_BELOW_MINIMUM", f"the rest of {rest:.6g} could not be closed; exit instead"
    )


def lower_stake(code: str, proposal: Proposal, room: float, why: str) -> Finding:
    """Return a clamp of the stake to the room a limit leaves; nothing when it fits.

    Room that is no number is none.
    """
    if proposal.stake_amount <= room:
        return None
    # In this order: max() keeps the first when the second is no number.
    room = max(0.0, room)
    text = f"stake {proposal.stake_amount:.6g} lowered to {room:.6g} ({why})"
    return Clamp(code, text, "stake_amount", proposal.stake_amount, room)

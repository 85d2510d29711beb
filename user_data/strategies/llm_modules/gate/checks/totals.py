"""What all positions and promises together may be, and what is free."""

from llm_modules.config import RiskConfig
from llm_modules.gate.checks.size import lower_stake
from llm_modules.gate.exposure import at_risk, is_one_bet, magnitude, promised_stake
from llm_modules.gate.verdict import Finding, GateState, Proposal


def stake_within_total(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Clamp the stake so that the sum of all stakes stays within `max_total_stake_pct`."""
    # What the pair itself holds is among these.
    used = sum(magnitude(item.stake_amount) for item in at_risk(state, risk))
    room = state.account.equity * risk.max_total_stake_pct / 100 - used
    why = f"{risk.max_total_stake_pct:g} % of equity for all stakes"
    return lower_stake("MAX_TOTAL_STAKE", proposal, room, why)


def stake_within_correlated(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Clamp the stake so that one bet stays within `max_correlated_pct`, however many pairs.

    Pairs are one bet from a correlation of `max_correlation`, or as opposite sides from its
    negative; unknown correlation counts.
    """
    used = sum(
        magnitude(item.stake_amount)
        for item in at_risk(state, risk)
        if is_one_bet(item, state.pair, proposal.side, risk.max_correlation)
    )
    room = state.account.equity * risk.max_correlated_pct / 100 - used
    why = f"{risk.max_correlated_pct:g} % of equity for pairs that move together"
    return lower_stake("CORRELATED", proposal, room, why)


def stake_within_free_funds(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Clamp the stake to what is free after all approved entries on their way."""
    # Freqtrade knows nothing of a booking until it becomes an order.
    room = state.account.free - promised_stake(state)
    return lower_stake("FREE_FUNDS", proposal, room, "free after all promises")


def notional_within_total(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Clamp the stake so that all stakes x leverage stay within `max_total_notional_pct`."""
    used = sum(
        magnitude(item.stake_amount) * magnitude(item.leverage) for item in at_risk(state, risk)
    )
    # The leverage is final here, so what is left for notional tells the stake.
    room = (state.account.equity * risk.max_total_notional_pct / 100 - used) / proposal.leverage
    why = f"{risk.max_total_notional_pct:g} % of equity for all stakes x leverage"
    return lower_stake("MAX_TOTAL_NOTIONAL", proposal, room, why)

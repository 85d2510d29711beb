"""A tool call, with defaults filled in, becomes a proposal in the exchange's terms."""

import math

from llm_modules.config import RiskConfig
from llm_modules.domain import Side
from llm_modules.gate.sizing import default_stake
from llm_modules.gate.stops import default_stop
from llm_modules.gate.tiers import whole
from llm_modules.gate.verdict import GateState, Proposal
from llm_modules.tools.calls import Adjust, Entry, Hold, ToolCall


def propose(call: ToolCall, state: GateState, risk: RiskConfig) -> Proposal:
    """Work out leverage, stake and stop for a call; nothing is limited here."""
    if isinstance(call, Entry):
        return _entry(call, state, risk)
    if isinstance(call, Adjust):
        return _adjustment(call, state)
    position = state.position
    side: Side = position.side if position else "long"
    stop = call.stop_price if isinstance(call, Hold) else None
    # Nothing is sized here, and an unreadable leverage must not keep anyone in.
    leverage = position.leverage if position and 1 <= position.leverage < math.inf else 1.0
    return Proposal(call, side, leverage, 0.0, stop)


def is_usable(proposal: Proposal) -> bool:
    """Tell whether checks can compare the numbers of a proposal: finite, and of the right sign."""
    stake, stop = proposal.stake_amount, proposal.stop_price
    return (
        1 <= proposal.leverage < math.inf
        and math.isfinite(stake)
        and (stake >= 0 or isinstance(proposal.call, Adjust))
        and (stop is None or 0 < stop < math.inf)
    )


def _entry(call: Entry, state: GateState, risk: RiskConfig) -> Proposal:
    stake = call.stake_amount if risk.allow_model_freedom else None
    stop = call.stop_price
    leverage = call.leverage if risk.allow_model_freedom else risk.default_leverage
    # What follows from the leverage follows from the one there will be.
    likely = whole(min(leverage, risk.max_leverage, state.rules.max_leverage))
    return Proposal(
        call=call,
        side=call.side,
        leverage=leverage,
        stake_amount=default_stake(state, risk, likely) if stake is None else stake,
        stop_price=default_stop(state, call.side, likely, risk) if stop is None else stop,
    )


def _adjustment(call: Adjust, state: GateState) -> Proposal:
    position = state.position
    if position is None:
        return Proposal(call, "long", 1.0, 0.0, call.stop_price)
    # Of what is held; a reduction has the same sign as its percentage.
    stake = position.stake_amount * call.adjustment_pct / 100
    return Proposal(call, position.side, position.leverage, stake, call.stop_price)

"""A tool call, with defaults filled in, becomes a proposal in the exchange's terms."""

from llm_modules.config import RiskConfig
from llm_modules.domain import Side
from llm_modules.gate.stops import farthest_stop
from llm_modules.gate.verdict import GateState, Proposal
from llm_modules.tools.calls import Adjust, Entry, Hold, ToolCall

PART_OF_LIMIT = 0.5
SHARE_OF_SLOTS = 0.9


def propose(call: ToolCall, state: GateState, risk: RiskConfig) -> Proposal:
    """Work out leverage, stake and stop for a call; nothing is limited here."""
    if isinstance(call, Entry):
        return _entry(call, state, risk)
    position = state.position
    side: Side = position.side if position else "long"
    leverage = position.leverage if position else 1.0
    held = position.stake_amount if position else 0.0
    stake = held * call.adjustment_pct / 100 if isinstance(call, Adjust) else 0.0
    stop = call.stop_price if isinstance(call, Adjust | Hold) else None
    return Proposal(call, side, leverage, stake, stop)


def default_stake(state: GateState, risk: RiskConfig) -> float:
    """Return half of what one position may hold, but never more than an equal share per slot.

    The other half leaves room to add; a tenth of the equity is kept for fees.
    """
    share = min(PART_OF_LIMIT * risk.max_position_pct / 100, SHARE_OF_SLOTS / risk.max_open_trades)
    return state.account.equity * share


def _entry(call: Entry, state: GateState, risk: RiskConfig) -> Proposal:
    stake = call.stake_amount if risk.allow_model_freedom else None
    leverage = call.leverage if risk.allow_model_freedom else risk.default_leverage
    farthest = farthest_stop(state.price, call.side, leverage, risk)
    return Proposal(
        call=call,
        side=call.side,
        leverage=leverage,
        stake_amount=default_stake(state, risk) if stake is None else stake,
        stop_price=call.stop_price or farthest,
    )

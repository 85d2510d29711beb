"""For any call and any account: nothing the gate approves exceeds a limit, and it never raises."""

import os

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from builders import ARGUMENTS, a_call, a_gate_state, a_position, a_promise, a_risk, an_account
from llm_modules.domain import MarketRules
from llm_modules.gate.checker import DecisionChecker
from llm_modules.gate.verdict import GateState
from llm_modules.tools.calls import ToolCall

EXAMPLES = 10_000 if os.environ.get("NIGHTLY") else 500
ANY = st.floats(allow_nan=True, allow_infinity=True)
SIZES = st.floats(min_value=1e-6, max_value=1e12)


@st.composite
def calls(draw: st.DrawFn) -> ToolCall:
    tool = draw(st.sampled_from(sorted(ARGUMENTS)))
    changes: dict[str, object] = {}
    if tool.startswith("signal_entry"):
        changes["leverage"] = draw(st.floats(1, 100))
        changes["stake_amount"] = draw(st.none() | SIZES)
        changes["stop_price"] = draw(st.none() | st.floats(1, 300))
    if tool == "adjust_position":
        changes["adjustment_pct"] = draw(st.floats(-99, 100).filter(bool))
    if tool in {"adjust_position", "signal_hold"}:
        changes["stop_price"] = draw(st.none() | st.floats(1, 300))
    return a_call(tool, **changes)


@st.composite
def states(draw: st.DrawFn) -> GateState:
    position = a_position(
        stake_amount=draw(SIZES),
        side=draw(st.sampled_from(["long", "short"])),
        stop_price=draw(st.floats(1, 300)),
        leverage=draw(st.floats(1, 125)),
    )
    account = an_account(
        equity=draw(ANY | st.floats(1, 1e6)),
        free=draw(ANY | st.floats(0, 1e6)),
        open_trades=draw(st.integers(0, 10)),
        halted=draw(st.booleans()),
    )
    return a_gate_state(
        account=account,
        position=draw(st.sampled_from([None, position])),
        price=draw(ANY | st.floats(50, 150)),
        rules=MarketRules(0.1, draw(st.floats(0, 100)), draw(st.floats(1, 125))),
        exposures=tuple(
            a_promise(stake_amount=draw(st.floats(0, 1e6))) for _ in range(draw(st.integers(0, 5)))
        ),
    )


@given(calls(), states(), st.booleans(), st.floats(1, 100), st.integers(1, 10))
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_no_approved_proposal_exceeds_a_limit(
    call: ToolCall, state: GateState, freedom: bool, share: float, slots: int
) -> None:
    risk = a_risk(allow_model_freedom=freedom, max_position_pct=share, max_open_trades=slots)
    verdict = DecisionChecker(risk).judge(call, state)
    assert (verdict.proposal is None) is (verdict.status == "refused")
    if verdict.proposal is None:
        assert verdict.reasons
        return
    proposal = verdict.proposal
    if proposal.only_reduces:
        return
    held = state.position.stake_amount if state.position else 0.0
    tolerance = 1 + 1e-9
    assert not state.account.halted
    assert held + proposal.stake_amount <= state.account.equity * share / 100 * tolerance
    assert proposal.stake_amount + state.reserved_stake <= state.account.free * tolerance + 1e-6
    if state.position is None:
        assert 1 <= proposal.leverage <= min(risk.max_leverage, state.rules.max_leverage)
        assert state.account.open_trades + state.reserved_slots < slots
        assert proposal.stop_price is not None
        distance = abs(proposal.stop_price - state.price) / state.price
        assert distance <= min(0.05, 0.8 * (1 / proposal.leverage - 0.005)) * tolerance
        assert (proposal.stop_price < state.price) is (proposal.side == "long")


@given(calls(), states())
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_a_stop_never_moves_away_from_the_price(call: ToolCall, state: GateState) -> None:
    verdict = DecisionChecker(a_risk()).judge(call, state)
    proposal, position = verdict.proposal, state.position
    if proposal is None or position is None or proposal.stop_price is None:
        return
    if position.side == "long":
        assert position.stop_price < proposal.stop_price < position.current_rate
    else:
        assert position.stop_price > proposal.stop_price > position.current_rate

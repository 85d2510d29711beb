"""The gate in one line: a call by its tool and changes, judged in a state under limits."""

from typing import Any

from builders import a_call, a_gate_state, a_position, a_risk
from llm_modules.config import RiskConfig
from llm_modules.gate.checker import DecisionChecker
from llm_modules.gate.verdict import GateState, Proposal, Reason, Verdict


def judge(
    tool: str, state: GateState | None = None, risk: RiskConfig | None = None, **changes: Any
) -> Verdict:
    return DecisionChecker(risk or a_risk()).judge(a_call(tool, **changes), state or a_gate_state())


def allowed(verdict: Verdict) -> Proposal:
    assert verdict.proposal is not None, verdict.reasons
    return verdict.proposal


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def only_reason(verdict: Verdict) -> Reason:
    assert len(verdict.reasons) == 1, verdict.reasons
    return verdict.reasons[0]


def in_position(**changes: Any) -> GateState:
    return a_gate_state(position=a_position(**changes))


def at_current_price(**changes: Any) -> GateState:
    """A position whose price is the decision's, so that distances are easy to read."""
    return in_position(**({"current_rate": 100.0} | changes))

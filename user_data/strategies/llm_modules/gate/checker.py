"""DecisionChecker: runs the checks that belong to a call and sums their findings up."""

import hashlib
import math
from dataclasses import replace

from llm_modules.config import RiskConfig
from llm_modules.gate import checks
from llm_modules.gate.proposal import propose
from llm_modules.gate.verdict import Clamp, Finding, GateState, Proposal, Reason, Refusal, Verdict
from llm_modules.tools.calls import Adjust, Entry, Exit, Hold, ToolCall

HASH_CHARACTERS = 16


class DecisionChecker:
    """Judges tool calls against the limits of `risk_management`; it never raises."""

    def __init__(self, risk: RiskConfig) -> None:
        self._risk = risk
        self._limits_hash = limits_hash(risk)

    def judge(self, call: ToolCall, state: GateState) -> Verdict:
        """Run every check of the call; any refusal or internal error refuses the whole call."""
        proposal = propose(call, state, self._risk)
        reasons: list[Reason] = []
        for check in checks_for(call):
            finding = self._run(check, proposal, state)
            if finding is not None:
                reasons.append(finding)
            if isinstance(finding, Clamp):
                proposal = _apply(finding, proposal)
        if not _is_finite(proposal):
            reasons.append(Refusal("NOT_FINITE", "leverage, stake or stop is not a number"))
        if any(isinstance(reason, Refusal) for reason in reasons):
            return Verdict(None, tuple(reasons), self._limits_hash)
        return Verdict(proposal, tuple(reasons), self._limits_hash)

    def _run(self, check: checks.Check, proposal: Proposal, state: GateState) -> Finding:
        try:
            return check(proposal, state, self._risk)
        except Exception as error:  # noqa: BLE001 - the gate fails closed whatever happens
            return Refusal("GATE_INTERNAL_ERROR", f"{check.__name__}: {type(error).__name__}")


def limits_hash(risk: RiskConfig) -> str:
    """Name a set of limits by its content: SHA-256, shortened."""
    return hashlib.sha256(risk.model_dump_json().encode()).hexdigest()[:HASH_CHARACTERS]


def checks_for(call: ToolCall) -> tuple[checks.Check, ...]:
    """Return the checks that apply to a call, in the order in which they see it."""
    if isinstance(call, Entry):
        return checks.ENTRY_CHECKS
    if isinstance(call, Adjust):
        return checks.ADDITION_CHECKS if call.adjustment_pct > 0 else checks.REDUCTION_CHECKS
    if isinstance(call, Exit):
        return checks.EXIT_CHECKS
    return checks.HOLD_CHECKS if isinstance(call, Hold) else checks.WAIT_CHECKS


def _apply(clamp: Clamp, proposal: Proposal) -> Proposal:
    if clamp.field == "stop_price":
        return replace(proposal, stop_price=clamp.value)
    value = math.nan if clamp.value is None else clamp.value
    if clamp.field == "leverage":
        return replace(proposal, leverage=value)
    return replace(proposal, stake_amount=value)


def _is_finite(proposal: Proposal) -> bool:
    numbers = (proposal.leverage, proposal.stake_amount, proposal.stop_price or 0.0)
    return all(math.isfinite(number) for number in numbers)

"""DecisionChecker: runs the checks that belong to a call and sums their findings up."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar, TypeVarTuple, assert_never

from llm_modules.config import RiskConfig
from llm_modules.gate import checks
from llm_modules.gate.proposal import is_usable, propose
from llm_modules.gate.verdict import Clamp, GateState, Proposal, Reason, Refusal, Verdict
from llm_modules.tools.calls import Adjust, Entry, Exit, Hold, ToolCall, Wait

HASH_CHARACTERS = 16

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class DecisionChecker:
    """Judges tool calls against the limits of `risk_management`; it never raises."""

    def __init__(self, risk: RiskConfig) -> None:
        self._risk = risk
        self._limits_hash = limits_hash(risk)

    def judge(self, call: ToolCall, state: GateState) -> Verdict:
        """Run every check of the call; any refusal or internal error refuses the whole call."""
        prepared = _attempt(propose, _prepare, call, state, self._risk)
        if isinstance(prepared, Refusal):
            return Verdict(None, (prepared,), self._limits_hash)
        proposal, rules = prepared
        reasons: list[Reason] = []
        for check in rules:
            finding = _attempt(check, check, proposal, state, self._risk)
            # Nearly all find nothing.
            if finding is None:
                continue
            after = _attempt(check, _after, finding, proposal)
            if isinstance(after, Refusal):
                reasons.append(after)
                continue
            reasons.append(finding)
            proposal = after
        refused = any(isinstance(reason, Refusal) for reason in reasons)
        return Verdict(None if refused else proposal, tuple(reasons), self._limits_hash)


def limits_hash(risk: RiskConfig) -> str:
    """Name a set of limits by its content: SHA-256, shortened."""
    return hashlib.sha256(risk.model_dump_json().encode()).hexdigest()[:HASH_CHARACTERS]


def checks_for(proposal: Proposal) -> tuple[checks.Check, ...]:
    """Return the checks that apply to a proposal, in the order in which they see it."""
    call = proposal.call
    if isinstance(call, Entry):
        return checks.ENTRY_CHECKS
    if isinstance(call, Adjust):
        # By what it does: whatever does not surely reduce is an addition.
        return checks.REDUCTION_CHECKS if proposal.only_reduces else checks.ADDITION_CHECKS
    if isinstance(call, Exit):
        return checks.EXIT_CHECKS
    if isinstance(call, Hold):
        return checks.HOLD_CHECKS
    if isinstance(call, Wait):
        return checks.WAIT_CHECKS
    assert_never(call)


def _prepare(
    call: ToolCall, state: GateState, risk: RiskConfig
) -> tuple[Proposal, tuple[checks.Check, ...]] | Refusal:
    """Return what is to be judged and by which checks; they compare numbers, so it needs some."""
    proposal = propose(call, state, risk)
    if not is_usable(proposal):
        return Refusal("NOT_FINITE", "leverage, stake or stop is not a usable number")
    return proposal, checks_for(proposal)


def _after(finding: Reason, proposal: Proposal) -> Proposal:
    """Return the proposal after a finding.

    Raises TypeError for what is no finding, ValueError for a clamp to what is no usable number.
    """
    if not isinstance(finding, Reason):
        raise TypeError("not a finding")
    return _apply(finding, proposal) if isinstance(finding, Clamp) else proposal


def _apply(clamp: Clamp, proposal: Proposal) -> Proposal:
    value = math.nan if clamp.value is None else clamp.value
    if clamp.field == "stop_price":
        proposal = replace(proposal, stop_price=clamp.value)
    elif clamp.field == "leverage":
        proposal = replace(proposal, leverage=value)
    else:
        proposal = replace(proposal, stake_amount=value)
    if not is_usable(proposal):
        raise ValueError("clamped to nonsense")
    return proposal


def _attempt(tried: object, step: Callable[[*Ts], T], *args: *Ts) -> T | Refusal:
    """Return what a step returns, or a refusal that names what was tried when it raises."""
    try:
        return step(*args)
    except Exception as error:  # noqa: BLE001 - the gate fails closed whatever happens
        name = getattr(tried, "__name__", "unnamed check")
        return Refusal("GATE_INTERNAL_ERROR", f"{name}: {type(error).__name__}")

"""The same bot without its gate: what is asked for is done, as far as the exchange allows it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from typing import Any

from llm_modules.config import RiskConfig
from llm_modules.engine.book import Booking, DecisionBook
from llm_modules.engine.cycle import Rooms
from llm_modules.gate.checker import DecisionChecker, limits_hash
from llm_modules.gate.proposal import is_usable, propose
from llm_modules.gate.tiers import whole
from llm_modules.gate.verdict import GateState, Proposal, Refusal, Verdict
from llm_modules.tools.calls import Entry, ToolCall

# What `risk_management` would still do beside the checks: stops nearer than asked, and the halt.
NO_LIMITS: Mapping[str, Any] = {
    "max_stop_pct": 100,
    "trailing_activate_pct": None,
    "trailing_give_back_pct": None,
    "emergency_stop_loss": -0.999,
    "emergency_day_loss": None,
}


class Approving(DecisionChecker):
    """Says yes to every call that means something; sizes and stops nobody named are the bot's."""

    def __init__(self, risk: RiskConfig) -> None:
        self._limits = risk

    def judge(self, call: ToolCall, state: GateState) -> Verdict:
        """Approve what was asked, with whole leverage and no more than the account has free."""
        proposal = propose(call, state, self._limits)
        named = limits_hash(self._limits)
        if not is_usable(proposal):
            return Verdict(None, (Refusal("NOT_FINITE", "no usable numbers"),), named)
        return Verdict(_possible(proposal, state), (), named)


class OpenBook(DecisionBook):
    """Keeps bookings whose order may go out at any price."""

    def put(self, booking: Booking) -> Booking | None:
        """Book a decision without its price band."""
        return super().put(replace(booking, lowest_price=0.0, highest_price=inf))


def without_gate(risk: RiskConfig) -> Callable[[Rooms], Rooms]:
    """Return what takes the gate out of the rooms; `risk` sizes what a call leaves open."""
    return lambda rooms: replace(rooms, checker=Approving(risk), book=OpenBook())


def _possible(proposal: Proposal, state: GateState) -> Proposal:
    if not isinstance(proposal.call, Entry):
        return proposal
    return replace(
        proposal,
        leverage=max(1.0, whole(min(proposal.leverage, state.rules.max_leverage))),
        stake_amount=min(proposal.stake_amount, state.account.free),
    )

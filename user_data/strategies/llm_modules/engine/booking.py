"""An approved proposal becomes a booking that Freqtrade's callbacks can act on."""

from llm_modules.config import RiskConfig
from llm_modules.domain import MarketSnapshot, Thesis
from llm_modules.engine.book import Booking, BookingKind
from llm_modules.engine.question import Question
from llm_modules.gate.verdict import Proposal
from llm_modules.tools.calls import Adjust, Entry, Exit


def booking_for(
    question: Question, snapshot: MarketSnapshot, proposal: Proposal, risk: RiskConfig
) -> Booking | None:
    """Return the booking of a proposal; holding and waiting need none."""
    kind = _kind(proposal)
    if kind is None:
        return None
    drift = snapshot.price * risk.max_price_drift_pct / 100
    call = proposal.call
    position = question.position
    return Booking(
        decision_id=question.decision_id,
        kind=kind,
        tool=call.tool,
        pair=question.pair,
        side=proposal.side,
        leverage=proposal.leverage,
        stake_amount=proposal.stake_amount,
        stop_price=proposal.stop_price,
        lowest_price=snapshot.price - drift,
        highest_price=snapshot.price + drift,
        candle_at=question.candle_at,
        valid_until=question.valid_until,
        trade_id=position.trade_id if position else None,
        thesis=_thesis(question, snapshot, proposal),
        model_score=call.trade_score if isinstance(call, Exit) else None,
        reason=call.reason,
    )


def _kind(proposal: Proposal) -> BookingKind | None:
    if isinstance(proposal.call, Entry):
        return "entry"
    if isinstance(proposal.call, Exit):
        return "exit"
    return "adjust" if isinstance(proposal.call, Adjust) else None


def _thesis(question: Question, snapshot: MarketSnapshot, proposal: Proposal) -> Thesis | None:
    call = proposal.call
    if not isinstance(call, Entry):
        return None
    return Thesis(
        decision_id=question.decision_id,
        reason=call.reason,
        confidence_score=call.confidence_score,
        key_support=call.key_support,
        key_resistance=call.key_resistance,
        stop_price=proposal.stop_price,
        target_price=call.target_price,
        invalidation=call.invalidation,
        facts={"price": snapshot.price, **snapshot.facts},
    )

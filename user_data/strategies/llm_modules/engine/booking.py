"""An approved proposal becomes a booking that Freqtrade's callbacks can act on."""

from datetime import datetime

from llm_modules.config import RiskConfig
from llm_modules.domain import MarketSnapshot, Thesis
from llm_modules.engine.book import Booking, BookingKind
from llm_modules.engine.question import Question
from llm_modules.gate.stops import farthest_fill, is_crossed
from llm_modules.gate.tiers import maintenance_margin
from llm_modules.gate.verdict import Proposal
from llm_modules.tools.calls import Adjust, Entry, Exit


def booking_for(
    question: Question,
    snapshot: MarketSnapshot,
    proposal: Proposal,
    risk: RiskConfig,
    model: str = "",
) -> Booking | None:
    """Return the booking of what a model proposed; holding and waiting need none."""
    kind = _kind(proposal)
    if kind is None:
        return None
    lowest, highest = _band(question, snapshot.price, proposal, risk)
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
        lowest_price=lowest,
        highest_price=highest,
        candle_at=question.candle_at,
        valid_until=_valid_until(question, kind),
        trade_id=position.trade_id if position else None,
        thesis=_thesis(question, snapshot, proposal, model),
        model_score=call.trade_score if isinstance(call, Exit) else None,
        reason=call.reason,
    )


def drift_of(booking: Booking, price: float) -> str | None:
    """Say why a price does not suit a booking any more, None where it does."""
    stop = booking.stop_price
    if stop is not None and is_crossed(stop, price, booking.side):
        return f"price {price:.8g} is at or beyond the stop {stop:.8g}"
    if booking.lowest_price <= price <= booking.highest_price:
        return None
    band = f"{booking.lowest_price:.8g} to {booking.highest_price:.8g}"
    return f"price {price:.8g} left the band {band}"


def _kind(proposal: Proposal) -> BookingKind | None:
    if isinstance(proposal.call, Entry):
        return "entry"
    if isinstance(proposal.call, Exit):
        return "exit"
    return "adjust" if isinstance(proposal.call, Adjust) else None


def _band(
    question: Question, price: float, proposal: Proposal, risk: RiskConfig
) -> tuple[float, float]:
    """Return the prices between which an order may go out."""
    drift = price * risk.max_price_drift_pct / 100
    stop = proposal.stop_price
    if stop is None or not isinstance(proposal.call, Entry):
        return price - drift, price + drift
    leverage = proposal.leverage
    maintenance = maintenance_margin(question.rules, proposal.stake_amount * leverage)
    worst = farthest_fill(stop, proposal.side, leverage, maintenance)
    # Filled beyond it, liquidation would come before the stop.
    if proposal.side == "long":
        return price - drift, min(price + drift, worst)
    return max(price - drift, worst), price + drift


def _valid_until(question: Question, kind: BookingKind) -> datetime:
    # Getting out is never too late: an exit holds until the next decision can say otherwise.
    span = question.valid_until - question.candle_at
    return question.valid_until + span if kind == "exit" else question.valid_until


def _thesis(
    question: Question, snapshot: MarketSnapshot, proposal: Proposal, model: str
) -> Thesis | None:
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
        model=model,
        timeframe=snapshot.main.timeframe,
    )

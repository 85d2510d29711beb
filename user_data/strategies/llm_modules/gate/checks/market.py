"""When and where: trading hours, funding, and a price that moved on."""

import math
from datetime import UTC, datetime

from llm_modules.config import RiskConfig
from llm_modules.gate.verdict import Finding, GateState, Proposal, Refusal, Remark


def hours_are_open(_proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse an entry outside `trading_hours_utc`."""
    hours = risk.trading_hours_utc
    if not hours or is_within(hours, state.now):
        return None
    return Refusal("TRADING_HOURS", f"entries are made within {hours} UTC only")


def funding_is_bearable(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse new exposure that would pay more funding than `max_funding_rate_pct`."""
    rate = state.funding_rate
    if rate is None or not math.isfinite(rate):
        return Remark("FUNDING", "the funding rate is not known")
    # A positive rate is paid by longs to shorts.
    paid_pct = (rate if proposal.side == "long" else -rate) * 100
    if paid_pct <= risk.max_funding_rate_pct:
        return None
    text = f"a {proposal.side} pays {paid_pct:.4g} % funding, above {risk.max_funding_rate_pct:g} %"
    return Refusal("FUNDING", text)


def price_is_near(_proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse an addition once the price left the decision's by `max_price_drift_pct`."""
    if state.position is None:
        return None
    rate, price = state.position.current_rate, state.price
    # An entry has its price band; an addition is judged while its position moves on.
    if abs(rate - price) <= price * risk.max_price_drift_pct / 100:
        return None
    return Refusal("PRICE_DRIFT", f"price {rate:g} has left the decision's {price:g}")


def is_within(hours: str, at: datetime) -> bool:
    """Tell whether a time is in a span such as 22:00-06:00 UTC; its end is not."""
    start, end = hours.split("-")
    # As text: HH:MM sorts like the times it stands for.
    clock = at.astimezone(UTC).strftime("%H:%M")
    if start < end:
        return start <= clock < end
    return clock >= start or clock < end

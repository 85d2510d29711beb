"""What the model claims, held against what is known; the mode of each check is configured."""

from llm_modules.config import RiskConfig
from llm_modules.config.risk import ClaimMode
from llm_modules.gate.verdict import Clamp, Finding, GateState, Proposal, Refusal, Remark
from llm_modules.tools.calls import Adjust, Entry

# Wilder 1978, New Concepts in Technical Trading Systems: a market trends above 25.
ADX_OF_A_TREND = 25.0


def confidence_is_enough(proposal: Proposal, _state: GateState, risk: RiskConfig) -> Finding:
    """Refuse new exposure that the model itself is less sure of than `min_confidence`."""
    confidence = proposal.call.confidence_score
    if confidence >= risk.min_confidence:
        return None
    return Refusal("MIN_CONFIDENCE", f"confidence {confidence:g} is below {risk.min_confidence:g}")


def rsi_is_right(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Compare the claimed RSI with the real one, give or take `rsi_tolerance`."""
    call, rsi = proposal.call, state.fact("rsi")
    if not isinstance(call, Entry):
        return None
    if rsi is None:
        return Remark("RSI_CLAIM", "RSI is not known; the claimed one was not verified")
    if abs(call.rsi_value - rsi) <= risk.rsi_tolerance:
        return None
    text = f"RSI is {rsi:.1f}, not {call.rsi_value:g}"
    return _by_mode(risk.rsi_claim, "RSI_CLAIM", text, proposal)


def price_within_levels(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Compare the price with the claimed support below it and resistance above it."""
    call = proposal.call
    if not isinstance(call, Entry | Adjust):
        return None
    # An addition is made at the latest rate, an entry near the decision's price.
    price = state.position.current_rate if state.position else state.price
    if call.key_support < price < call.key_resistance:
        return None
    text = f"price {price:g} is not between {call.key_support:g} and {call.key_resistance:g}"
    return _by_mode(risk.levels_claim, "LEVELS_CLAIM", text, proposal)


def trend_is_as_strong(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Compare the claimed trend with ADX: strong needs 25 or more, weak 25 or less."""
    call, adx = proposal.call, state.fact("adx")
    if not isinstance(call, Entry) or call.trend_strength == "moderate":
        return None
    if adx is None:
        return Remark("TREND_CLAIM", "ADX is not known; the claimed trend was not verified")
    strong = call.trend_strength == "strong"
    if adx >= ADX_OF_A_TREND if strong else adx <= ADX_OF_A_TREND:
        return None
    text = f"ADX is {adx:.1f}, which is no {call.trend_strength} trend"
    return _by_mode(risk.trend_claim, "TREND_CLAIM", text, proposal)


def _by_mode(mode: ClaimMode, code: str, text: str, proposal: Proposal) -> Finding:
    """Word a wrong claim as its mode says: refuse, halve the stake, or only record."""
    if mode == "refuse":
        return Refusal(code, text)
    if mode == "record":
        return Remark(code, text)
    # Half: a model that misreads the market once is not barred, but trusted with less.
    half = proposal.stake_amount / 2
    text = f"{text}; stake halved to {half:.6g}"
    return Clamp(code, text, "stake_amount", proposal.stake_amount, half)

"""What the model claims against what is known: at, below and above, in every mode."""

import math
from typing import Any

import pytest

from builders import a_call, a_gate_state, a_position, a_risk
from judging import allowed, at_current_price, codes, judge, only_reason
from llm_modules.gate.checks import claims
from llm_modules.gate.verdict import Clamp, GateState, Proposal, Refusal, Remark

MODES = {"refuse": Refusal, "clamp": Clamp, "record": Remark}


def knowing(**facts: float) -> GateState:
    return a_gate_state(facts=facts)


# Confidence


@pytest.mark.parametrize(
    ("least", "confidence", "is_enough"),
    [(30.0, 31, True), (30.0, 30, True), (30.0, 29.9, False), (0.0, 1, True), (100.0, 99.9, False)],
)
def test_new_exposure_needs_confidence(least: float, confidence: float, *, is_enough: bool) -> None:
    risk = a_risk(min_confidence=least)
    expected = [] if is_enough else ["MIN_CONFIDENCE"]
    entry = judge("signal_entry_long", risk=risk, confidence_score=confidence)
    assert codes(entry) == expected
    state = at_current_price()
    assert codes(judge("adjust_position", state, risk, confidence_score=confidence)) == expected


@pytest.mark.parametrize("tool", ["signal_exit", "signal_hold", "reduce"])
def test_getting_out_needs_no_confidence(tool: str) -> None:
    changes: dict[str, Any] = {"adjustment_pct": -50} if tool == "reduce" else {}
    name = "adjust_position" if tool == "reduce" else tool
    assert judge(name, at_current_price(), confidence_score=1, **changes).reasons == ()


# RSI


@pytest.mark.parametrize(
    ("claimed", "is_right"), [(19.9, False), (20, True), (25, True), (30, True), (30.1, False)]
)
def test_the_claimed_rsi_may_be_a_little_off(claimed: float, *, is_right: bool) -> None:
    verdict = judge("signal_entry_long", knowing(rsi=25.0), rsi_value=claimed)
    assert codes(verdict) == ([] if is_right else ["RSI_CLAIM"])
    assert (verdict.proposal is not None) is is_right


@pytest.mark.parametrize(("tolerance", "is_right"), [(9.9, False), (10.0, True), (0.0, False)])
def test_how_far_the_rsi_may_be_off_is_configured(tolerance: float, *, is_right: bool) -> None:
    risk = a_risk(rsi_tolerance=tolerance)
    verdict = judge("signal_entry_long", knowing(rsi=25.0), risk, rsi_value=35)
    assert (verdict.status == "approved") is is_right


@pytest.mark.parametrize("mode", sorted(MODES))
def test_what_a_wrong_rsi_leads_to_is_configured(mode: str) -> None:
    verdict = judge("signal_entry_long", risk=a_risk(rsi_claim=mode), rsi_value=80)
    reason = only_reason(verdict)
    assert type(reason) is MODES[mode]
    assert reason.text.startswith("RSI is 25.0, not 80")


@pytest.mark.parametrize("rsi", [None, math.nan, math.inf])
def test_a_claim_about_an_unknown_rsi_is_remarked(rsi: float | None) -> None:
    verdict = judge("signal_entry_long", knowing() if rsi is None else knowing(rsi=rsi))
    assert only_reason(verdict) == Remark(
        "RSI_CLAIM", "RSI is not known; the claimed one was not verified"
    )


def test_an_rsi_is_claimed_by_entries_only() -> None:
    state = a_gate_state(position=a_position(), facts={})
    for tool in ("adjust_position", "signal_exit", "signal_hold"):
        assert judge(tool, state).reasons == ()


def test_who_claims_nothing_is_not_checked() -> None:
    call = a_call("signal_hold")
    proposal = Proposal(call, "long", 3.0, 0.0, None)
    for check in (claims.rsi_is_right, claims.price_within_levels, claims.trend_is_as_strong):
        assert check(proposal, a_gate_state(), a_risk()) is None


# Levels


@pytest.mark.parametrize(
    ("support", "resistance", "is_right"),
    [
        (99.9, 100.1, True),
        (100.0, 110.0, False),
        (101.0, 110.0, False),
        (90.0, 100.0, False),
        (90.0, 99.0, False),
    ],
)
@pytest.mark.parametrize("tool", ["signal_entry_long", "signal_entry_short", "adjust_position"])
def test_the_price_lies_between_the_claimed_levels(
    tool: str, support: float, resistance: float, *, is_right: bool
) -> None:
    state = at_current_price() if tool == "adjust_position" else a_gate_state()
    verdict = judge(tool, state, key_support=support, key_resistance=resistance)
    assert codes(verdict) == ([] if is_right else ["LEVELS_CLAIM"])


@pytest.mark.parametrize("mode", sorted(MODES))
def test_what_wrong_levels_lead_to_is_configured(mode: str) -> None:
    for tool, state in (
        ("signal_entry_long", a_gate_state()),
        ("adjust_position", at_current_price()),
    ):
        verdict = judge(tool, state, a_risk(levels_claim=mode), key_support=101.0)
        assert type(only_reason(verdict)) is MODES[mode]


def test_for_a_position_the_latest_price_counts() -> None:
    """The decision's price of 100 is within 99.5 and 100.4, the latest of 100.5 is not."""
    state = a_gate_state(position=a_position(current_rate=100.5))
    verdict = judge("adjust_position", state, key_support=99.5, key_resistance=100.4)
    assert codes(verdict) == ["LEVELS_CLAIM"]


# Trend


@pytest.mark.parametrize(
    ("claimed", "adx", "is_right"),
    [
        ("strong", 24.9, False),
        ("strong", 25.0, True),
        ("strong", 60.0, True),
        ("weak", 10.0, True),
        ("weak", 25.0, True),
        ("weak", 25.1, False),
        ("moderate", 5.0, True),
        ("moderate", 60.0, True),
    ],
)
def test_the_claimed_trend_is_held_against_adx(claimed: str, adx: float, *, is_right: bool) -> None:
    risk = a_risk(trend_claim="refuse")
    state = knowing(rsi=25.0, adx=adx)
    verdict = judge("signal_entry_long", state, risk, trend_strength=claimed)
    assert codes(verdict) == ([] if is_right else ["TREND_CLAIM"])


@pytest.mark.parametrize("mode", sorted(MODES))
def test_what_a_wrong_trend_leads_to_is_configured(mode: str) -> None:
    risk = a_risk(trend_claim=mode)
    verdict = judge("signal_entry_long", risk=risk, trend_strength="strong")
    reason = only_reason(verdict)
    assert type(reason) is MODES[mode]
    assert reason.text.startswith("ADX is 22.0, which is no strong trend")


@pytest.mark.parametrize(("claimed", "remarks"), [("strong", 1), ("weak", 1), ("moderate", 0)])
def test_a_claim_about_an_unknown_adx_is_remarked(claimed: str, remarks: int) -> None:
    verdict = judge("signal_entry_long", knowing(rsi=25.0), trend_strength=claimed)
    assert verdict.status == "approved"
    assert codes(verdict) == ["TREND_CLAIM"] * remarks


# Halving


def test_a_wrong_claim_halves_what_was_asked() -> None:
    verdict = judge("signal_entry_long", key_support=101.0)
    assert (verdict.status, allowed(verdict).stake_amount) == ("clamped", 50)
    assert only_reason(verdict).text.endswith("stake halved to 50")


def test_asking_for_more_does_not_undo_the_halving() -> None:
    verdict = judge("signal_entry_long", key_support=101.0, stake_amount=1e12)
    assert allowed(verdict).stake_amount == 100
    assert codes(verdict) == ["MAX_POSITION", "LEVELS_CLAIM"]


def test_two_wrong_claims_leave_a_quarter() -> None:
    risk = a_risk(rsi_claim="clamp")
    verdict = judge("signal_entry_long", risk=risk, key_support=101.0, rsi_value=90)
    assert allowed(verdict).stake_amount == 25


def test_half_of_an_order_may_be_too_small_for_the_market() -> None:
    verdict = judge("signal_entry_long", key_support=101.0, stake_amount=3)
    assert codes(verdict) == ["LEVELS_CLAIM", "BELOW_MINIMUM"]

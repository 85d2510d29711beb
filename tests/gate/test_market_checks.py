"""Trading hours, funding, and a price that moved on."""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from builders import NOON, a_gate_state, a_position, a_risk
from judging import codes, in_position, judge, only_reason
from llm_modules.gate.checks import market
from llm_modules.gate.checks.market import is_within
from llm_modules.gate.verdict import Proposal, Remark

GROWING = ["signal_entry_long", "signal_entry_short", "adjust_position"]


def clock(text: str) -> datetime:
    hour, minute = text.split(":")
    return datetime(2026, 1, 15, int(hour), int(minute), 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "at", "within"),
    [
        ("08:00-22:00", "07:59", False),
        ("08:00-22:00", "08:00", True),
        ("08:00-22:00", "21:59", True),
        ("08:00-22:00", "22:00", False),
        ("22:00-06:00", "21:59", False),
        ("22:00-06:00", "22:00", True),
        ("22:00-06:00", "23:59", True),
        ("22:00-06:00", "00:00", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "06:00", False),
        ("00:00-23:59", "23:59", False),
        ("09:30-09:31", "09:30", True),
    ],
)
def test_hours_begin_on_time_and_end_before_their_end(hours: str, at: str, *, within: bool) -> None:
    assert is_within(hours, clock(at)) is within


def test_hours_are_utc_wherever_the_clock_is() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert is_within("08:00-09:00", datetime(2026, 1, 15, 17, 30, tzinfo=tokyo))
    assert not is_within("17:00-18:00", datetime(2026, 1, 15, 17, 30, tzinfo=tokyo))


@pytest.mark.parametrize(
    ("hours", "refused"),
    [("", False), ("11:00-13:00", False), ("13:00-14:00", True), ("12:00-12:01", False)],
)
def test_entries_keep_the_trading_hours(hours: str, *, refused: bool) -> None:
    risk = a_risk(trading_hours_utc=hours)
    verdict = judge("signal_entry_long", risk=risk)
    assert codes(verdict) == (["TRADING_HOURS"] if refused else [])
    assert judge("adjust_position", in_position(), risk).reasons == ()
    assert judge("signal_exit", in_position(), risk).reasons == ()


# Funding


@pytest.mark.parametrize(
    ("tool", "rate", "refused"),
    [
        ("signal_entry_long", 0.00099, False),
        ("signal_entry_long", 0.001, False),
        ("signal_entry_long", 0.00101, True),
        ("signal_entry_long", -0.5, False),
        ("signal_entry_short", -0.001, False),
        ("signal_entry_short", -0.00101, True),
        ("signal_entry_short", 0.5, False),
        ("adjust_position", 0.001, False),
        ("adjust_position", 0.00101, True),
    ],
)
def test_nobody_pays_too_much_funding(tool: str, rate: float, *, refused: bool) -> None:
    position = a_position() if tool == "adjust_position" else None
    verdict = judge(tool, a_gate_state(funding_rate=rate, position=position))
    assert codes(verdict) == (["FUNDING"] if refused else [])
    assert (verdict.proposal is None) is refused


@pytest.mark.parametrize(("limit", "refused"), [(0.0, True), (0.04, True), (0.05, False)])
def test_how_much_funding_is_too_much_is_configured(limit: float, *, refused: bool) -> None:
    risk = a_risk(max_funding_rate_pct=limit)
    verdict = judge("signal_entry_long", a_gate_state(funding_rate=0.0005), risk)
    assert codes(verdict) == (["FUNDING"] if refused else [])


@pytest.mark.parametrize("tool", GROWING)
@pytest.mark.parametrize("rate", [None, math.nan, math.inf, -math.inf])
def test_unknown_funding_is_remarked(tool: str, rate: float | None) -> None:
    position = a_position() if tool == "adjust_position" else None
    verdict = judge(tool, a_gate_state(funding_rate=rate, position=position))
    assert only_reason(verdict) == Remark("FUNDING", "the funding rate is not known")
    assert verdict.status == "approved"


def test_funding_keeps_nobody_in() -> None:
    state = a_gate_state(funding_rate=0.9, position=a_position())
    assert judge("signal_exit", state).reasons == ()
    assert judge("adjust_position", state, adjustment_pct=-50).reasons == ()


# Drift


@pytest.mark.parametrize(
    ("rate", "drifted"),
    [(98.9, True), (99.0, False), (100.0, False), (101.0, False), (101.1, True), (math.inf, True)],
)
def test_an_addition_lapses_once_the_price_has_left(rate: float, *, drifted: bool) -> None:
    verdict = judge("adjust_position", in_position(current_rate=rate, stop_price=90.0))
    assert ("PRICE_DRIFT" in codes(verdict)) is drifted
    assert (verdict.proposal is None) is drifted


@pytest.mark.parametrize(("limit", "drifted"), [(1.9, True), (2.0, False), (2.1, False)])
def test_how_far_the_price_may_move_is_configured(limit: float, *, drifted: bool) -> None:
    risk = a_risk(max_price_drift_pct=limit)
    verdict = judge("adjust_position", in_position(current_rate=102.0), risk)
    assert codes(verdict) == (["PRICE_DRIFT"] if drifted else [])


def test_a_price_that_is_no_number_has_left() -> None:
    verdict: Any = judge("adjust_position", in_position(current_rate=math.nan))
    assert "PRICE_DRIFT" in codes(verdict)


def test_a_reduction_follows_the_price_wherever_it_is() -> None:
    state = in_position(current_rate=150.0)
    assert judge("adjust_position", state, adjustment_pct=-50).reasons == ()


def test_there_is_no_drift_without_a_position() -> None:
    call = judge("signal_entry_long").proposal
    assert isinstance(call, Proposal)
    assert market.price_is_near(call, a_gate_state(now=NOON), a_risk()) is None

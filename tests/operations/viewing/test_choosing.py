"""Which lines are chosen, and the times and tools that are typed for it."""

import argparse
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from builders import NOON, PAIR, a_decision_record, a_trade_record
from llm_modules.errors import UserError
from llm_modules.journal.records import HaltRecord, LessonRecord, Line, OutcomeRecord
from llm_modules.operations.viewing.choosing import (
    SLACK,
    DecisionChoice,
    Span,
    TradeChoice,
    is_pair,
    span_of,
)
from llm_modules.operations.viewing.moments import TOOLS, moment, tool

HOUR = timedelta(hours=1)


def written(line: Line) -> bytes:
    return line.model_dump_json(by_alias=True).encode()


def decided(**changes: Any) -> bytes:
    return written(a_decision_record(**({"at": NOON} | changes)))


def became(**changes: Any) -> bytes:
    values: dict[str, Any] = {
        "decision_id": "d-1",
        "at": NOON,
        "pair": PAIR,
        "tool": "signal_exit",
        "outcome": "filled",
    }
    return written(OutcomeRecord(**(values | changes)))


HALTED = written(HaltRecord(at=NOON, mode="live", event="halted", text="drill", equity=None))


def closed(**changes: Any) -> bytes:
    return written(a_trade_record(**({"at": NOON, "closed_at": NOON} | changes)))


def worded(**changes: Any) -> bytes:
    values: dict[str, Any] = {
        "at": NOON,
        "mode": "sandbox",
        "trade_id": 7,
        "opened_at": NOON - HOUR,
        "pair": PAIR,
        "model": "test-model",
        "text": "sell sooner",
    }
    return written(LessonRecord(**(values | changes)))


@pytest.mark.parametrize(
    ("typed", "is_meant"),
    [
        (None, True),
        ("BTC", True),
        ("btc", True),
        ("BTC/USDT", True),
        ("btc/usdt:usdt", True),
        ("BT", False),
        ("USDT", False),
        ("BTC/USDC:USDC", False),
        ("", False),
    ],
)
def test_a_pair_may_be_named_by_its_base_its_market_or_whole(
    typed: str | None, is_meant: bool
) -> None:
    assert is_pair(typed, PAIR) is is_meant


@pytest.mark.parametrize(
    ("choice", "finding"),
    [
        ({}, "sought"),
        ({"pair": "BTC"}, "sought"),
        ({"pair": "btc/usdt:usdt"}, "sought"),
        ({"pair": "ETH"}, "other"),
        ({"pair": "no edge"}, "other"),
        ({"tool": "signal_wait"}, "sought"),
        ({"tool": "signal_exit"}, "other"),
        ({"verdict": "approved"}, "sought"),
        ({"verdict": "refused"}, "other"),
        ({"model": "TEST"}, "sought"),
        ({"model": "test-model-2"}, "other"),
        ({"model": 'te"st'}, "other"),
        ({"pair": "BTC", "tool": "signal_wait", "verdict": "approved", "model": "t"}, "sought"),
        ({"pair": "BTC", "tool": "signal_exit", "verdict": "approved"}, "other"),
    ],
)
def test_a_decision_is_chosen_by_all_that_is_asked_for(choice: Any, finding: str) -> None:
    assert DecisionChoice(**choice)(decided()) == finding
    with_time = DecisionChoice(**choice, span=Span(NOON - HOUR, None))
    assert with_time(decided()) == finding


def test_text_of_a_model_that_names_a_tool_is_not_that_tool() -> None:
    talk = decided(call={"reason": "not signal_exit, not refused, not ETH"})
    for choice in ({"tool": "signal_exit"}, {"verdict": "refused"}, {"pair": "ETH"}):
        assert DecisionChoice(**choice)(talk) == "other"


@pytest.mark.parametrize(
    ("choice", "finding"),
    [
        ({}, "sought"),
        ({"pair": "BTC"}, "sought"),
        ({"tool": "signal_exit"}, "sought"),
        ({"tool": "signal_wait"}, "other"),
        ({"verdict": "approved"}, "other"),
        ({"model": "test"}, "other"),
    ],
)
def test_an_outcome_has_neither_verdict_nor_model(choice: Any, finding: str) -> None:
    assert DecisionChoice(**choice, span=Span(NOON, None))(became()) == finding


def test_a_halt_is_of_no_pair_and_no_tool() -> None:
    span = Span(NOON, None)
    assert DecisionChoice(span=span)(HALTED) == "sought"
    for choice in ({"pair": "BTC"}, {"tool": "x"}, {"verdict": "refused"}, {"model": "m"}):
        assert DecisionChoice(**choice, span=span)(HALTED) == "other"


@pytest.mark.parametrize("line", [b"torn", b"{}", b""])
def test_an_unreadable_line_is_wanted_only_where_everything_is(line: bytes) -> None:
    assert DecisionChoice(pair="")(line) == "other"
    assert TradeChoice(pair="")(line) == "other"


def test_everything_is_everything() -> None:
    assert DecisionChoice().is_everything
    assert not DecisionChoice(span=Span(NOON, None)).is_everything
    assert TradeChoice().is_everything
    assert not TradeChoice(side="long").is_everything


@pytest.mark.parametrize(
    ("since", "until", "finding"),
    [
        (NOON, None, "sought"),
        (NOON + SLACK, None, "other"),
        (NOON + SLACK + timedelta(microseconds=1), None, "too_old"),
        (None, NOON, "other"),
        (None, NOON + timedelta(microseconds=1), "sought"),
        (NOON + timedelta(microseconds=1), None, "other"),
    ],
)
def test_a_span_begins_with_its_first_moment_and_ends_before_its_last(
    since: datetime | None, until: datetime | None, finding: str
) -> None:
    assert DecisionChoice(span=Span(since, until))(decided()) == finding
    assert TradeChoice(span=Span(since, until))(closed()) == finding


def test_a_summary_is_chosen_the_same_way() -> None:
    choice = DecisionChoice(pair="BTC", span=Span(NOON, None))
    assert choice.fits(a_decision_record(at=NOON))
    assert not choice.fits(a_decision_record(at=NOON - HOUR))
    assert not choice.fits(a_decision_record(at=NOON, pair="ETH/USDT:USDT"))


@pytest.mark.parametrize(
    ("choice", "finding"),
    [
        ({}, "sought"),
        ({"pair": "BTC"}, "sought"),
        ({"pair": "ETH"}, "other"),
        ({"side": "long"}, "sought"),
        ({"side": "short"}, "other"),
        ({"result": "won"}, "sought"),
        ({"result": "lost"}, "other"),
        ({"model": "main"}, "sought"),
        ({"model": "other"}, "other"),
    ],
)
def test_a_trade_is_chosen_by_pair_side_result_and_the_model_that_opened_it(
    choice: Any, finding: str
) -> None:
    entry = a_trade_record().entry
    assert entry is not None
    line = closed(entry=entry.model_copy(update={"model": "Main-1"}))
    assert TradeChoice(**choice)(line) == finding
    assert TradeChoice(**choice, span=Span(NOON, None))(line) == finding


@pytest.mark.parametrize(("profit", "result"), [(0.0001, "won"), (0.0, "lost"), (-0.1, "lost")])
def test_a_trade_that_gained_nothing_is_lost(profit: float, result: Any) -> None:
    assert TradeChoice(result=result)(closed(profit_ratio=profit)) == "sought"


def test_a_trade_opened_by_hand_has_no_model() -> None:
    assert TradeChoice(model="m", span=Span(NOON, None))(closed(entry=None)) == "other"


def test_a_trade_that_was_told_late_lies_at_its_close() -> None:
    late = closed(at=NOON, closed_at=NOON - HOUR)
    assert TradeChoice(span=Span(NOON - HOUR, NOON))(late) == "sought"
    assert TradeChoice(span=Span(NOON, None))(late) == "other"


def test_the_wording_of_a_lesson_has_neither_side_nor_result() -> None:
    span = Span(NOON, None)
    assert TradeChoice(pair="BTC", span=span)(worded()) == "sought"
    assert TradeChoice(span=Span(NOON + HOUR, None))(worded()) == "other"
    for choice in ({"side": "long"}, {"result": "won"}, {"model": "test"}, {"pair": "ETH"}):
        assert TradeChoice(**choice, span=span)(worded()) == "other"


def test_so_long_ago_is_counted_from_now() -> None:
    assert span_of(2 * HOUR, HOUR, NOON) == Span(NOON - 2 * HOUR, NOON - HOUR)
    assert span_of(None, NOON, NOON) == Span(None, NOON)
    assert span_of(None, None, NOON) == Span()


@pytest.mark.parametrize("until", [NOON, NOON - HOUR])
def test_a_span_in_which_nothing_lies_is_refused(until: datetime) -> None:
    with pytest.raises(UserError, match="is not before --until 2026-01-15 1"):
        span_of(NOON, until, NOON)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("30m", timedelta(minutes=30)),
        ("2h", 2 * HOUR),
        ("3d", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
        ("36500d", timedelta(days=36_500)),
        ("2026-01-15", datetime(2026, 1, 15, tzinfo=UTC)),
        ("2026-01-15T12:00", NOON),
        ("2026-01-15 12:00Z", NOON),
        ("2026-01-15T14:00+02:00", NOON),
    ],
)
def test_a_time_is_so_long_ago_or_of_the_calendar(text: str, found: object) -> None:
    assert moment(text) == found


def test_a_time_of_the_calendar_is_in_utc_from_then_on() -> None:
    found = moment("2026-01-15T14:00+02:00")
    assert isinstance(found, datetime)
    assert found.tzinfo is UTC
    assert timezone(2 * HOUR) != UTC


@pytest.mark.parametrize(
    "text",
    [
        *("", "0h", "-1h", "2 h", "1y", "h", "36501d", "9999999h", "yesterday", "2026-13-01"),
        *("\u0663h", "0001-01-01T00:00+14:00"),
    ],
)
def test_a_time_that_is_none_says_what_is_expected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="30m, 2h, 3d or 1w"):
        moment(text)


def test_a_tool_may_be_named_in_short() -> None:
    assert len(TOOLS) == 6
    assert [tool(name) for name in TOOLS] == list(TOOLS)
    short = ["entry_long", "entry_short", "exit", "adjust", "hold", "wait"]
    assert sorted(map(tool, short)) == sorted(TOOLS)


@pytest.mark.parametrize("text", ["", "buy", "signal", "signal_", "EXIT"])
def test_a_tool_that_is_none_lists_them(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected one of entry_long, "):
        tool(text)

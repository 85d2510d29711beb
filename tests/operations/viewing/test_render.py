from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, PAIR, a_decision_record, a_trade_record
from llm_modules.journal.records import (
    HaltRecord,
    LessonRecord,
    Line,
    OutcomeRecord,
    Reason,
    Reflection,
)
from llm_modules.operations.viewing.render import (
    decision_line,
    finding,
    plain_line,
    printable,
    printable_lines,
    short_tool,
    trade_line,
)


def decided(**changes: Any) -> str:
    return decision_line(a_decision_record(**changes).model_dump_json(by_alias=True)).plain


def became(**changes: Any) -> str:
    values: dict[str, Any] = {
        "decision_id": "d-1",
        "at": NOON + timedelta(seconds=9),
        "pair": PAIR,
        "tool": "signal_entry_long",
        "outcome": "filled",
        "trade_id": 7,
        "detail": "at 100.5",
    }
    record = OutcomeRecord(**(values | changes))
    return decision_line(record.model_dump_json(by_alias=True)).plain


def traded(**changes: Any) -> str:
    return trade_line(a_trade_record(**changes).model_dump_json(by_alias=True)).plain


def test_a_decision_is_one_line() -> None:
    assert decided() == (
        "01-15 12:00:02 sandbox BTC/USDT:USDT   signal_wait         approved    60  d-1  no edge"
    )


def test_a_refusal_shows_the_gates_reasons_before_the_models() -> None:
    line = decided(
        status="refused",
        tool="signal_entry_long",
        call={"confidence_score": 85.0, "reason": "breakout\nsecond line"},
        reasons=(Reason(code="a", text="too many trades"), Reason(code="b", text="too close")),
    )
    assert line.endswith(
        "signal_entry_long   refused     85  d-1  a: too many trades; b: too close | breakout"
    )


@pytest.mark.parametrize(
    ("field", "before", "after", "shown"),
    [
        ("stake_amount", 500.0, 200.0, "stake 500->200 (CODE)"),
        ("leverage", 12.5, 3.0, "leverage 12.5->3 (CODE)"),
        ("stop_price", None, 0.00012345678, "stop none->0.00012345678 (CODE)"),
        ("stop_price", 64123.5, None, "stop 64123.5->none (CODE)"),
    ],
)
def test_a_clamp_shows_from_what_to_what(
    field: str, before: float | None, after: float | None, shown: str
) -> None:
    clamp = Reason(code="CODE", text="x", kind="clamp", field=field, before=before, after=after)
    assert decided(status="clamped", reasons=(clamp,)).endswith(f"    60  d-1  {shown} | no edge")


@pytest.mark.parametrize("kind", ["refusal", "remark", "unknown", "clamp"])
def test_whatever_has_no_numbers_shows_code_and_sentence(kind: Any) -> None:
    reason = Reason(code="CODE", text="why", kind=kind)
    assert decided(reasons=(reason,)).endswith("  60  d-1  CODE: why | no edge")


@pytest.mark.parametrize("event", ["tripped", "halted", "resumed", "flatten", "flattened"])
def test_a_halt_is_one_line(event: Any) -> None:
    record = HaltRecord(at=NOON, mode="dry_run", event=event, text=f"why{HOSTILE}\nx", equity=1.0)
    line = decision_line(record.model_dump_json(by_alias=True)).plain
    assert line.startswith(f"01-15 12:00:00 dry_run all pairs       {event:<19} why")
    assert line.isprintable()


def test_a_failure_shows_its_fault_and_no_tool() -> None:
    line = decided(status="failed", tool=None, call={}, fault="timeout")
    assert line.endswith("no tool             failed       -  d-1  timeout")


def test_an_unusable_answer_shows_what_was_wrong() -> None:
    line = decided(status="failed", tool=None, call={}, problems=("no such tool", "no pair"))
    assert line.endswith("no such tool; no pair")


def test_an_outcome_is_one_line() -> None:
    assert became() == (
        "01-15 12:00:09         BTC/USDT:USDT   signal_entry_long   filled          "
        "trade 7 at 100.5"
    )


def test_an_outcome_without_trade_or_detail_ends_with_its_kind() -> None:
    assert became(outcome="expired", trade_id=None, detail="").endswith("expired")


@pytest.mark.parametrize("status", ["approved", "clamped", "refused", "failed", "skipped"])
def test_every_status_of_a_decision_has_a_line(status: str) -> None:
    assert f" {status} " in decided(status=status)


@pytest.mark.parametrize("outcome", ["filled", "expired", "superseded", "aborted", "vetoed"])
def test_every_outcome_has_a_line(outcome: str) -> None:
    assert f" {outcome} " in became(outcome=outcome)


def test_a_trade_is_one_line_with_its_first_lesson() -> None:
    reflection = Reflection(summary="fine", lessons=("take profits", "second"))
    line = traded(reflection=reflection, profit_ratio=-0.0512, leverage=3.0, side="short")
    grade = a_trade_record().evaluation.grade
    assert line == (
        f"01-15 11:00:00 sandbox BTC/USDT:USDT   short 3x   -5.12 %  {grade}  "
        "signal_exit          take profits"
    )


def test_a_trade_without_lessons_shows_its_summary() -> None:
    assert traded(reflection=Reflection(summary="nothing to learn", lessons=())).endswith(
        "nothing to learn"
    )


def test_a_models_wording_of_a_lesson_is_one_line() -> None:
    lesson = LessonRecord(
        at=NOON,
        mode="sandbox",
        trade_id=7,
        opened_at=NOON,
        pair=PAIR,
        model="cheap",
        text=f"sell sooner{HOSTILE}\nsecond line",
    )
    line = trade_line(lesson.model_dump_json(by_alias=True)).plain
    assert line.startswith("01-15 12:00:00 sandbox BTC/USDT:USDT   lesson of trade 7: sell sooner")
    assert line.isprintable()
    assert "second line" not in line


@pytest.mark.parametrize("render", [decision_line, trade_line])
def test_a_line_of_another_kind_is_shown_and_not_fatal(render: Any) -> None:
    assert render('{"schema": 99}').plain == 'unreadable line: {"schema": 99}'
    assert render("torn \x1b[31m").plain == "unreadable line: torn  [31m"


HOSTILE = "\x1b]0;owned\x07\x1b[2Jfine\u202egpj\u200b[bold]not markup[/bold]"


def test_what_a_model_wrote_cannot_command_the_terminal() -> None:
    line = decided(call={"confidence_score": 60.0, "reason": HOSTILE})
    assert line.isprintable()
    assert line.endswith("fine gpj [bold]not markup[/bold]")


def test_a_log_line_is_shown_without_what_commands_the_terminal() -> None:
    assert plain_line("a\x1b[31mb").plain == "a [31mb"


def test_a_reason_is_whole_unless_it_is_longer_than_any_of_ours() -> None:
    for length, shown in ((1500, 1500), (3000, 3000), (3001, 3000)):
        line = decided(call={"confidence_score": 60.0, "reason": "x" * length})
        assert line.count("x") - line.partition("d-1")[0].count("x") == shown


def short_decision(record: Line) -> str:
    return decision_line(record.model_dump_json(by_alias=True), short=True).plain


def test_the_short_lines_of_a_journal_stand_below_each_other() -> None:
    call = {"confidence_score": 60.0, "reason": "because"}
    outcome = OutcomeRecord(
        decision_id="d-1",
        at=NOON,
        pair=PAIR,
        tool="adjust_position",
        outcome="superseded",
        trade_id=7,
    )
    halt = HaltRecord(at=NOON, mode="live", event="flattened", text="drill", equity=None)
    assert [
        short_decision(a_decision_record(tool="signal_entry_short", call=call)),
        short_decision(a_decision_record(tool="adjust_position", call=call, status="clamped")),
        short_decision(a_decision_record(tool=None, call={}, status="failed", fault="timeout")),
        short_decision(outcome),
        short_decision(halt),
    ] == [
        "01-15 12:00 BTC   entry_short approved  60  d-1  because",
        "01-15 12:00 BTC   adjust      clamped   60  d-1  because",
        "01-15 12:00 BTC   no tool     failed     -  d-1  timeout",
        "01-15 12:00 BTC   adjust      superseded      trade 7",
        "01-15 12:00 all   flattened   drill",
    ]


def test_a_short_trade_and_a_short_lesson() -> None:
    trade = trade_line(a_trade_record().model_dump_json(by_alias=True), short=True)
    assert trade.plain == "01-15 11:00 BTC   long  3x   +5.80 %  A  exit      keep the stop"
    lesson = LessonRecord(
        at=NOON,
        mode="live",
        trade_id=7,
        opened_at=NOON,
        pair=PAIR,
        model="cheap",
        text="sell sooner",
    )
    line = trade_line(lesson.model_dump_json(by_alias=True), short=True)
    assert line.plain == "01-15 12:00 BTC   lesson of trade 7: sell sooner"


def test_a_line_that_cannot_be_read_has_no_short_form() -> None:
    assert decision_line("torn", short=True).plain == "unreadable line: torn"
    assert trade_line("torn", short=True).plain == "unreadable line: torn"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("signal_entry_long", "entry_long"),
        ("adjust_position", "adjust"),
        ("signal_wait", "wait"),
        ("stop_loss", "stop_loss"),
    ],
)
def test_a_tool_has_a_short_name(name: str, short: str) -> None:
    assert short_tool(name) == short


@given(st.text())
def test_whatever_is_written_is_printable_and_as_long(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) == len(text)


@given(st.text())
def test_only_a_newline_ends_a_line_of_a_longer_text(text: str) -> None:
    lines = printable_lines(text)
    assert len(lines) == text.count("\n") + 1
    assert all(line.isprintable() for line in lines)


def test_a_finding_is_named_by_its_numbers_or_its_sentence() -> None:
    clamp = Reason(code="A", text="x", kind="clamp", field="leverage", before=12.0, after=3.0)
    assert finding(clamp) == "leverage 12->3 (A)"
    assert finding(Reason(code="B", text="too close")) == "B: too close"


def test_a_question_that_was_not_asked_is_one_short_dim_line() -> None:
    record = a_decision_record(
        status="skipped", tool=None, call={}, default_tool="signal_hold", fault="cadence: why"
    )
    line = decision_line(record.model_dump_json(by_alias=True))
    assert line.plain == (
        "01-15 12:00:02 sandbox BTC/USDT:USDT   held                skipped      -  d-1  "
        "cadence: why"
    )
    assert (0, len(line.plain), "dim") in [(one.start, one.end, one.style) for one in line.spans]
    asked = decision_line(a_decision_record().model_dump_json(by_alias=True))
    assert (0, len(asked.plain), "dim") not in [
        (one.start, one.end, one.style) for one in asked.spans
    ]


@pytest.mark.parametrize(("tool", "did"), [("signal_wait", "waited"), ("signal_hold", "held")])
def test_a_failure_says_what_was_done_instead(tool: str, did: str) -> None:
    line = decided(status="failed", tool=None, call={}, fault="timeout", default_tool=tool)
    assert line.endswith(f"{did:<19} failed       -  d-1  timeout")


def test_an_unknown_stand_in_is_no_tool() -> None:
    assert "no tool " in decided(status="failed", tool=None, call={}, default_tool="fly\x1b")

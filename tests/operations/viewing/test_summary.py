from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR, a_decision_record
from llm_modules.journal.records import HaltRecord, OutcomeRecord, Reason
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from llm_modules.operations.viewing.summary import show_summary, summed

REFUSAL = Reason(code="NO_FREE_SLOT", text="x", kind="refusal")
CLAMP = Reason(code="MAX_POSITION", text="x", kind="clamp", field="stake_amount", before=5, after=2)
REMARK = Reason(code="TREND_CLAIM", text="x", kind="remark")


def line(**changes: Any) -> bytes:
    return a_decision_record(**changes).model_dump_json(by_alias=True).encode() + b"\n"


def other_lines() -> list[bytes]:
    outcome = OutcomeRecord(
        decision_id="d", at=NOON, pair=PAIR, tool="signal_exit", outcome="filled"
    )
    halt = HaltRecord(at=NOON, mode="live", event="halted", text="x", equity=None)
    return [record.model_dump_json(by_alias=True).encode() + b"\n" for record in (outcome, halt)]


@pytest.fixture
def journal(session: Session) -> Callable[..., Path]:
    def write(*lines: bytes) -> Path:
        path = session.journals().decisions
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(lines))
        return path

    return write


def test_each_status_and_each_finding_of_each_check_is_counted() -> None:
    summary = summed(
        [
            line(status="approved", reasons=(REMARK,)),
            line(status="clamped", reasons=(CLAMP, REMARK)),
            line(status="refused", reasons=(REFUSAL, CLAMP)),
            line(status="refused", reasons=(REFUSAL,)),
            line(status="failed"),
            line(status="skipped"),
            *other_lines(),
        ]
    )
    counts = {status: tally.counts[status] for status, tally in summary.statuses.items()}
    assert counts == {"approved": 1, "clamped": 1, "refused": 2, "failed": 1, "skipped": 1}
    assert {code: tally.counts for code, tally in summary.codes.items()} == {
        "TREND_CLAIM": {"remark": 2},
        "MAX_POSITION": {"clamp": 2},
        "NO_FREE_SLOT": {"refusal": 2},
    }
    assert summary.bad_lines == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [("refused", "refusal"), ("clamped", "clamp"), ("approved", "remark"), ("failed", "remark")],
)
def test_of_old_lines_the_status_tells_what_a_finding_was(status: str, kind: str) -> None:
    old = Reason(code="OLD", text="x")
    assert summed([line(status=status, reasons=(old,))]).codes["OLD"].counts == {kind: 1}


def test_the_newest_time_is_told_whatever_the_order() -> None:
    later = NOON + timedelta(hours=1)
    summary = summed(
        [line(at=at, status="refused", reasons=(REFUSAL,)) for at in (NOON, later, NOON)]
    )
    assert summary.statuses["refused"].newest == summary.codes["NO_FREE_SLOT"].newest == later


def test_bad_lines_are_counted_and_harm_nothing_a_last_one_being_written_is_none() -> None:
    lines = [b"torn\n", b"\xff\xfe\n", b'{"kind": "decision"}\n', b"\n", line(), line()[:50]]
    summary = summed(lines)
    assert summary.bad_lines == 4
    assert summary.statuses["approved"].counts == {"approved": 1}


def test_the_tables_are_plain_when_piped(
    session: Session, journal: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    journal(
        line(status="approved", at=NOON),
        line(status="refused", reasons=(REFUSAL,), at=NOON),
        line(status="refused", reasons=(REFUSAL, REMARK), at=NOON),
        line(status="clamped", reasons=(CLAMP,), at=NOON),
    )
    assert show_summary(session) is ExitStatus.DONE
    captured = capsys.readouterr()
    rows = [row.split() for row in captured.out.splitlines()]
    when = ["2026-01-15", "12:00"]
    assert rows == [
        ["status", "decisions", "newest", "(UTC)"],
        ["approved", "1", *when],
        ["clamped", "1", *when],
        ["refused", "2", *when],
        ["failed", "0", "-"],
        ["skipped", "0", "-"],
        ["check", "refused", "clamped", "remarked", "newest", "(UTC)"],
        ["NO_FREE_SLOT", "2", "0", "0", *when],
        ["MAX_POSITION", "0", "1", "0", *when],
        ["TREND_CLAIM", "0", "0", "1", *when],
    ]
    assert captured.out.isascii()
    assert captured.err == ""


def test_decisions_without_findings_are_one_table(
    session: Session, journal: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    journal(line())
    show_summary(session)
    assert "check" not in capsys.readouterr().out


def test_a_long_code_is_not_cut(
    session: Session, journal: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    long = "A_CODE_LONGER_THAN_ANY_OF_OURS_COULD_EVER_BE_AND_THEN_SOME_MORE_OF_IT"
    journal(line(reasons=(Reason(code=long, text="x"),)))
    show_summary(session)
    cells = [row.split()[0] for row in capsys.readouterr().out.splitlines()[7:]]
    assert "".join(cells) == long


def test_a_code_cannot_command_the_terminal(
    session: Session, journal: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    journal(line(reasons=(Reason(code="\x1b[2J[red]X[/]", text="x"),)))
    show_summary(session)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[2J[red]X[/]" in out


@pytest.mark.parametrize("lines", [None, [], [b"torn\n"], other_lines()])
def test_a_journal_without_decisions_says_so(
    session: Session,
    journal: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    lines: list[bytes] | None,
) -> None:
    if lines is not None:
        journal(*lines)
    path = session.journals().decisions
    assert show_summary(session) is ExitStatus.DONE
    captured = capsys.readouterr()
    assert captured.out == f"There is no decision in {path} yet.\n"
    assert ("1 unreadable lines" in captured.err) is (lines == [b"torn\n"])


def test_what_was_not_asked_is_counted_apart_with_its_share(
    session: Session, journal: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    journal(*[line(status="skipped", tool=None)] * 3, line(), line(status="failed", tool=None))
    show_summary(session)
    rows = capsys.readouterr().out.splitlines()
    assert rows[5].split() == ["skipped", "3", "2026-01-15", "12:00"]
    assert rows[6] == "3 of 5 questions were not put to the model: 60.0%."


def test_without_skips_no_share_is_told(
    session: Session, journal: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    journal(line())
    show_summary(session)
    assert "questions" not in capsys.readouterr().out

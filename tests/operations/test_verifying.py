from pathlib import Path

import pytest

from builders import a_config, a_decision_record, a_trade_record
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.verifying import MOST_FAULTS, verify


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "logs").mkdir()
    return Session(Places(tmp_path), {}, Screen())


def written(session: Session, lines: int) -> Path:
    journal = TradeLogger(a_config(str(session.places.logs)).experience_config)
    for number in range(lines):
        journal.decision(a_decision_record(decision_id=f"d-{number}"))
        journal.trade(a_trade_record(trade_id=number))
    journal.close()
    return session.journals().decisions


def test_what_was_written_is_sound(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    written(session, 3)
    assert verify(session) is ExitStatus.DONE
    said = capsys.readouterr().out
    assert "llm_decisions.jsonl: 3 lines, sound" in said
    assert "trade_experience.jsonl: 3 lines, sound" in said


def test_no_journal_is_no_fault(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(session) is ExitStatus.DONE
    assert "no lines" in capsys.readouterr().out


def test_an_edited_line_is_named(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(session, 3)
    path.write_text(path.read_text().replace("d-1", "d-9"), encoding="utf-8")
    assert verify(session) is ExitStatus.FAILED
    told = capsys.readouterr()
    assert "NOT SOUND" in told.out
    assert "llm_decisions.jsonl line 2: edited" in told.err


def test_many_faults_are_counted(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(session, 80)
    path.write_text(path.read_text().replace("no edge", "an edge"), encoding="utf-8")
    assert verify(session) is ExitStatus.FAILED
    told = capsys.readouterr().err
    assert told.count("llm_decisions.jsonl line") == MOST_FAULTS
    assert " more" in told


def test_what_cannot_be_checked_is_said(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(session, 2)
    path.with_name(f"{path.name}.seal").unlink()
    old = a_decision_record().model_dump_json(by_alias=True)
    path.write_text(old + "\n" + path.read_text(), encoding="utf-8")
    path.with_name(f"{path.name}.torn-20260101").touch()
    verify(session)
    told = capsys.readouterr().out
    assert "without a seal" in told
    assert "unfinished lines set aside" in told

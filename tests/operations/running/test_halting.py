import getpass
import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from builders import a_risk
from llm_modules.errors import JournalError, UserError
from llm_modules.gate.emergency import EmergencyStop
from llm_modules.gate.halt import HaltNote, HaltSwitch, read_halt, write_note
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.running.bot_record import bot_lock
from llm_modules.operations.running.halting import flatten, halt, halting_states, halts, resume
from llm_modules.operations.session import Session

NOW = datetime(2026, 1, 15, 12, 30, 5, tzinfo=UTC)
FELL = "equity 800.00 is 20.0 % below its peak of 1000.00, limit 15 %"
TRIPPED = HaltNote(reason=FELL, at=NOW, by="the emergency stop")


class Person(io.StringIO):
    """Someone at the terminal who answers."""

    def isatty(self) -> bool:
        return True


def file_of(session: Session, name: str) -> Path:
    return session.places.user_data / name


def state_of(session: Session, content: str, mode: str = "live") -> Path:
    session.places.logs.mkdir(exist_ok=True)
    path = session.places.logs / f"risk_state.{mode}.json"
    path.write_text(content, encoding="utf-8")
    return path


# --- halt ---------------------------------------------------------------------------------------


def test_a_halt_is_written_with_who_why_and_when(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert halt(session, "exchange maintenance", NOW) is ExitStatus.DONE
    note = read_halt(file_of(session, "HALT")).note
    assert note == HaltNote(reason="exchange maintenance", at=NOW, by=getpass.getuser())
    out = capsys.readouterr().out
    assert f"Halted: {file_of(session, 'HALT')} is written.\n" in out
    assert "The bot is not running: open positions stay as they are, with their stops." in out


def test_to_a_running_bot_a_halt_says_that_it_closes_now(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    with bot_lock(session.places):
        halt(session, "", NOW)
    assert "The running bot closes every position within seconds" in capsys.readouterr().out


@pytest.mark.parametrize("settings", ["{", None])
def test_a_halt_needs_no_settings_and_no_env_file(session: Session, settings: str | None) -> None:
    session.places.settings.unlink()
    if settings is not None:
        session.places.settings.write_text(settings, encoding="utf-8")
    session.places.env_file.write_text("not an assignment\n", encoding="utf-8")
    assert halt(session, "", NOW) is ExitStatus.DONE
    assert resume(session, NOW, confirmed=True) is ExitStatus.DONE


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [("a", "", "a"), ("a", "b", "b"), ("", "b", "b"), ("", "", "")],
)
def test_a_second_halt_without_words_leaves_those_of_the_first(
    session: Session, first: str, second: str, kept: str
) -> None:
    halt(session, first, NOW)
    halt(session, second, NOW.replace(hour=13))
    note = read_halt(file_of(session, "HALT")).note
    assert note is not None
    assert note.reason == kept
    assert note.at.hour == (12 if kept == "a" else 13)


def test_a_halt_over_a_file_that_is_no_note_writes_one(session: Session) -> None:
    file_of(session, "HALT").touch()
    halt(session, "", NOW)
    assert read_halt(file_of(session, "HALT")).note is not None


def test_a_folder_that_is_not_there_is_an_error_and_not_a_halt(session: Session) -> None:
    session.places.user_data.rename(session.places.user_data.with_name("aside"))
    with pytest.raises(JournalError, match="cannot write"):
        halt(session, "", NOW)


def test_a_user_without_a_name_is_a_number(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    halt(session, "x", NOW)
    assert f"(by user {os.getuid()}, " in read_halt(file_of(session, "HALT")).words


# --- resume -------------------------------------------------------------------------------------


def test_where_nothing_is_halted_resume_says_so(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert resume(session, NOW, confirmed=False) is ExitStatus.DONE
    assert capsys.readouterr().out == "Nothing is halted.\n"


def test_resume_shows_each_halt_and_lifts_all(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    write_note(file_of(session, "HALT"), HaltNote(reason="lunch", at=NOW, by="ann"))
    write_note(file_of(session, "HALT.live"), TRIPPED)
    file_of(session, "HALT.sandbox").mkdir()
    assert resume(session, NOW, confirmed=True) is ExitStatus.DONE
    folder = session.places.user_data
    assert capsys.readouterr().out == (
        f"{folder}/HALT (in every mode)\n"
        "  why  lunch\n  by   ann\n  at   2026-01-15 12:30:05 UTC\n"
        f"{folder}/HALT.sandbox (in sandbox)\n"
        "  why  HALT.sandbox was found but not readable (Is a directory)\n"
        f"{folder}/HALT.live (in live)\n"
        f"  why  {FELL}\n  by   the emergency stop\n  at   2026-01-15 12:30:05 UTC\n"
        "Trading goes on with the next start.\n"
        "The emergency stop measures from a new peak.\n"
    )
    assert halts(session.places) == ()


def test_a_trip_whose_file_does_not_tell_is_told_by_the_saved_state(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    file_of(session, "HALT.live").touch()
    state_of(session, f'{{"peak_equity": 1, "tripped_because": "{FELL}", "halt_written": true}}')
    resume(session, NOW, confirmed=True)
    assert f"not readable (empty)\n  why  {FELL}\n" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "{", '{"peak_equity": 1}'])
def test_where_neither_tells_nothing_is_made_up(
    session: Session, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    file_of(session, "HALT").touch()
    file_of(session, "HALT.live").touch()
    if content is not None:
        state_of(session, content)
    resume(session, NOW, confirmed=True)
    assert capsys.readouterr().out.count("  why  ") == 2


@pytest.mark.parametrize("name", ["HALT", "HALT.dry_run"])
def test_what_resume_lifts_the_bot_finds_lifted(session: Session, name: str) -> None:
    file_of(session, name).touch()
    path = session.places.logs / "risk_state.dry_run.json"
    stop = EmergencyStop(HaltSwitch(session.places.user_data, "dry_run"), path, a_risk())
    assert stop.observe(1000.0, 0, NOW).halted
    resume(session, NOW, confirmed=True)
    assert not stop.observe(1000.0, 0, NOW).halted


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not readable (ValidationError)"),
        ('{"peak_equity": 1, "tripped_at_equity": 849}', "in live: tripped at equity 849"),
        (f'{{"peak_equity": 1, "tripped_because": "{FELL}"}}', f"in live: {FELL}"),
    ],
)
def test_a_state_that_halts_by_itself_is_set_aside(
    session: Session, capsys: pytest.CaptureFixture[str], content: str, told: str
) -> None:
    path = state_of(session, content)
    assert told in dict(halts(session.places))["Halted"]
    assert resume(session, NOW, confirmed=True) is ExitStatus.DONE
    assert told in capsys.readouterr().out
    assert [one.name for one in path.parent.iterdir()] == [f"{path.name}.20260115T123005Z"]
    assert halting_states(session.places) == ()


def test_a_state_whose_trip_has_its_file_is_left_to_the_bot(session: Session) -> None:
    path = state_of(session, '{"peak_equity": 1, "tripped_because": "x", "halt_written": true}')
    file_of(session, "HALT.live").touch()
    assert halting_states(session.places) == ()
    resume(session, NOW, confirmed=True)
    assert path.exists()


@pytest.mark.parametrize(
    ("answer", "status", "stays"),
    [
        ("yes\n", ExitStatus.DONE, False),
        ("no\n", ExitStatus.FAILED, True),
        ("\n", ExitStatus.FAILED, True),
        ("", ExitStatus.FAILED, True),
    ],
)
def test_resume_asks(
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: ExitStatus,
    stays: bool,
) -> None:
    file_of(session, "HALT").touch()
    monkeypatch.setattr("sys.stdin", Person(answer))
    assert resume(session, NOW, confirmed=False) is status
    assert file_of(session, "HALT").exists() is stays


def test_with_nobody_to_ask_a_halt_stays(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    file_of(session, "HALT").touch()
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with pytest.raises(UserError, match="confirm with --yes"):
        resume(session, NOW, confirmed=False)
    assert file_of(session, "HALT").exists()


def test_a_halt_that_cannot_be_removed_is_an_error(session: Session) -> None:
    (file_of(session, "HALT") / "inside").mkdir(parents=True)
    with pytest.raises(JournalError, match="cannot remove"):
        resume(session, NOW, confirmed=True)


def test_a_running_bot_goes_on_now_and_a_pending_flatten_stays(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    file_of(session, "HALT").touch()
    file_of(session, "FLATTEN").touch()
    with bot_lock(session.places):
        resume(session, NOW, confirmed=True)
    out = capsys.readouterr().out
    assert "FLATTEN is pending and stays: FLATTEN was found but not readable (empty)\n" in out
    assert "Trading goes on now.\n" in out
    assert file_of(session, "FLATTEN").exists()


# --- flatten ------------------------------------------------------------------------------------


def test_without_a_running_bot_nothing_can_be_closed(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert flatten(session, NOW, confirmed=True) is ExitStatus.NOT_RUNNING
    assert "nothing can be closed now: positions stay, with their stops" in capsys.readouterr().err
    assert not file_of(session, "FLATTEN").exists()


def test_a_running_bot_is_told_to_close_everything_once(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    with bot_lock(session.places):
        assert flatten(session, NOW, confirmed=True) is ExitStatus.DONE
    note = read_halt(file_of(session, "FLATTEN")).note
    assert note == HaltNote(reason="./manage.sh flatten", at=NOW, by=getpass.getuser())
    assert "The running bot closes every position once" in capsys.readouterr().out
    assert [name for name, _ in halts(session.places)] == ["Flatten"]


@pytest.mark.parametrize(
    ("answer", "status"), [("yes\n", ExitStatus.DONE), ("no\n", ExitStatus.FAILED)]
)
def test_flatten_asks(
    session: Session, monkeypatch: pytest.MonkeyPatch, answer: str, status: ExitStatus
) -> None:
    monkeypatch.setattr("sys.stdin", Person(answer))
    with bot_lock(session.places):
        assert flatten(session, NOW, confirmed=False) is status
    assert file_of(session, "FLATTEN").exists() is (status is ExitStatus.DONE)


def test_with_nobody_to_ask_nothing_is_closed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with bot_lock(session.places), pytest.raises(UserError, match="confirm with --yes"):
        flatten(session, NOW, confirmed=False)
    assert not file_of(session, "FLATTEN").exists()


# --- what status shows --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HALT", f"in every mode: {FELL} (by the emergency stop, 2026-01-15 12:30 UTC)"),
        ("HALT.dry_run", f"in dry_run: {FELL} (by the emergency stop, 2026-01-15 12:30 UTC)"),
    ],
)
def test_each_halt_is_a_row(session: Session, name: str, words: str) -> None:
    write_note(file_of(session, name), TRIPPED)
    assert halts(session.places) == (("Halted", words),)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to(path.name)])
def test_odd_things_are_shown_and_lifted_like_any_other(session: Session, make: Any) -> None:
    make(file_of(session, "HALT"))
    assert "found but not readable" in halts(session.places)[0][1]
    assert resume(session, NOW, confirmed=True) is ExitStatus.DONE
    assert halts(session.places) == ()

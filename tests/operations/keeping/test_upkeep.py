import io
import json
import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_modules.errors import UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping import cleaning, upkeep
from llm_modules.operations.running.bot_record import AlreadyRunningError, bot_lock, write_record
from llm_modules.operations.running.plan import Plan
from llm_modules.operations.session import Session

PEAK = '{"peak_equity": 1000}'
NOW = datetime(2026, 1, 15, 12, 30, 5, tzinfo=UTC)
LEFT_BY_RUNS = (
    "logs/freqtrade.log",
    "logs/freqtrade.log.1",
    "logs/llm_decisions.jsonl",
    "logs/llm_decisions.jsonl.1",
    "logs/llm_decisions.jsonl.torn-20260115",
    "logs/llm_tape.sqlite",
    "logs/llm_tape.sqlite-shm",
    "logs/llm_tape.sqlite-wal",
    "logs/reward_learning.json",
    "logs/risk_state.dry_run.json",
    "logs/risk_state.sandbox.json",
    "logs/trade_experience.jsonl",
    "run/sandbox.json",
    "run/supervisor.log",
    "tradesv3.dryrun.sqlite",
    "tradesv3.sandbox.sqlite",
    "tradesv3.sandbox.sqlite-wal",
    "tradesv3.sqlite",
)
NEVER_TOUCHED = (
    "config.json",
    "config.sandbox.json",
    "data/binance/futures/BTC.feather",
    "strategies/Mine.py",
    "backups/older.tar.gz",
    "HALT",
    "HALT.dry_run",
    "FLATTEN",
    "logs/notes.txt",
    "logs/risk_state.live.json",
    "other.sqlite",
)


def fill(session: Session, *names: str) -> None:
    for name in names:
        path = session.places.user_data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(f"content of {name}", encoding="utf-8")


def used(session: Session) -> Session:
    fill(session, *LEFT_BY_RUNS, *NEVER_TOUCHED)
    for name in ("sandbox", "dry_run"):
        state = session.places.logs / f"risk_state.{name}.json"
        state.write_text(PEAK, encoding="utf-8")
    session.places.env_file.write_text("LLM_API_KEY=canary\n", encoding="utf-8")
    return session


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def archive_of(session: Session) -> Path:
    return session.places.backups / "20260115T123005Z.tar.gz"


def test_cleaning_removes_what_runs_left_and_nothing_else(session: Session) -> None:
    before = {name: (used(session).places.user_data / name).read_bytes() for name in NEVER_TOUCHED}
    assert upkeep.clean(session, NOW, confirmed=True) is ExitStatus.DONE
    folder = session.places.user_data
    left = {*NEVER_TOUCHED, "backups/20260115T123005Z.tar.gz", "run/bot.lock"}
    assert files_in(folder) == left
    assert {name: (folder / name).read_bytes() for name in NEVER_TOUCHED} == before
    assert session.places.env_file.read_text(encoding="utf-8") == "LLM_API_KEY=canary\n"


def test_everything_removed_is_in_the_backup(session: Session) -> None:
    upkeep.clean(used(session), NOW, confirmed=True)
    with tarfile.open(archive_of(session)) as tar:
        assert tar.getnames() == ["manifest.json", *sorted(LEFT_BY_RUNS)]
        for name in LEFT_BY_RUNS:
            content = tar.extractfile(name)
            assert content is not None
            is_state = "risk_state" in name
            assert content.read().decode() == (PEAK if is_state else f"content of {name}")


def test_the_list_and_the_backup_are_said(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    upkeep.clean(used(session), NOW, confirmed=True)
    out = capsys.readouterr().out
    for name in LEFT_BY_RUNS:
        assert f"  {session.places.user_data / name}\n" in out
    assert f"Removed {len(LEFT_BY_RUNS)} files; the backup is {archive_of(session)}; " in out


def test_what_still_halts_is_said_and_stays(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    upkeep.clean(used(session), NOW, confirmed=True)
    out = capsys.readouterr().out
    problem = "was found but not readable (not a note of ours)"
    assert f"Stays: halted in every mode: HALT {problem}\n" in out
    assert f"Stays: halted in dry_run: HALT.dry_run {problem}\n" in out
    assert "Stays: flatten FLATTEN was found" in out


@pytest.mark.parametrize(
    ("content", "stays"),
    [
        ("{", True),
        ('{"peak_equity": 1000, "tripped_at_equity": 800}', True),
        ('{"peak_equity": 1000, "tripped_because": "x"}', True),
        ('{"peak_equity": 1000, "tripped_because": "x", "halt_written": true}', False),
        ('{"peak_equity": 1000, "tripped_at_equity": null}', False),
        (PEAK, False),
    ],
)
def test_a_state_that_halts_by_itself_is_not_cleaned_away(
    session: Session, content: str, stays: bool
) -> None:
    state = session.places.logs / "risk_state.sandbox.json"
    fill(session, "tradesv3.sqlite", "logs/risk_state.sandbox.json")
    state.write_text(content, encoding="utf-8")
    assert upkeep.clean(session, NOW, confirmed=True) is ExitStatus.DONE
    assert state.exists() is stays


def test_what_a_killed_supervisor_left_running_keeps_its_record(session: Session) -> None:
    used(session)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as orphan:
        write_record(session.places, Plan("dry_run", 8086, ()), NOW, (("freqtrade", orphan.pid),))
        path = session.places.run / "bot.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        # All but this process, which took the supervisor's part.
        record["processes"] = record["processes"][1:]
        path.write_text(json.dumps(record), encoding="utf-8")
        told = f"a killed supervisor left running: freqtrade {orphan.pid}"
        with pytest.raises(AlreadyRunningError, match=told):
            upkeep.clean(session, NOW, confirmed=True)
        assert path.exists()
        orphan.kill()
    assert set(LEFT_BY_RUNS) <= files_in(session.places.user_data)
    assert upkeep.clean(session, NOW, confirmed=True) is ExitStatus.DONE


def test_a_running_bot_is_not_cleaned_away(session: Session) -> None:
    used(session)
    with bot_lock(session.places), pytest.raises(AlreadyRunningError):
        upkeep.clean(session, NOW, confirmed=True)
    assert set(LEFT_BY_RUNS) <= files_in(session.places.user_data)


def test_without_a_backup_nothing_is_removed(session: Session) -> None:
    used(session)
    archive_of(session).with_suffix(".unfinished").mkdir()
    with pytest.raises(UserError, match="nothing was removed"):
        upkeep.clean(session, NOW, confirmed=True)
    assert set(LEFT_BY_RUNS) <= files_in(session.places.user_data)


def test_nobody_to_ask_means_no(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    used(session)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with pytest.raises(UserError, match="--yes"):
        upkeep.clean(session, NOW, confirmed=False)
    assert set(LEFT_BY_RUNS) <= files_in(session.places.user_data)


class Person(io.StringIO):
    """Someone at the terminal who answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["n", "no", "", "yess", "Y E S"])
def test_anything_but_yes_is_no(
    session: Session, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    used(session)
    monkeypatch.setattr("sys.stdin", Person(f"{answer}\n"))
    assert upkeep.clean(session, NOW, confirmed=False) is ExitStatus.FAILED
    assert set(LEFT_BY_RUNS) <= files_in(session.places.user_data)


def test_whoever_hangs_up_has_not_agreed(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Person(""))
    assert upkeep.clean(used(session), NOW, confirmed=False) is ExitStatus.FAILED


@pytest.mark.parametrize("answer", ["y", "yes", "YES "])
def test_yes_is_yes(session: Session, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    used(session)
    monkeypatch.setattr("sys.stdin", Person(f"{answer}\n"))
    assert upkeep.clean(session, NOW, confirmed=False) is ExitStatus.DONE
    assert not set(LEFT_BY_RUNS) & files_in(session.places.user_data)


def test_a_clean_folder_is_said_to_be_clean(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert upkeep.clean(session, NOW, confirmed=False) is ExitStatus.DONE
    assert capsys.readouterr().out == "There is nothing to clean.\n"
    assert not session.places.backups.exists()


def test_journals_outside_the_folder_are_cleaned_where_they_are(
    session: Session, tmp_path: Path
) -> None:
    journal = tmp_path / "elsewhere" / "d.jsonl"
    journal.parent.mkdir()
    for name in ("d.jsonl", "d.jsonl.1", "unrelated.jsonl"):
        (journal.parent / name).touch()
    found = cleaning.leftovers(session.places, [journal])
    assert [path.name for path in found] == ["d.jsonl", "d.jsonl.1"]


def test_moved_secrets_are_named_and_never_shown(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    text = session.places.settings.read_text(encoding="utf-8")
    text = text.replace('"api_key": ""', '"api_key": "sk-canary"')
    session.places.settings.write_text(text, encoding="utf-8")
    assert upkeep.move_secrets(session, NOW) is ExitStatus.DONE
    out = capsys.readouterr().out
    assert f"llm_config.api_key -> LLM_API_KEY in {session.places.env_file}" in out
    assert "canary" not in out
    assert upkeep.move_secrets(session, NOW) is ExitStatus.DONE
    assert capsys.readouterr().out == "config.json holds no secrets.\n"


def test_an_env_file_is_completed_from_input_to_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("LLM_API_KEY=canary\n"))
    assert upkeep.complete_env() is ExitStatus.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "LLM_API_KEY=canary"
    assert [line.split("=")[0] for line in lines[1:]] == [
        "FREQTRADE__API_SERVER__PASSWORD",
        "FREQTRADE__API_SERVER__JWT_SECRET_KEY",
        "FREQTRADE__API_SERVER__WS_TOKEN",
    ]


def test_status_numbers_are_the_documented_ones() -> None:
    assert [(status.name, int(status)) for status in ExitStatus] == [
        ("DONE", 0),
        ("FAILED", 1),
        ("UNUSABLE", 2),
        ("NOT_RUNNING", 3),
    ]
    assert os.EX_OK == ExitStatus.DONE

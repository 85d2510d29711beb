import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_modules.cli import commands as cli
from llm_modules.errors import UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping import replacing, restoring, upkeep
from llm_modules.operations.keeping.archive import read_manifest
from llm_modules.operations.keeping.note import NOTE_NAME, cut_short
from llm_modules.operations.keeping.replacing import COMING, LEAVING, Replacement, hand_over
from llm_modules.operations.keeping.restoring import RestoreOptions, restore
from llm_modules.operations.places import Places
from llm_modules.operations.records.journals import Journals
from llm_modules.operations.records.verifying import verify
from llm_modules.operations.running import control
from llm_modules.operations.running.bot_record import AlreadyRunningError, bot_lock, write_record
from llm_modules.operations.running.plan import Plan, Wishes
from llm_modules.operations.session import Session

NOW = datetime(2026, 1, 15, 13, tzinfo=UTC)
Backup = Callable[[], Path]
Captured = pytest.CaptureFixture[str]


def contents_of(folder: Path) -> dict[str, bytes]:
    """Every file of a bot and what is in it, but for locks, archives and what readers leave."""
    return {
        one.relative_to(folder).as_posix(): one.read_bytes()
        for one in folder.rglob("*")
        if one.is_file()
        and one.parent.name != "backups"
        and not one.name.endswith((".lock", "-shm", "-wal"))
    }


def put_back(session: Session, archive: Path, *, confirmed: bool = True) -> ExitStatus:
    return restore(session, RestoreOptions(archive, NOW, confirmed))


def trade_on(bot: Session) -> None:
    """Change and add files, as a bot does that goes on."""
    with bot.journals().decisions.open("ab") as journal:
        journal.write(b'{"more": 1}\n')
    (bot.places.logs / "llm_decisions.jsonl.000001").write_text("a part", encoding="utf-8")
    (bot.places.user_data / "tradesv3.sandbox.sqlite-wal").write_text("log", encoding="utf-8")
    (bot.places.logs / "risk_state.sandbox.json").write_text('{"peak_equity": 2}', encoding="utf-8")
    (bot.places.logs / "notes.txt").write_text("mine", encoding="utf-8")


def test_what_is_restored_is_what_was_kept_and_verify_says_so(
    bot: Session, backup: Backup, capsys: Captured
) -> None:
    before = contents_of(bot.places.user_data)
    archive = backup()
    trade_on(bot)
    capsys.readouterr()
    assert put_back(bot, archive) is ExitStatus.DONE
    after = contents_of(bot.places.user_data)
    # The copy of a database is the same in all but its bytes.
    assert {name for name, text in after.items() if before.get(name) != text} <= {
        "logs/llm_tape.sqlite",
        "logs/llm_costs.sqlite",
        "tradesv3.sandbox.sqlite",
        "logs/notes.txt",
    }
    out = capsys.readouterr().out
    assert "every checksum fits" in out
    assert "Restored 14 files." in out
    assert "1 closed trades, 1 open; 1 records of mode sandbox" in out
    assert "Sound: every line is what was written" in out
    assert not list(bot.places.user_data.rglob(COMING))
    assert not list(bot.places.user_data.rglob(LEAVING))


def test_what_will_happen_to_each_file_is_shown_first(
    bot: Session, backup: Backup, capsys: Captured
) -> None:
    archive = backup()
    trade_on(bot)
    (bot.places.findings).unlink()
    put_back(bot, archive)
    out = capsys.readouterr().out
    assert "  replaced  logs/llm_decisions.jsonl\n" in out
    assert "  new       llm_findings.json\n" in out
    assert f"  removed   {bot.places.logs / 'llm_decisions.jsonl.000001'}\n" in out
    assert "notes.txt" not in out


def test_many_files_are_not_all_listed(
    bot: Session, backup: Backup, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "MOST_NAMES", 3)
    put_back(bot, backup())
    assert "  and 11 more\n" in capsys.readouterr().out


def test_what_was_there_can_be_put_back_too(bot: Session, backup: Backup) -> None:
    archive = backup()
    (bot.places.logs / "risk_state.sandbox.json").write_text('{"peak_equity": 7}', encoding="utf-8")
    put_back(bot, archive)
    (before,) = set(bot.places.backups.glob("*.tar.gz")) - {archive}
    assert read_manifest(before).made_by == "restore"
    put_back(bot, before)
    text = (bot.places.logs / "risk_state.sandbox.json").read_text(encoding="utf-8")
    assert text == '{"peak_equity": 7}'


def test_what_clean_packed_is_restored_by_the_same_command(bot: Session) -> None:
    before = contents_of(bot.places.user_data)
    assert upkeep.clean(bot, NOW, confirmed=True) is ExitStatus.DONE
    assert not bot.journals().decisions.exists()
    (archive,) = bot.places.backups.glob("*.tar.gz")
    assert read_manifest(archive).made_by == "clean"
    assert put_back(bot, archive) is ExitStatus.DONE
    assert contents_of(bot.places.user_data) == before


def test_an_archive_founds_a_bot_on_another_machine(
    bot: Session, backup: Backup, tmp_path: Path, capsys: Captured
) -> None:
    other = replace(bot, places=Places(tmp_path / "other" / "user_data"))
    assert put_back(other, backup()) is ExitStatus.DONE
    assert verify(other, datetime.now(UTC)) is ExitStatus.DONE
    assert f"put yours into {tmp_path / 'other' / '.env'}" in capsys.readouterr().out


# --- refused ------------------------------------------------------------------------------------


def test_nothing_is_restored_under_a_running_bot(bot: Session, backup: Backup) -> None:
    archive = backup()
    before = contents_of(bot.places.user_data)
    with bot_lock(bot.places), pytest.raises(AlreadyRunningError):
        put_back(bot, archive)
    assert contents_of(bot.places.user_data) == before


def test_nothing_is_restored_under_what_a_killed_supervisor_left(
    bot: Session, backup: Backup
) -> None:
    archive = backup()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as orphan:
        write_record(bot.places, Plan("dry_run", 8086, ()), NOW, (("freqtrade", orphan.pid),))
        path = bot.places.run / "bot.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        record["processes"] = record["processes"][1:]
        path.write_text(json.dumps(record), encoding="utf-8")
        with pytest.raises(AlreadyRunningError, match=f"freqtrade {orphan.pid}"):
            put_back(bot, archive)
        orphan.kill()


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_damaged_archive_changes_nothing(bot: Session, backup: Backup, damage: str) -> None:
    archive = backup()
    text = archive.read_bytes()
    middle = len(text) // 2
    flipped = text[:middle] + bytes([text[middle] ^ 1]) + text[middle + 1 :]
    archive.write_bytes(flipped if damage == "flip" else text[:middle])
    before = contents_of(bot.places.user_data)
    with pytest.raises(UserError, match="is damaged"):
        put_back(bot, archive)
    assert contents_of(bot.places.user_data) == before


def repacked(archive: Path, name: str, text: bytes | None = None, **listed_too: str) -> Path:
    """The archive with one file under another name, or with another content, and a list to it."""
    path = archive.with_name("repacked.tar.gz")
    with tarfile.open(archive) as old, tarfile.open(path, "w:gz") as new:
        members = {one.name: old.extractfile(one).read() for one in old}  # type: ignore[union-attr]
        listed = json.loads(members.pop("manifest.json")) | listed_too
        if text is None:
            listed["files"][0]["name"] = name
            members = {name if at == 0 else key: members[key] for at, key in enumerate(members)}
        else:
            members[name] = text
            for one in listed["files"]:
                if one["name"] == name:
                    digest = hashlib.sha256(text).hexdigest()
                    one |= {"size_bytes": len(text), "sha256": digest}
        for key, content in {"manifest.json": json.dumps(listed).encode(), **members}.items():
            header = tarfile.TarInfo(key)
            header.size = len(content)
            new.addfile(header, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "strategies/LLMFunctionStrategy.py", "run/bot.lock", ".env"]
)
def test_an_archive_that_leads_outside_changes_nothing(
    bot: Session, backup: Backup, name: str
) -> None:
    archive = repacked(backup(), name)
    before = contents_of(bot.places.user_data.parent)
    with pytest.raises(UserError, match="no backup holds; nothing is changed"):
        put_back(bot, archive)
    assert contents_of(bot.places.user_data.parent) == before


def test_an_archive_of_no_real_time_changes_nothing(bot: Session, backup: Backup) -> None:
    archive = repacked(backup(), "config.json", b"{}", at="0001-01-01T00:00:00Z")
    before = contents_of(bot.places.user_data)
    with pytest.raises(UserError, match=r"damaged manifest\.json: at "):
        put_back(bot, archive)
    assert contents_of(bot.places.user_data) == before


def test_settings_that_are_none_change_nothing(bot: Session, backup: Backup) -> None:
    archive = repacked(backup(), "config.json", b"{")
    before = contents_of(bot.places.user_data)
    with pytest.raises(UserError, match="line 1"):
        put_back(bot, archive)
    assert contents_of(bot.places.user_data) == before


class Person(io.StringIO):
    """Someone at the terminal who answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "status"), [("no", ExitStatus.FAILED), ("yes", ExitStatus.DONE)]
)
def test_it_is_asked_before_anything_is_replaced(
    bot: Session,
    backup: Backup,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: ExitStatus,
) -> None:
    archive = backup()
    (bot.places.logs / "reward_learning.json").write_text("new", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", Person(f"{answer}\n"))
    assert put_back(bot, archive, confirmed=False) is status
    text = (bot.places.logs / "reward_learning.json").read_text(encoding="utf-8")
    assert (text == "new") is (answer == "no")
    assert len(list(bot.places.backups.glob("*.tar.gz"))) == (1 if answer == "no" else 2)


def test_nobody_to_ask_means_no(
    bot: Session, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = backup()
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with pytest.raises(UserError, match="--yes"):
        put_back(bot, archive, confirmed=False)


# --- halts --------------------------------------------------------------------------------------


def test_a_restore_lifts_no_halt(bot: Session, backup: Backup, capsys: Captured) -> None:
    archive = backup()
    state = bot.places.logs / "risk_state.sandbox.json"
    state.write_text('{"peak_equity": 9, "tripped_because": "lost a lot"}', encoding="utf-8")
    (bot.places.user_data / "HALT").touch()
    assert put_back(bot, archive) is ExitStatus.DONE
    assert "lost a lot" in state.read_text(encoding="utf-8")
    assert (bot.places.user_data / "HALT").exists()
    out = capsys.readouterr().out
    assert f"Stays, because it halts trading: {state}" in out
    assert "Halted in every mode" in out
    assert "./manage.sh resume shows why and lifts it" in out


def test_a_halt_that_was_kept_halts_again(bot: Session, backup: Backup) -> None:
    halt = bot.places.user_data / "HALT"
    halt.write_text("why", encoding="utf-8")
    archive = backup()
    halt.unlink()
    put_back(bot, archive)
    assert halt.read_text(encoding="utf-8") == "why"


# --- settings -----------------------------------------------------------------------------------


def live(text: str) -> str:
    return text.replace('"model": ""', '"model": "m"').replace(
        '"dry_run": true', '"dry_run": false'
    )


def test_settings_that_would_trade_real_money_are_announced(
    bot: Session, backup: Backup, capsys: Captured
) -> None:
    archive = backup()
    put_back(bot, archive)
    assert "REAL MONEY" not in capsys.readouterr().out
    text = bot.places.settings.read_text(encoding="utf-8")
    put_back(bot, repacked(archive, "config.json", live(text).encode()))
    assert "The next start will be another one: LIVE" in capsys.readouterr().out


def test_settings_with_secrets_are_kept_as_they_were(
    bot: Session, backup: Backup, capsys: Captured
) -> None:
    archive = backup()
    text = bot.places.settings.read_text(encoding="utf-8")
    bot.places.settings.write_text(text.replace('"api_key": ""', '"api_key": "sk-canary"'))
    assert put_back(bot, archive) is ExitStatus.DONE
    (kept,) = bot.places.backups.glob("*.config.json")
    assert "sk-canary" in kept.read_text(encoding="utf-8")
    assert kept.stat().st_mode & 0o777 == 0o600
    captured = capsys.readouterr()
    assert "Your config.json is kept in" in captured.out
    assert "canary" not in captured.out + captured.err
    assert bot.places.settings.read_text(encoding="utf-8") == text


class Elsewhere(Session):
    """A bot whose settings keep its journals in a folder of their own."""

    def journals(self) -> Journals:
        folder = self.places.user_data.parent / "elsewhere"
        return Journals(folder / "llm_decisions.jsonl", folder / "trade_experience.jsonl")


def test_journals_kept_elsewhere_come_back_there_or_not_at_all(
    bot: Session, backup: Backup, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    bot.journals().decisions.rename(tmp_path / "elsewhere" / "llm_decisions.jsonl")
    moved = Elsewhere(bot.places, bot.environment, bot.screen)
    assert upkeep.clean(moved, NOW, confirmed=True) is ExitStatus.DONE
    (archive,) = bot.places.backups.glob("*.tar.gz")
    assert "journals/decisions/llm_decisions.jsonl" in {
        file.name for file in read_manifest(archive).files
    }
    put_back(moved, archive)
    assert (tmp_path / "elsewhere" / "llm_decisions.jsonl").exists()
    # A whole backup brings settings, and these keep the journals where they usually are.
    restoring.make_archive(moved, tmp_path / "whole.tar.gz", "backup")
    with pytest.raises(UserError, match="keep the journals in another place than yours"):
        put_back(moved, tmp_path / "whole.tar.gz")


def test_settings_that_agree_about_journals_elsewhere_are_restored_with_them(
    bot: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (tmp_path / "elsewhere").mkdir()
    bot.journals().decisions.rename(tmp_path / "elsewhere" / "llm_decisions.jsonl")
    moved = Elsewhere(bot.places, bot.environment, bot.screen)
    moved.places.env_file.touch()
    restoring.make_archive(moved, tmp_path / "whole.tar.gz", "backup")
    monkeypatch.setattr(restoring, "journals_of", lambda *_: moved.journals())
    put_back(moved, tmp_path / "whole.tar.gz")
    captured = capsys.readouterr()
    assert "  replaced  journals/decisions/llm_decisions.jsonl\n" in captured.out
    assert "Restored " in captured.out
    assert "Secrets are in no archive" not in captured.out


def test_both_are_commands_of_manage_sh(bot: Session, capsys: Captured) -> None:
    folder = ["--user-data", str(bot.places.user_data)]
    assert cli.main(["backup", *folder], {}) == 0
    (archive,) = bot.places.backups.glob("*.tar.gz")
    assert cli.main(["backup", "--list", *folder], {}) == 0
    assert archive.name in capsys.readouterr().out
    assert cli.main(["restore", str(archive), "--yes", *folder], {}) == 0
    assert cli.main(["restore", str(bot.places.settings), "--yes", *folder], {}) == 2
    with pytest.raises(SystemExit):
        cli.main(["backup", "--list", "--out", "x", *folder], {})


# --- cut short ----------------------------------------------------------------------------------


def failing_rename(monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> None:
    """Have the `at`th file that is put in its place fail."""
    real, count = replacing._move, 0

    def move(before: Path, after: Path, undo: list[tuple[Path, Path]]) -> None:
        nonlocal count
        count += 1
        if count == at:
            raise error
        real(before, after, undo)

    monkeypatch.setattr(replacing, "_move", move)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [1, 9, 17, 24])
def test_a_restore_that_fails_half_way_leaves_everything_as_it_was(
    bot: Session,
    backup: Backup,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
    at: int,
    error: BaseException,
) -> None:
    archive = backup()
    trade_on(bot)
    before = contents_of(bot.places.user_data)
    failing_rename(monkeypatch, at, error)
    assert put_back(bot, archive) is ExitStatus.FAILED
    assert "nothing was changed" in capsys.readouterr().err.lower()
    assert contents_of(bot.places.user_data) == before


def test_without_room_to_keep_what_is_there_nothing_is_replaced(
    bot: Session, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = backup()
    trade_on(bot)
    before = contents_of(bot.places.user_data)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(restoring, "make_archive", full)
    assert put_back(bot, archive) is ExitStatus.FAILED
    assert contents_of(bot.places.user_data) == before


KILLED = """
import os, sys
from pathlib import Path
from llm_modules.operations.keeping import replacing
from llm_modules.cli import commands as cli
real, count = replacing._move, 0
def move(before, after, undo):
    global count
    count += 1
    real(before, after, undo)
    if count == 12:
        os._exit(9)
replacing._move = move
cli.main(["restore", sys.argv[1], "--yes", "--user-data", sys.argv[2]], {})
"""


def test_a_restore_that_is_killed_is_noticed_and_can_be_repeated(
    bot: Session, backup: Backup, capsys: Captured
) -> None:
    archive = backup()
    trade_on(bot)
    killed = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", KILLED, archive, bot.places.user_data],
        env={**os.environ, "PYTHONPATH": str(bot.places.strategies)},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == 9
    problem = cut_short(bot.places)
    assert problem is not None
    with pytest.raises(UserError, match="a restore was cut short"):
        control.check(bot, Wishes())
    # Back to what was there before ...
    before = Path(problem.rpartition(" ")[2])
    assert put_back(bot, before) is ExitStatus.FAILED, "a journal with a part of its own is unsound"
    assert b"a part" in (bot.places.logs / "llm_decisions.jsonl.000001").read_bytes()
    assert cut_short(bot.places) is None
    # ... or on to what was to be restored.
    assert put_back(bot, archive) is ExitStatus.DONE
    assert not list(bot.places.user_data.rglob(".re*"))


def test_no_note_means_no_restore_was_cut_short(bot: Session) -> None:
    assert cut_short(bot.places) is None
    assert NOTE_NAME not in contents_of(bot.places.user_data)


def test_what_root_restores_belongs_to_whom_the_folder_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.touch()
    given: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(os, "chown", lambda *who: given.append(who))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    hand_over([path], tmp_path)
    owner = tmp_path.stat()
    assert given == [(path, owner.st_uid, owner.st_gid)]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    hand_over([path], tmp_path)
    assert len(given) == 1


def test_a_place_in_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert Replacement({"a": tmp_path / "none" / "a"}).leaving == []

import json
import os
import re
import shutil
import sqlite3
import tarfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_modules.domain import RunMode
from llm_modules.errors import UserError
from llm_modules.journal.checking import check_chain
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping import making, staging
from llm_modules.operations.keeping.archive import read_manifest
from llm_modules.operations.keeping.backing_up import BackupOptions, back_up
from llm_modules.operations.keeping.progress import Meter, sized
from llm_modules.operations.running.bot_record import bot_lock, write_record
from llm_modules.operations.running.plan import Plan
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

NOW = datetime(2026, 1, 15, 12, 30, 5, tzinfo=UTC)
Backup = Callable[[], Path]
Captured = pytest.CaptureFixture[str]

EVERYTHING = {
    "config.json",
    "config.sandbox.json",
    "llm_findings.json",
    "llm_prompts/system/flat.j2",
    "logs/llm_costs.sqlite",
    "logs/llm_decisions.jsonl",
    "logs/llm_decisions.jsonl.seal",
    "logs/llm_tape.sqlite",
    "logs/reward_learning.json",
    "logs/risk_state.sandbox.json",
    "logs/trade_experience.jsonl",
    "logs/trade_experience.jsonl.seal",
    "run/sandbox.json",
    "tradesv3.sandbox.sqlite",
}


def names_in(archive: Path) -> set[str]:
    return {file.name for file in read_manifest(archive).files}


def text_in(archive: Path, name: str) -> str:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read().decode()


def test_everything_a_bot_knows_is_in_it_and_no_secret(bot: Session, backup: Backup) -> None:
    bot.places.env_file.write_text("LLM_API_KEY=canary\n", encoding="utf-8")
    for name in ("selftest.json", "run/bot.json", "strategies/Mine.py", "FLATTEN"):
        path = bot.places.user_data / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("not mine to keep", encoding="utf-8")
    archive = backup()
    assert names_in(archive) == EVERYTHING
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            assert b"canary" not in file.read()


def test_an_archive_says_what_made_it_and_of_which_bot(bot: Session, backup: Backup) -> None:
    manifest = read_manifest(backup())
    assert (manifest.made_by, manifest.mode) == ("backup", "sandbox")
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest.version)


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({}, "sandbox"),
        ({'"model": ""': '"model": "m"'}, "dry_run"),
        ({'"model": ""': '"model": "m"', '"dry_run": true': '"dry_run": false'}, "live"),
        ({"{": "broken"}, None),
    ],
)
def test_the_mode_is_the_one_a_start_would_have(
    bot: Session, backup: Backup, changes: dict[str, str], mode: RunMode | None
) -> None:
    text = bot.places.settings.read_text(encoding="utf-8")
    for before, after in changes.items():
        text = text.replace(before, after, 1)
    bot.places.settings.write_text(text, encoding="utf-8")
    assert read_manifest(backup()).mode == mode


def test_the_mode_of_a_running_bot_is_its_own(bot: Session, backup: Backup) -> None:
    with bot_lock(bot.places):
        write_record(bot.places, Plan("live", 8086, ()), NOW, ())
        assert read_manifest(backup()).mode == "live"


def test_a_backup_beside_a_writing_bot_is_whole(
    bot: Session, backup: Backup, tmp_path: Path
) -> None:
    tape = sqlite3.connect(bot.places.logs / "llm_tape.sqlite", isolation_level=None)
    tape.execute("BEGIN IMMEDIATE")
    with bot.journals().decisions.open("ab") as journal:
        journal.write(b'{"half of":')
        journal.flush()
        archive = backup()
    tape.close()
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    assert check_chain(tmp_path / "out" / "logs" / "llm_decisions.jsonl").is_sound
    with closing(sqlite3.connect(tmp_path / "out" / "logs" / "llm_tape.sqlite")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_secret_in_the_settings_is_left_out_and_told(
    bot: Session, backup: Backup, capsys: Captured
) -> None:
    text = bot.places.settings.read_text(encoding="utf-8")
    changed = text.replace('"api_key": ""', '"api_key": "sk-canary"')
    bot.places.settings.write_text(changed, encoding="utf-8")
    archive = backup()
    captured = capsys.readouterr()
    assert "config.json: left out llm_config.api_key" in captured.err
    assert "canary" not in captured.out + captured.err
    # Comments and all, only the secret is gone.
    assert text_in(archive, "config.json") == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"api_key": ""', '"api_key": "sk-canary'),
        ('"ccxt_config": {', '"ccxt_config": {"apiKey": "canary", '),
    ],
)
def test_settings_whose_secrets_cannot_be_told_apart_are_left_out(
    bot: Session, backup: Backup, capsys: Captured, before: str, after: str
) -> None:
    text = bot.places.settings.read_text(encoding="utf-8")
    assert before in text
    bot.places.settings.write_text(text.replace(before, after), encoding="utf-8")
    archive = backup()
    captured = capsys.readouterr()
    assert names_in(archive) == EVERYTHING - {"config.json"}
    assert "config.json is NOT in it" in captured.err
    assert "canary" not in captured.err


def test_a_damaged_database_is_kept_as_it_stands_and_told(
    bot: Session, backup: Backup, capsys: Captured
) -> None:
    (bot.places.user_data / "tradesv3.sandbox.sqlite").write_text("damaged", encoding="utf-8")
    assert text_in(backup(), "tradesv3.sandbox.sqlite") == "damaged"
    assert "no reader opens it: tradesv3.sandbox.sqlite" in capsys.readouterr().err


def test_a_new_bot_has_its_settings_to_keep(session: Session, capsys: Captured) -> None:
    assert back_up(session, BackupOptions(NOW)) is ExitStatus.DONE
    assert names_in(session.places.backups / "20260115T123005Z.tar.gz") == {
        "config.json",
        "config.sandbox.json",
    }
    out = capsys.readouterr().out
    assert "20260115T123005Z.tar.gz: 2 files" in out
    assert "Secrets are not in it" in out


def test_a_file_that_no_archive_has_a_name_for_is_left_where_it_is(
    bot: Session, backup: Backup
) -> None:
    (bot.places.user_data / "tradesv3.\nodd.sqlite").touch()
    (bot.places.user_data / "HALT.txt").touch()
    assert names_in(backup()) == EVERYTHING


def test_two_backups_of_one_second_do_not_replace_each_other(bot: Session, backup: Backup) -> None:
    assert [backup().name, backup().name] == [
        "20260115T123005Z.tar.gz",
        "20260115T123005Z-2.tar.gz",
    ]


@pytest.mark.parametrize("out", ["mine.tgz", "."])
def test_a_backup_goes_where_it_is_wished(bot: Session, tmp_path: Path, out: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert back_up(bot, BackupOptions(NOW, folder / out)) is ExitStatus.DONE
    (archive,) = folder.iterdir()
    assert archive.name == (out if out != "." else "20260115T123005Z.tar.gz")
    assert names_in(archive) == EVERYTHING
    assert not bot.places.backups.exists()


def test_a_file_that_is_there_is_not_overwritten(bot: Session, tmp_path: Path) -> None:
    (tmp_path / "mine.tgz").touch()
    with pytest.raises(UserError, match=r"mine\.tgz is there already"):
        back_up(bot, BackupOptions(NOW, tmp_path / "mine.tgz"))
    with pytest.raises(UserError, match="is no folder: make it first"):
        back_up(bot, BackupOptions(NOW, tmp_path / "nowhere" / "mine.tgz"))


def left_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_full_disk_leaves_no_half_backup(
    bot: Session, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "write_archive", full)
    assert back_up(bot, BackupOptions(NOW)) is ExitStatus.FAILED
    assert "No backup was made: No space left on device" in capsys.readouterr().err
    assert left_in(bot.places.backups) == []


def test_an_interrupted_backup_leaves_nothing_and_is_no_success(
    bot: Session, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(staging, "copy_database", interrupted)
    assert back_up(bot, BackupOptions(NOW)) is ExitStatus.FAILED
    assert "Interrupted: no backup was made." in capsys.readouterr().err
    assert left_in(bot.places.backups) == []


def test_what_a_killed_backup_left_goes_after_a_day(bot: Session, backup: Backup) -> None:
    bot.places.backups.mkdir()
    young, old = (bot.places.backups / f".backup-{name}" for name in ("young", "old"))
    for folder in (young, old):
        folder.mkdir()
    os.utime(old, (time.time() - 90_000,) * 2)
    backup()
    assert left_in(bot.places.backups) == [".backup-young", "20260115T123005Z.tar.gz"]


def test_the_archives_are_listed_newest_first(
    bot: Session, backup: Backup, capsys: Captured
) -> None:
    archive = backup()
    shutil.copy(archive, bot.places.backups / "20250101T000000Z.tar.gz")
    (bot.places.backups / "20240101T000000Z.tar.gz").write_text("damaged", encoding="utf-8")
    capsys.readouterr()
    assert back_up(bot, BackupOptions(NOW, list_only=True)) is ExitStatus.DONE
    heading, *rows, where = capsys.readouterr().out.splitlines()
    assert heading.split() == ["archive", "made", "at", "(UTC)", "by", "mode", "files", "size"]
    assert [row.split()[0][:8] for row in rows] == ["20260115", "20250101", "20240101"]
    assert rows[0].split()[3:6] == ["backup", "sandbox", "14"]
    assert rows[2].split()[1:] == ["-", "unknown", "-", "-", "7", "B"]
    assert str(bot.places.backups) in where


def test_no_archive_is_told_with_what_makes_one(session: Session, capsys: Captured) -> None:
    assert back_up(session, BackupOptions(NOW, list_only=True)) is ExitStatus.DONE
    assert "./manage.sh backup makes one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 kB"), (5_400_000, "5.1 MB"), (3 << 30, "3.0 GB")],
)
def test_sizes_are_written_for_people(size_bytes: int, text: str) -> None:
    assert sized(size_bytes) == text


class Watched(Screen):
    """A terminal whose last line is remembered each time."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def progress(self, text: str) -> None:
        self.seen.append(text)


def test_a_long_copy_is_told_once_for_each_percent() -> None:
    screen = Watched()
    meter = Meter(screen, "Copying", 100_000_000)
    for _ in range(1000):
        meter(100_000)
    # What has grown meanwhile goes not beyond the end.
    meter(5_000_000)
    assert len(screen.seen) == 101
    assert screen.seen[50] == "Copying [############............]  50 % of 95.4 MB "
    assert screen.seen[-1] == "Copying [########################] 100 % of 95.4 MB "


def test_a_short_copy_is_not_told() -> None:
    screen = Watched()
    Meter(screen, "Copying", 1000)(1000)
    assert screen.seen == []


UNKNOWN_SECRETS = """{
    "db_url": "postgresql://bot:canary@db/trades",
    "external_message_consumer": {"producers": [{"name": "one", "ws_token": "canary"}]},
    "exchange": {"name": "binance", "ccxt_config": {"proxies": {"http": "http://me:canary@p"}}},
    "webhook": {"headers": {"X-What": "canary"}, "retries": 3, "bearer": "canary"},
    "hook": "https://host/x?token=canary", "my_passphrase": 1234, "max_tokens": 5
}"""


def test_what_looks_like_a_secret_is_left_out_too(
    bot: Session, backup: Backup, capsys: Captured
) -> None:
    bot.places.settings.write_text(UNKNOWN_SECRETS, encoding="utf-8")
    packed = text_in(backup(), "config.json")
    captured = capsys.readouterr()
    assert "canary" not in packed + captured.out + captured.err
    assert "1234" not in packed
    kept = {"name": "binance", "ccxt_config": {"proxies": {"http": ""}}}
    assert json.loads(packed)["exchange"] == kept
    assert json.loads(packed)["max_tokens"] == 5
    assert "external_message_consumer.producers.ws_token" in captured.err

import os
import stat
from pathlib import Path

import pytest

from llm_modules.errors import UserError
from llm_modules.operations.setup.writing import Change, refuse_loss, write_all

FULL = Path("/dev/full")


def files(folder: Path) -> tuple[Path, Path]:
    settings, secrets = folder / "config.json", folder / ".env"
    settings.write_text("old settings", encoding="utf-8")
    settings.chmod(0o640)
    return settings, secrets


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_files_are_replaced_and_the_former_ones_kept(tmp_path: Path) -> None:
    settings, secrets = files(tmp_path)
    secrets.write_text("A=1\n", encoding="utf-8")
    changes = (
        Change(secrets, "A=1\n", "A=2\n", is_secret=True),
        Change(settings, "old settings", "new\r\nsettings"),
    )
    kept = write_all(changes, tmp_path / "backups", "now")
    assert (secrets.read_bytes(), settings.read_bytes()) == (b"A=2\n", b"new\r\nsettings")
    assert [path.name for path in kept] == ["now.env", "now.config.json"]
    assert [path.read_bytes() for path in kept] == [b"A=1\n", b"old settings"]
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.stat().st_mode) == 0o640
    assert names(tmp_path) == [".env", "backups", "config.json"]


def test_a_new_file_has_nothing_to_keep(tmp_path: Path) -> None:
    _, secrets = files(tmp_path)
    assert write_all([Change(secrets, None, "A=1", is_secret=True)], tmp_path / "b", "now") == ()
    assert secrets.read_text(encoding="utf-8") == "A=1"


def test_a_second_backup_does_not_replace_the_first(tmp_path: Path) -> None:
    settings, _ = files(tmp_path)
    for number, (before, after) in enumerate([("old settings", "b"), ("b", "c"), ("c", "d")]):
        (kept,) = write_all([Change(settings, before, after)], tmp_path / "backups", "now")
        assert kept.read_text(encoding="utf-8") == before
        assert kept.name == ["now.config.json", "now-2.config.json", "now-3.config.json"][number]


def test_a_file_someone_else_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    settings, secrets = files(tmp_path)
    for change in (Change(settings, "other", "new"), Change(secrets, "A=1", "A=2")):
        with pytest.raises(UserError, match="was changed meanwhile, so nothing was written"):
            write_all([change], tmp_path / "backups", "now")
    assert names(tmp_path) == ["config.json"]


def test_a_file_that_cannot_be_staged_leaves_all_as_they_were(tmp_path: Path) -> None:
    settings, secrets = files(tmp_path)
    (tmp_path / "config.json.new").mkdir()
    changes = (Change(secrets, None, "A=1", is_secret=True), Change(settings, "old settings", "n"))
    with pytest.raises(OSError, match=r"config\.json\.new"):
        write_all(changes, tmp_path / "backups", "now")
    assert not secrets.exists()
    assert settings.read_text(encoding="utf-8") == "old settings"


@pytest.mark.parametrize("former", [None, "A=1"])
def test_a_file_that_cannot_be_replaced_brings_back_those_before_it(
    former: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, secrets = files(tmp_path)
    if former:
        secrets.write_text(former, encoding="utf-8")
    replace = Path.replace

    def refusing(self: Path, target: Path) -> Path:
        if target == settings:
            raise PermissionError(13, "Permission denied", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    changes = (
        Change(secrets, former, "A=2", is_secret=True),
        Change(settings, "old settings", "n"),
    )
    with pytest.raises(PermissionError):
        write_all(changes, tmp_path / "backups", "now")
    assert (secrets.read_text(encoding="utf-8") if secrets.exists() else None) == former
    assert settings.read_text(encoding="utf-8") == "old settings"
    assert [name for name in names(tmp_path) if name.endswith(".new")] == []


def test_what_a_full_disk_left_half_written_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, _ = files(tmp_path)
    opened = os.open

    def full(path: Path, flags: int, mode: int) -> int:
        opened(path, flags, mode)
        return opened(FULL, os.O_WRONLY)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space left"):
        write_all([Change(settings, "old settings", "n")], tmp_path / "backups", "now")
    assert settings.read_text(encoding="utf-8") == "old settings"
    assert names(tmp_path) == ["backups", "config.json"]
    assert names(tmp_path / "backups") == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    settings, _ = files(tmp_path)
    link = tmp_path / "link.json"
    link.symlink_to(settings)
    write_all([Change(link, "old settings", "new")], tmp_path / "backups", "now")
    assert link.is_symlink()
    assert settings.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            PermissionError(13, "Permission denied", "/there/.env"),
            ": /there/.env cannot be written: P",
        ),
        (
            OSError(28, "No space left on device"),
            "nothing was changed: cannot be written: No space",
        ),
        (OSError("odd"), "nothing was changed: cannot be written: odd"),
    ],
)
def test_a_disk_that_refuses_is_one_sentence(error: OSError, told: str) -> None:
    with pytest.raises(UserError, match=told), refuse_loss():
        raise error

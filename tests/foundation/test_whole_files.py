"""A file is there as a whole or not at all, and no one can read what is its owner's meanwhile."""

import os
import stat
from pathlib import Path

import pytest

from llm_modules.whole_files import OWNER_ONLY, put_in_place, write_new


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def failing(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_content_folder_and_name_are_on_disk_when_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        seen.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def replaced(self: Path, target: Path) -> Path:
        seen.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    put_in_place(tmp_path / "state.json", "new")
    assert seen == ["file", "name", "folder"]
    assert (tmp_path / "state.json").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
def test_a_failure_names_the_file_and_leaves_it_as_it_was(
    owner: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    put_in_place(path, "old")
    monkeypatch.setattr(owner, name, failing)
    with pytest.raises(OSError, match="No space left") as caught:
        put_in_place(path, "new")
    assert (caught.value.errno, caught.value.filename) == (28, str(path))
    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["state.json"]


@pytest.mark.parametrize("name", ["state.json", ".env"])
def test_what_a_crash_left_is_hidden_and_goes_with_the_next_write(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crash:
        crash.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            put_in_place(tmp_path / name, "half")
    assert names(tmp_path) == [f".{name.removeprefix('.')}.new"]
    put_in_place(tmp_path / name, "whole")
    assert names(tmp_path) == [name]


def test_what_is_its_owners_is_so_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(
        os,
        "fsync",
        lambda one: (modes.append(stat.S_IMODE(os.fstat(one).st_mode)), fsync(one)),
    )
    path = tmp_path / ".env"
    path.touch(0o644)
    put_in_place(path, "KEY=1", mode=OWNER_ONLY)
    assert modes[0] == OWNER_ONLY
    assert stat.S_IMODE(path.stat().st_mode) == OWNER_ONLY


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "new").symlink_to(elsewhere)
    write_new(tmp_path / "new", "text\r\n")
    assert not elsewhere.exists()
    assert (tmp_path / "new").read_bytes() == b"text\r\n"


def test_a_new_file_that_cannot_be_finished_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="No space left"):
        write_new(tmp_path / "new", "text")
    assert names(tmp_path) == []

"""A file is there as a whole or not at all, and no one can read what is its owner's meanwhile."""

import errno
import os
import stat
from contextlib import nullcontext
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
    name: str, tmp_path: Path
) -> None:
    (tmp_path / f".{name.removeprefix('.')}.new").write_text("half", encoding="utf-8")
    put_in_place(tmp_path / name, "whole")
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
def test_ctrl_c_leaves_nothing_but_the_file_of_before(
    owner: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    put_in_place(path, "old")
    monkeypatch.setattr(owner, name, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        put_in_place(path, "new")
    assert (names(tmp_path), path.read_text(encoding="utf-8")) == (["state.json"], "old")


def test_a_text_that_has_no_utf_8_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        put_in_place(tmp_path / "page.html", "half a pair: \ud800")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "is_passed_over"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)]
)
def test_a_file_system_that_syncs_no_folders_is_no_failure(
    number: int, *, is_passed_over: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def of_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", of_files)
    path = tmp_path / "state.json"
    with nullcontext() if is_passed_over else pytest.raises(OSError, match="Input/output"):
        put_in_place(path, "new")
    assert path.read_text(encoding="utf-8") == "new"


def test_what_is_its_owners_is_so_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.touch(0o644)
    modes: list[int] = []
    opened = os.open

    def noted(path: str, flags: int, mode: int = 0o777) -> int:
        modes.append(mode)
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", noted)
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

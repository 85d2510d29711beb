import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.domain import RunMode
from llm_modules.errors import JournalError
from llm_modules.gate.halt import (
    MODES,
    READ_BYTES,
    TEXT_LENGTH,
    HaltNote,
    HaltSwitch,
    Seen,
    found_halts,
    halt_paths,
    is_there,
    legible,
    read_halt,
    remove,
    write_note,
    write_whole,
)

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
NOTE = HaltNote(reason="maintenance", at=NOON, by="ann")


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("HALT", Seen(by_hand=True, tripped=False, flatten=False)),
        ("HALT.dry_run", Seen(by_hand=False, tripped=True, flatten=False)),
        ("FLATTEN", Seen(by_hand=False, tripped=False, flatten=True)),
        ("HALT.live", Seen(by_hand=False, tripped=False, flatten=False)),
        ("HALT.txt", Seen(by_hand=False, tripped=False, flatten=False)),
    ],
)
def test_each_file_is_seen_for_what_it_is_and_only_in_its_mode(
    tmp_path: Path, name: str, seen: Seen
) -> None:
    (tmp_path / name).touch()
    assert HaltSwitch(tmp_path, "dry_run").look() == seen


@pytest.mark.parametrize("mode", MODES)
def test_a_halt_by_hand_is_seen_in_every_mode(tmp_path: Path, mode: RunMode) -> None:
    assert HaltSwitch(tmp_path, mode).look().by_hand is False
    (tmp_path / "HALT").touch()
    assert HaltSwitch(tmp_path, mode).look().by_hand is True


def a_text(path: Path) -> None:
    path.write_text("gone fishing", encoding="utf-8")


def an_unreadable_file(path: Path) -> None:
    path.write_text("{}", encoding="utf-8")
    path.chmod(0)


ODD_THINGS = {
    "a text": a_text,
    "an empty file": Path.touch,
    "a file nobody may read": an_unreadable_file,
    "a folder": Path.mkdir,
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("thing", sorted(ODD_THINGS))
def test_whatever_has_the_name_counts_is_read_without_waiting_and_can_be_removed(
    tmp_path: Path, thing: str
) -> None:
    path = tmp_path / "HALT"
    ODD_THINGS[thing](path)
    assert HaltSwitch(tmp_path, "live").look().by_hand is True
    found = read_halt(path)
    assert found.note is None
    assert found.reason == found.words == f"HALT was found but not readable ({found.problem})"
    remove(path)
    assert HaltSwitch(tmp_path, "live").look().by_hand is False


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not a note of ours"),
        (b"\xff\xfe", "not a note of ours"),
        (b"[" * 100_000, "not a note of ours"),
        (b'{"reason": "x", "at": "2026-01-15T12:00:00Z"}', "not a note of ours"),
        (b'{"reason": "x", "at": "2026-01-15T12:00:00", "by": "y"}', "not a note of ours"),
        (b'{"reason": 7, "at": "2026-01-15T12:00:00Z", "by": "y"}', "not a note of ours"),
    ],
)
def test_what_is_no_note_says_so(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "HALT"
    path.write_bytes(content)
    assert read_halt(path).problem == problem


def test_a_file_that_went_away_meanwhile_is_not_readable(tmp_path: Path) -> None:
    assert read_halt(tmp_path / "HALT").problem == "No such file or directory"


def test_only_the_beginning_of_a_huge_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "HALT"
    note = NOTE.model_dump_json()
    path.write_text(note.ljust(READ_BYTES), encoding="utf-8")
    assert read_halt(path).note == NOTE
    path.write_text(note.rjust(READ_BYTES + 1), encoding="utf-8")
    assert read_halt(path).note is None


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_note(tmp_path / "HALT", NOTE)
    found = read_halt(tmp_path / "HALT")
    assert found.note == NOTE
    assert found.reason == "maintenance"
    assert found.words == "maintenance (by ann, 2026-01-15 12:00 UTC)"
    assert [path.name for path in tmp_path.iterdir()] == ["HALT"]


def test_a_note_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "HALT"
    path.write_text("gone fishing", encoding="utf-8")
    write_note(path, NOTE)
    assert read_halt(path).note == NOTE


def test_a_note_without_a_reason_says_so(tmp_path: Path) -> None:
    write_note(tmp_path / "HALT", HaltNote(reason=" \n", at=NOON, by="ann"))
    assert read_halt(tmp_path / "HALT").words == "no reason given (by ann, 2026-01-15 12:00 UTC)"


def test_a_trip_names_the_emergency_stop(tmp_path: Path) -> None:
    switch = HaltSwitch(tmp_path, "live")
    switch.trip("equity fell", NOON)
    assert read_halt(tmp_path / "HALT.live").note == HaltNote(
        reason="equity fell", at=NOON, by="the emergency stop"
    )


def test_on_a_disk_that_takes_no_text_an_empty_file_halts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    write_note(tmp_path / "HALT", NOTE)
    assert HaltSwitch(tmp_path, "live").look().by_hand is True
    assert read_halt(tmp_path / "HALT").problem == "empty"


def test_a_folder_that_takes_no_file_at_all_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(JournalError, match=r"cannot write .*HALT: No such file or directory"):
        write_note(missing / "HALT", NOTE)
    assert not missing.exists()


def test_writing_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    write_whole(path, "first")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "I/O error")))
    with pytest.raises(JournalError, match=r"cannot write .*state.json: I/O error"):
        write_whole(path, "second")
    assert path.read_text(encoding="utf-8") == "first"


def test_what_cannot_be_removed_is_an_error_and_stays(tmp_path: Path) -> None:
    folder = tmp_path / "HALT"
    folder.mkdir()
    (folder / "inside").touch()
    with pytest.raises(JournalError, match=r"cannot remove .*HALT: Directory not empty"):
        remove(folder)
    assert is_there(folder)


def test_removing_what_is_not_there_is_fine_and_a_link_leaves_its_target(tmp_path: Path) -> None:
    remove(tmp_path / "HALT")
    target = tmp_path / "folder"
    target.mkdir()
    (tmp_path / "HALT").symlink_to(target)
    remove(tmp_path / "HALT")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("below", ["missing", "file"])
def test_where_one_cannot_look_nothing_is_known(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    assert is_there(tmp_path / below / "HALT") is None
    unknown = Seen(by_hand=None, tripped=None, flatten=None)
    assert HaltSwitch(tmp_path / below, "live").look() == unknown


def test_people_are_shown_every_file_that_halts_some_mode_and_what_cannot_be_seen(
    tmp_path: Path,
) -> None:
    assert found_halts(tmp_path) == ()
    write_note(tmp_path / "HALT.live", NOTE)
    (tmp_path / "HALT").touch()
    (tmp_path / "FLATTEN").touch()
    assert [(found.path.name, found.problem) for found in found_halts(tmp_path)] == [
        ("HALT", "empty"),
        ("HALT.live", ""),
    ]
    assert len(found_halts(tmp_path / "missing")) == len(halt_paths(tmp_path)) == 4


def test_a_note_keeps_its_place_in_time(tmp_path: Path) -> None:
    content = '{"reason": "x", "at": "0001-01-01T00:00:00+14:00", "by": "y"}'
    (tmp_path / "HALT").write_text(content, encoding="utf-8")
    note = read_halt(tmp_path / "HALT").note
    assert note is not None
    assert note.at.utcoffset() == timedelta(hours=14)
    assert "(by y, " in read_halt(tmp_path / "HALT").words


def test_foreign_text_becomes_one_short_line() -> None:
    assert legible("\x1b[31mstop\n\u202eit\udc80") == "[31mstop it"
    assert len(legible("x" * TEXT_LENGTH)) == len(legible("x" * 9999)) == TEXT_LENGTH


@given(st.text(), st.text())
def test_any_reason_by_anyone_is_printable(reason: str, by: str) -> None:
    note = HaltNote(reason=reason, at=NOON, by=by)
    assert note.reason.isprintable()
    assert note.by.isprintable()
    assert HaltNote.model_validate_json(note.model_dump_json()) == note

import gzip
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.operations.viewing import follow, newest
from llm_modules.operations.viewing.follow import ensure_file, followed, last_lines

QUICK = 0.001


def times(count: int) -> Callable[[], bool]:
    """A condition that holds `count` times."""
    left = iter(range(count))
    return lambda: next(left, None) is not None


def reader(path: Path, count: int = 0) -> Iterator[str]:
    return followed(path, count, times(1000), poll_seconds=QUICK)


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_a_missing_file_has_no_lines_and_is_not_created(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "x", 5) == []
    assert not (tmp_path / "x").exists()


def test_ensuring_a_file_creates_folders_and_says_so_once(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "x"
    assert ensure_file(path) is True
    assert path.read_bytes() == b""
    assert ensure_file(path) is False


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, ["c"]), (2, ["b", "c"]), (3, ["a", "b", "c"])]
)
def test_the_last_lines_come_oldest_first(tmp_path: Path, count: int, expected: list[str]) -> None:
    path = tmp_path / "x"
    append(path, "a\nb\nc\n")
    assert last_lines(path, count) == expected
    assert last_lines(path, count + 3)[-count or 9 :] == expected


def test_a_line_that_is_still_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "x"
    append(path, "a\nb\nhalf")
    assert last_lines(path, 5) == ["a", "b"]


@given(lines=st.lists(st.text("ab\r ü", max_size=12), max_size=30), count=st.integers(0, 40))
def test_any_number_of_last_lines_across_any_block_size(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], count: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "x"
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(newest, "BLOCK_BYTES", 7)
        found = last_lines(path, count)
    assert found == [line.rstrip("\r") for line in lines][max(0, len(lines) - count) :]


def test_new_lines_follow_the_last_ones(tmp_path: Path) -> None:
    path = tmp_path / "x"
    append(path, "a\nb\n")
    lines = reader(path, 1)
    assert next(lines) == "b"
    append(path, "c\nd\n")
    assert [next(lines), next(lines)] == ["c", "d"]


def test_a_line_written_in_two_pieces_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    append(path, "a\nhal")
    lines = reader(path, 1)
    assert next(lines) == "a"
    timer = threading.Timer(0.02, append, (path, "f\n"))
    timer.start()
    assert next(lines) == "half"
    timer.join()


def test_a_missing_file_is_created_and_followed(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "x"
    lines = reader(path)
    timer = threading.Timer(0.02, append, (path, "first\n"))
    timer.start()
    with pytest.raises(FileNotFoundError):
        path.stat()
    ensure_file(path)
    assert next(lines) == "first"
    timer.join()


def test_a_rotated_file_is_read_to_its_end_and_then_its_successor(tmp_path: Path) -> None:
    path = tmp_path / "x"
    append(path, "a\n")
    lines = reader(path, 1)
    assert next(lines) == "a"
    append(path, "b\n")
    path.rename(tmp_path / "x.1")
    append(path, "c\n")
    assert [next(lines), next(lines)] == ["b", "c"]


def test_a_file_between_rotation_and_successor_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "x"
    append(path, "a\n")
    lines = reader(path, 1)
    assert next(lines) == "a"
    path.unlink()
    timer = threading.Timer(0.02, append, (path, "b\n"))
    timer.start()
    assert next(lines) == "b"
    timer.join()


def test_a_file_cut_short_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "x"
    append(path, "long first line\nhalf a li")
    lines = reader(path, 1)
    assert next(lines) == "long first line"
    os.truncate(path, 0)
    append(path, "new\n")
    assert next(lines) == "new"


def test_half_a_line_of_a_file_cut_short_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "x"
    append(path, "half a li")
    turns = iter(range(6))

    def goes_on() -> bool:
        turn = next(turns, None)
        if turn == 2:
            os.truncate(path, 0)
            append(path, "new\n")
        return turn is not None

    assert list(followed(path, 0, goes_on, poll_seconds=QUICK)) == ["new"]


def test_following_ends_when_it_is_told_to(tmp_path: Path) -> None:
    path = tmp_path / "x"
    append(path, "a\nb\n")
    assert list(followed(path, 5, times(0), poll_seconds=QUICK)) == ["a", "b"]
    assert list(followed(path, 0, times(3), poll_seconds=QUICK)) == []


def test_bytes_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a\xffb\n")
    assert last_lines(path, 1) == ["a\ufffdb"]


def a_rotated_journal(path: Path) -> None:
    with gzip.open(path.with_name(f"{path.name}.000001.gz"), "wb") as part:
        part.write(b"a\nb\nc\n")
    path.write_bytes(b"d\n")


@pytest.mark.parametrize(
    ("count", "expected"), [(1, ["d"]), (2, ["c", "d"]), (9, ["a", "b", "c", "d"]), (0, [])]
)
def test_lines_that_a_rotation_moved_away_come_first(
    tmp_path: Path, count: int, expected: list[str]
) -> None:
    path = tmp_path / "journal.jsonl"
    a_rotated_journal(path)
    assert last_lines(path, count) == expected
    assert list(followed(path, count, times(0), poll_seconds=QUICK)) == expected


def test_a_file_that_is_removed_before_it_is_opened_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    turns = iter([True])

    def removed_once(asked: Path) -> bool:
        created = ensure_file(asked)
        if next(turns, False):
            asked.unlink()
        return created

    monkeypatch.setattr(follow, "ensure_file", removed_once)
    assert list(followed(path, 5, times(0), poll_seconds=QUICK)) == []
    assert path.exists()

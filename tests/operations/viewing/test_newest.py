"""The newest lines that are sought: from the end, across parts, no further than that takes."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.operations.viewing import newest
from llm_modules.operations.viewing.newest import Finding, newest_sought, opened_journal


class Seeking:
    """Seeks lines that begin with a letter, ends at `<`, and remembers what it was shown."""

    def __init__(self, letter: bytes = b"a") -> None:
        self.letter = letter
        self.seen: list[bytes] = []

    def __call__(self, line: bytes) -> Finding:
        self.seen.append(line)
        if line == b"<":
            return "too_old"
        return "sought" if line.startswith(self.letter) else "other"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def part(path: Path, number: int, *lines: str) -> None:
    with gzip.open(path.with_name(f"{path.name}.{number:06d}.gz"), "wb") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


def live(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@given(
    lines=st.lists(st.text("ab ü", max_size=9), max_size=30),
    torn=st.text("ab", max_size=9),
    count=st.integers(0, 12),
    block=st.integers(1, 9),
    parts=st.integers(0, 3),
)
def test_they_are_what_reading_everything_would_find(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    torn: str,
    count: int,
    block: int,
    parts: int,
) -> None:
    path = tmp_path_factory.mktemp("any") / "journal"
    size = max(1, len(lines) // (parts + 1))
    for number in range(parts):
        part(path, number + 1, *lines[number * size : (number + 1) * size])
    rest = "".join(f"{line}\n" for line in lines[parts * size :])
    path.write_text(rest + torn, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(newest, "BLOCK_BYTES", block)
        found = newest_sought(path, count, Seeking())
    expected = [line.encode() for line in lines if line.startswith("a")]
    assert found == expected[max(0, len(expected) - count) :]


def test_no_more_is_looked_at_than_it_takes(path: Path) -> None:
    part(path, 1, "a0")
    live(path, "a1", "a2", "b", "a3")
    seeking = Seeking()
    assert newest_sought(path, 2, seeking) == [b"a2", b"a3"]
    assert seeking.seen == [b"a3", b"b", b"a2"]


def test_a_line_that_is_too_old_ends_the_search(path: Path) -> None:
    part(path, 1, "a0")
    live(path, "a1", "<", "a2")
    assert newest_sought(path, 9, Seeking()) == [b"a2"]


def test_a_part_that_begins_too_old_is_the_last_one_read(path: Path) -> None:
    part(path, 1, "a0")
    part(path, 2, "<", "a1", "b")
    live(path, "a2")
    seeking = Seeking()
    assert newest_sought(path, 9, seeking) == [b"a1", b"a2"]
    assert b"a0" not in seeking.seen


def test_parts_are_read_until_there_is_enough(path: Path) -> None:
    part(path, 1, "a0")
    part(path, 2, "a1", "a2")
    live(path, "a3")
    seeking = Seeking()
    assert newest_sought(path, 2, seeking) == [b"a2", b"a3"]
    assert newest_sought(path, 3, seeking) == [b"a1", b"a2", b"a3"]
    assert b"a0" not in seeking.seen
    assert newest_sought(path, 4, seeking) == [b"a0", b"a1", b"a2", b"a3"]


def test_parts_without_a_live_file_are_read(path: Path) -> None:
    assert newest_sought(path, 3) == []
    part(path, 1, "a0")
    assert newest_sought(path, 3) == [b"a0"]


@pytest.mark.parametrize("happens", ["renamed", "removed"])
def test_a_rotation_while_it_is_opened_reads_nothing_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch, happens: str
) -> None:
    live(path, "a0")
    usual = newest.part_numbers
    turns = iter([True])

    def rotated(asked: Path) -> list[int]:
        if next(turns, False):
            path.rename(path.with_name(f"{path.name}.000001"))
            if happens == "renamed":
                live(path, "a1")
        return usual(asked)

    monkeypatch.setattr(newest, "part_numbers", rotated)
    expected = [b"a0", b"a1"] if happens == "renamed" else [b"a0"]
    assert newest_sought(path, 9) == expected


def test_what_cannot_be_opened_is_an_error_and_not_an_empty_journal(path: Path) -> None:
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        opened_journal(path)

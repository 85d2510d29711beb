from pathlib import Path

import pytest

from journaling import a_journal, a_log, ids, numbered, unpacked, write
from llm_modules.journal import parts
from llm_modules.journal.parts import newest_lines, packed_path
from llm_modules.journal.reader import read_newest
from llm_modules.journal.records import DECISION_LINES, DecisionRecord


def newest(path: Path, count: int) -> list[str]:
    records = read_newest(path, DECISION_LINES, count).records
    return [record.decision_id for record in records if isinstance(record, DecisionRecord)]


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 1000])
@pytest.mark.parametrize("per_part", [0, 1, 3, 5])
def test_as_many_lines_as_asked_for_come_from_the_end_also_out_of_parts(
    tmp_path: Path, count: int, per_part: int
) -> None:
    path = a_journal(tmp_path / "d.jsonl", 10, per_part=per_part)
    assert newest(path, count) == numbered(max(0, 10 - count), 10)


@pytest.mark.parametrize("block", [1, 7, 100, 65_536])
def test_lines_may_lie_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(parts, "BLOCK_BYTES", block)
    path = a_journal(tmp_path / "d.jsonl", 5)
    for count in range(7):
        assert newest(path, count) == numbered(max(0, 5 - count), 5)


def test_no_more_is_read_than_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_journal(tmp_path / "d.jsonl", 10, per_part=3)
    packed_path(path, 1).write_bytes(b"would be damaged, if anyone looked")
    opened: list[str] = []
    look = parts._opened

    def looked(one: Path) -> object:
        opened.append(one.name)
        return look(one)

    monkeypatch.setattr(parts, "_opened", looked)
    assert newest(path, 7) == numbered(3, 10)
    assert not any("000001" in name for name in opened)


def test_a_part_that_is_not_packed_yet_is_read_as_well(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 10, per_part=3)
    unpacked(path, 3)
    packed_path(path, 3).unlink()
    assert newest(path, 5) == numbered(5, 10)


def test_a_missing_journal_has_no_lines(tmp_path: Path) -> None:
    assert newest_lines(tmp_path / "none.jsonl", 5) == []
    assert newest_lines(tmp_path / "no" / "folder.jsonl", 5) == []


def test_a_torn_last_line_is_not_counted(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 3)
    with path.open("ab") as file:
        file.write(b'{"torn')
    assert newest(path, 2) == ["d-1", "d-2"]


def test_a_line_is_returned_with_its_newline_as_it_stands_in_the_file(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 3)
    assert b"".join(newest_lines(path, 3)) == path.read_bytes()


def test_a_bad_line_counts_from_the_start_when_all_was_read_else_from_the_end(
    tmp_path: Path,
) -> None:
    path = a_journal(tmp_path / "d.jsonl", 3)
    good = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(good[0] + b"garbage\n" + good[1] + good[2])
    bad = {
        count: [line.number for line in read_newest(path, DECISION_LINES, count).bad_lines]
        for count in (2, 3, 4, 5)
    }
    assert bad == {2: [], 3: [-3], 4: [-3], 5: [2]}


def test_reading_goes_on_while_the_journal_is_written(tmp_path: Path) -> None:
    log = a_log(tmp_path / "d.jsonl", per_part=2)
    for number in range(9):
        write(log, f"d-{number}")
        assert newest(log.path, 3) == numbered(max(0, number - 2), number + 1)
        assert ids(log.path) == numbered(0, number + 1)
    log.close()


def test_lines_of_any_length_come_whole(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    lengths = [1, 65_534, 65_535, 65_536, 200_000, 3]
    lines = [b"x" * (length - 1) + b"\n" for length in lengths]
    path.write_bytes(b"".join(lines))
    for count in range(1, 8):
        assert newest_lines(path, count) == lines[-count:]

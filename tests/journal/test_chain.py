from pathlib import Path

import pytest

from builders import a_decision_record
from journaling import a_journal, a_log, files_of, ids, numbered, put_back, write
from llm_modules.journal.chain import (
    SEARCHED_LINES,
    Link,
    SealContent,
    chained,
    claim_of,
    digest_of,
    last_link,
    newest_link,
    read_seal,
    seal_path,
)
from llm_modules.journal.checking import ChainFault, check_chain
from llm_modules.journal.log import JsonlLog
from llm_modules.journal.parts import FoundLine
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES

Place = tuple[int, str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Seven decisions in one file."""
    return a_journal(tmp_path / "d.jsonl", 7)


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def changed(path: Path, lines: list[bytes]) -> list[Place]:
    """Put other lines into the file; return line and kind of each fault that is found."""
    path.write_bytes(b"".join(lines))
    return places(path)


def places(path: Path) -> list[Place]:
    return [(fault.line, fault.kind) for fault in check_chain(path).faults]


def test_the_first_line_follows_nothing_and_each_other_the_one_before(path: Path) -> None:
    lines = lines_of(path)
    claims = [claim_of(line) for line in lines]
    assert claims[0] == (1, "")
    assert claims[1:] == [(n + 1, digest_of(lines[n - 1])) for n in range(1, 7)]
    report = check_chain(path)
    assert (report.lines, report.unchained, report.last_seq) == (7, 0, 7)
    assert (report.is_sound, report.is_sealed, report.torn) == (True, True, ())


def test_every_line_is_handed_on_in_its_order(path: Path) -> None:
    seen: list[FoundLine] = []
    assert check_chain(path, seen.append) == check_chain(path)
    assert [line.number for line in seen] == [1, 2, 3, 4, 5, 6, 7]
    assert [line.text for line in seen] == lines_of(path)


def test_the_hash_is_of_the_whole_line_with_its_newline() -> None:
    line, link = chained(b'{"a":1}', Link(8, "0123456789abcdef"))
    assert line == b'{"a":1,"seq":9,"prev":"0123456789abcdef"}\n'
    assert link == Link(9, digest_of(line))
    assert digest_of(b"x\n") == "73cb3858a687a849"


def test_a_record_reads_back_as_it_was_written_without_its_link(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    record = a_decision_record()
    log.append(record)
    log.close()
    assert read_journal(log.path, DECISION_LINES).records == (record,)


@pytest.mark.parametrize("changed_at", range(7))
def test_an_edited_line_is_found_also_the_last(path: Path, changed_at: int) -> None:
    lines = lines_of(path)
    lines[changed_at] = lines[changed_at].replace(b"no edge", b"an edge")
    assert changed(path, lines) == [(changed_at + 1, "edited")]


def test_a_line_whose_number_was_edited_is_found(path: Path) -> None:
    lines = lines_of(path)
    lines[3] = lines[3].replace(b'"seq":4', b'"seq":40')
    assert changed(path, lines) == [(4, "missing"), (5, "moved")]


@pytest.mark.parametrize(
    "link", [b"", b',"seq":4', b',"seq":4,"prev":"xyz"', b',"seq":x,"prev":""']
)
def test_a_line_without_a_good_link_is_foreign_and_missed(path: Path, link: bytes) -> None:
    lines = lines_of(path)
    lines[3] = lines[3][: lines[3].index(b',"seq"')] + link + b"}\n"
    assert changed(path, lines) == [(4, "foreign"), (5, "missing")]


def test_a_first_line_that_claims_to_follow_another_is_found(path: Path) -> None:
    lines = lines_of(path)
    lines[0] = lines[0].replace(b'"prev":""', b'"prev":"0123456789abcdef"')
    assert changed(path, lines) == [(1, "edited"), (1, "edited")]


@pytest.mark.parametrize("removed", range(6))
def test_a_removed_line_is_found(path: Path, removed: int) -> None:
    lines = lines_of(path)
    del lines[removed]
    assert changed(path, lines) == [(removed + 1, "missing")]


@pytest.mark.parametrize("left", [0, 1, 6])
def test_a_cut_end_is_found(path: Path, left: int) -> None:
    changed(path, lines_of(path)[:left])
    text = f"{7 - left} lines are gone from the end: removed, or lost with the power"
    assert check_chain(path).faults == (ChainFault("d.jsonl", 0, "cut", text),)


def test_without_the_seal_a_cut_end_is_not_found_and_the_report_says_it_is_missing(
    path: Path,
) -> None:
    seal_path(path).unlink()
    assert changed(path, lines_of(path)[:5]) == []
    assert not check_chain(path).is_sealed


def test_a_deleted_journal_is_found(path: Path) -> None:
    path.unlink()
    assert places(path) == [(0, "cut")]


def test_swapped_lines_are_found(path: Path) -> None:
    lines = lines_of(path)
    lines[2], lines[3] = lines[3], lines[2]
    assert changed(path, lines) == [(3, "missing"), (4, "moved"), (5, "missing")]


def test_a_repeated_line_is_found(path: Path) -> None:
    lines = lines_of(path)
    assert changed(path, [*lines[:5], lines[4], *lines[5:]]) == [(6, "moved")]


@pytest.mark.parametrize("text", [b"\n", b"garbage\n", b'{"schema":1}\n', b"\xff\n"])
def test_an_inserted_line_is_found(path: Path, text: bytes) -> None:
    lines = lines_of(path)
    assert changed(path, [*lines[:4], text, *lines[4:]]) == [(5, "foreign")]


def test_faults_stay_local_so_that_one_line_from_elsewhere_does_not_blame_the_rest(
    path: Path, tmp_path: Path
) -> None:
    other = lines_of(a_journal(tmp_path / "other.jsonl", 50))
    lines = lines_of(path)
    assert changed(path, [*lines[:4], other[30], *lines[4:]]) == [(5, "missing"), (6, "moved")]


def test_several_faults_are_all_told_in_order(path: Path) -> None:
    lines = lines_of(path)
    lines[1] = lines[1].replace(b"no edge", b"an edge")
    del lines[4]
    assert changed(path, lines[:-1]) == [(2, "edited"), (5, "missing"), (0, "cut")]


def test_a_fault_in_a_packed_part_names_its_file_and_line(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 10, per_part=3)
    files = files_of(path)
    part = tmp_path / "d.jsonl.000002.gz"
    files[part][1] = files[part][1].replace(b"no edge", b"an edge")
    put_back(files)
    (fault,) = check_chain(path).faults
    assert (fault.file, fault.line, fault.kind) == ("d.jsonl.000002", 2, "edited")


def test_a_removed_part_is_found(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 10, per_part=3)
    (tmp_path / "d.jsonl.000002.gz").unlink()
    (fault,) = check_chain(path).faults
    assert (fault.file, fault.text) == ("d.jsonl.000003", "3 lines before it are gone")
    (tmp_path / "d.jsonl.000001.gz").unlink()
    (fault,) = check_chain(path).faults
    assert fault.text == "6 lines before it are gone"


def test_lines_of_before_the_chain_are_counted_and_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    old = [
        a_decision_record(decision_id=name).model_dump_json(by_alias=True)
        for name in numbered(0, 3)
    ]
    path.write_text("".join(f"{line}\n" for line in old), encoding="utf-8")
    assert (check_chain(path).unchained, check_chain(path).is_sealed) == (3, False)
    log = JsonlLog(path)
    write(log, *numbered(3, 6))
    log.close()
    assert ids(path) == numbered(0, 6)
    report = check_chain(path)
    assert (report.lines, report.unchained, report.last_seq) == (6, 3, 3)
    assert report.is_sound


def test_the_last_line_of_before_the_chain_is_guarded_by_it(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(b'{"old":1}\n{"old":2}\n')
    log = JsonlLog(path)
    write(log, "d-0")
    log.close()
    lines = lines_of(path)
    assert claim_of(lines[2]) == (1, digest_of(b'{"old":2}\n'))
    assert changed(path, [lines[0], b'{"old":3}\n', lines[2]]) == [(2, "edited")]
    assert changed(path, [lines[0], lines[2]]) == [(1, "edited")]
    assert changed(path, [lines[2]]) == [(1, "edited")]
    assert changed(path, lines) == []


def test_a_line_put_before_the_first_is_found(path: Path) -> None:
    assert changed(path, [b"{}\n", *lines_of(path)]) == [(1, "edited")]


def test_a_line_put_in_front_of_what_retention_left_is_found(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 6, per_part=2, kept_parts=1)
    files = files_of(path)
    (tmp_path / "d.jsonl.000001").write_bytes(b"{}\n")
    assert len(files) == 2
    (fault,) = check_chain(path).faults
    assert (fault.file, fault.line, fault.kind) == ("d.jsonl.000001", 1, "foreign")


def test_the_chain_is_found_again_behind_lines_that_are_none(path: Path) -> None:
    seal_path(path).unlink()
    with path.open("ab") as file:
        file.write(b"garbage\n" * (SEARCHED_LINES - 1))
    log = JsonlLog(path)
    write(log, "d-7")
    log.close()
    report = check_chain(path)
    assert report.last_seq == 8
    assert {fault.kind for fault in report.faults} == {"foreign"}


def test_an_end_that_was_edited_while_the_bot_was_off_stays_visible(path: Path) -> None:
    lines = lines_of(path)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1].replace(b"no edge", b"an edge"))
    log = JsonlLog(path)
    write(log, "d-7")
    log.close()
    assert places(path) == [(7, "edited")]


def test_an_end_that_was_cut_while_the_bot_was_off_stays_visible(path: Path) -> None:
    path.write_bytes(b"".join(lines_of(path)[:4]))
    log = JsonlLog(path)
    write(log, "d-7")
    log.close()
    assert places(path) == [(5, "missing")]


def test_a_seal_that_lags_one_line_behind_as_after_a_crash_is_no_fault(path: Path) -> None:
    lagging = seal_path(path).read_bytes()
    log = JsonlLog(path)
    write(log, "d-7")
    log.close()
    seal_path(path).write_bytes(lagging)
    assert places(path) == []
    assert last_link(path).seq == 8
    log = JsonlLog(path)
    write(log, "d-8")
    log.close()
    assert places(path) == []


@pytest.mark.parametrize("content", [b"", b"garbage", b"0" * 55, b"1 2\n3\n"])
def test_a_garbled_seal_is_none_and_is_made_anew(path: Path, content: bytes) -> None:
    seal_path(path).write_bytes(content)
    assert read_seal(path) is None
    assert not check_chain(path).is_sealed
    JsonlLog(path).close()
    assert read_seal(path) == SealContent(newest_link(lines_of(path)), 0)
    assert check_chain(path).is_sound


def test_a_fresh_journal_has_a_seal_of_nothing(tmp_path: Path) -> None:
    JsonlLog(tmp_path / "d.jsonl").close()
    assert read_seal(tmp_path / "d.jsonl") == SealContent(Link(), 0)
    assert check_chain(tmp_path / "d.jsonl").is_sound


def test_what_was_let_go_never_becomes_less(path: Path) -> None:
    log = a_log(path)
    log._seal.let_go(5)
    log._seal.let_go(0)
    log.close()
    log.close()
    seal = read_seal(path)
    assert seal is not None
    assert seal.let_go == 5


def test_a_closed_seal_takes_no_more(path: Path) -> None:
    log = a_log(path)
    log.close()
    before = seal_path(path).read_bytes()
    log._seal.put(Link(99, "0" * 16))
    assert seal_path(path).read_bytes() == before


def test_what_crashes_left_unfinished_is_listed(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"torn')
    assert check_chain(path).is_sound
    JsonlLog(path).close()
    (torn,) = check_chain(path).torn
    assert torn.startswith("d.jsonl.torn-")


def test_a_journal_that_never_was_has_nothing_to_find(tmp_path: Path) -> None:
    report = check_chain(tmp_path / "none.jsonl")
    assert (report.lines, report.faults, report.is_sealed) == (0, (), False)

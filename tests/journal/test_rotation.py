import errno
import gzip
import os
import stat
import threading
from pathlib import Path

import pytest

from journaling import (
    a_journal,
    a_log,
    at_most,
    drain,
    files_of,
    ids,
    numbered,
    put_back,
    unpacked,
    write,
)
from llm_modules.errors import JournalError
from llm_modules.journal import packing, parts
from llm_modules.journal.chain import read_seal, seal_path
from llm_modules.journal.checking import check_chain
from llm_modules.journal.log import JsonlLog, Rotation
from llm_modules.journal.packing import Packer
from llm_modules.journal.parts import packed_path, part_numbers, part_path


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_full_file_becomes_a_packed_part_and_everything_reads_back_in_order(
    tmp_path: Path,
) -> None:
    path = a_journal(tmp_path / "d.jsonl", 10, per_part=3)
    assert names_in(tmp_path) == [
        "d.jsonl",
        "d.jsonl.000001.gz",
        "d.jsonl.000002.gz",
        "d.jsonl.000003.gz",
        "d.jsonl.seal",
    ]
    assert [len(lines) for lines in files_of(path).values()] == [3, 3, 3, 1]
    assert ids(path) == numbered(0, 10)
    assert check_chain(path).is_sound


def test_a_file_rotates_when_the_next_record_would_not_fit_and_not_before(tmp_path: Path) -> None:
    both = a_journal(tmp_path / "both.jsonl", 2).stat().st_size
    for size, rotated in [(both, []), (both - 1, [1])]:
        path = tmp_path / f"{size}.jsonl"
        log = JsonlLog(path, rotation=Rotation(size))
        write(log, "d-0", "d-1")
        log.close()
        assert part_numbers(path) == rotated


def test_a_record_larger_than_a_file_stands_in_one_of_its_own(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", rotation=Rotation(1))
    write(log, *numbered(0, 4))
    log.close()
    assert part_numbers(log.path) == [1, 2, 3]
    assert ids(log.path) == numbered(0, 4)


def test_what_waits_in_memory_goes_into_the_part_it_belongs_to(tmp_path: Path) -> None:
    log = a_log(tmp_path / "d.jsonl", per_part=3, durability="none")
    write(log, *numbered(0, 8))
    drain(log)
    log.close()
    assert [len(lines) for lines in files_of(log.path).values()] == [3, 3, 2]
    assert ids(log.path) == numbered(0, 8)


def test_numbers_and_chain_go_on_after_a_restart(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 6, per_part=3)
    log = a_log(path, per_part=3)
    write(log, *numbered(6, 10))
    drain(log)
    log.close()
    assert part_numbers(path) == [1, 2, 3]
    assert ids(path) == numbered(0, 10)
    assert check_chain(path).last_seq == 10
    assert check_chain(path).is_sound


def test_the_chain_goes_on_from_a_part_when_the_live_file_is_empty(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 3)
    path.rename(part_path(path, 1))
    seal_path(path).unlink()
    log = a_log(path)
    write(log, "d-3")
    drain(log)
    log.close()
    assert ids(path) == numbered(0, 4)
    assert (check_chain(path).last_seq, check_chain(path).faults) == (4, ())


def test_names_that_only_look_like_parts_are_none(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d[1]*.jsonl", 4, per_part=2)
    others = (".1", ".000001.bak", ".00001", ".torn-20260115T120000000000", ".000009.gz-unfinished")
    for ending in others:
        path.with_name(path.name + ending).write_bytes(b"other\n")
    (tmp_path / "d1.jsonl.000007").write_bytes(b"other\n")
    assert part_numbers(path) == [1]
    assert ids(path) == numbered(0, 4)


def test_parts_are_in_the_order_of_their_numbers_also_beyond_six_digits(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 6, per_part=2)
    packed_path(path, 1).rename(packed_path(path, 999_999))
    packed_path(path, 2).rename(packed_path(path, 1_000_000))
    assert part_numbers(path) == [999_999, 1_000_000]
    assert ids(path) == numbered(0, 6)


def test_a_crash_between_the_renaming_and_the_new_file_loses_nothing(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 4)
    path.rename(part_path(path, 1))
    assert ids(path) == numbered(0, 4)
    log = a_log(path)
    write(log, "d-4")
    drain(log)
    log.close()
    assert not part_path(path, 1).exists()
    assert ids(path) == numbered(0, 5)
    assert check_chain(path).is_sound


@pytest.mark.parametrize("written", [0, 5, 60])
def test_a_crash_while_packing_leaves_the_part_and_the_next_opening_packs_it(
    tmp_path: Path, written: int
) -> None:
    path = a_journal(tmp_path / "d.jsonl", 4, per_part=2)
    whole = packed_path(path, 1).read_bytes()
    unpacked(path, 1)
    packed_path(path, 1).unlink()
    (tmp_path / "d.jsonl.000001.gz-unfinished").write_bytes(whole[:written])
    assert ids(path) == numbered(0, 4)
    log = a_log(path)
    drain(log)
    log.close()
    assert names_in(tmp_path) == ["d.jsonl", "d.jsonl.000001.gz", "d.jsonl.seal"]
    assert ids(path) == numbered(0, 4)


def test_a_crash_before_the_part_is_removed_repeats_nothing(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 4, per_part=2)
    unpacked(path, 1)
    assert ids(path) == numbered(0, 4)
    assert check_chain(path).is_sound
    log = a_log(path)
    drain(log)
    log.close()
    assert not part_path(path, 1).exists()
    assert ids(path) == numbered(0, 4)


def test_the_packed_part_is_safe_on_disk_before_the_other_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace, unlink = os.fsync, Path.replace, Path.unlink

    def synced(file: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file")
        sync(file)

    def replaced(self: Path, target: Path) -> Path:
        steps.append("name")
        return replace(self, target)

    def unlinked(self: Path, *, missing_ok: bool = False) -> None:
        steps.append("remove")
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    monkeypatch.setattr(Path, "unlink", unlinked)
    a_journal(tmp_path / "d.jsonl", 4, per_part=2)
    assert steps == ["file", "name", "folder", "remove"]


def test_a_packed_part_can_be_read_by_whoever_could_read_the_journal(tmp_path: Path) -> None:
    log = a_log(tmp_path / "d.jsonl", per_part=2)
    log.path.chmod(0o640)
    write(log, *numbered(0, 3))
    drain(log)
    log.close()
    assert stat.S_IMODE(packed_path(log.path, 1).stat().st_mode) == 0o640


def test_a_disk_too_full_to_pack_leaves_the_parts_readable_until_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "d.jsonl"

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(packing.os, "fsync", full)
        a_journal(path, 5, per_part=2)
    assert "parts are not packed yet" in caplog.text
    assert [part_path(path, number).exists() for number in (1, 2)] == [True, True]
    assert ids(path) == numbered(0, 5)
    log = a_log(path)
    drain(log)
    log.close()
    assert [len(lines) for lines in files_of(path).values()] == [2, 2, 1]


def test_a_packer_that_is_told_to_stop_leaves_the_part_as_it_is(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 4)
    path.rename(part_path(path, 1))
    packer = Packer(path, 0, lambda _seq: None)
    packer.close()
    packer._tidy()
    assert not packer._compress(part_path(path, 1), tmp_path / "unfinished")
    assert not packed_path(path, 1).exists()
    assert ids(path) == numbered(0, 4)


def test_appending_goes_on_while_a_part_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()
    compress = Packer._compress

    def slow(self: Packer, plain: Path, packed: Path) -> bool:
        may_go_on.wait(60)
        return compress(self, plain, packed)

    monkeypatch.setattr(Packer, "_compress", slow)
    log = a_log(tmp_path / "d.jsonl", per_part=2)
    write(log, *numbered(0, 7))
    assert [part_path(log.path, number).exists() for number in (1, 2, 3)] == [True] * 3
    assert ids(log.path) == numbered(0, 7)
    may_go_on.set()
    drain(log)
    log.close()
    assert [len(lines) for lines in files_of(log.path).values()] == [2, 2, 2, 1]


def test_a_file_that_cannot_be_renamed_grows_on_and_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[Path] = []
    log = a_log(tmp_path / "d.jsonl", per_part=2)

    def refused(self: Path, _target: Path) -> Path:
        tried.append(self)
        raise OSError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", refused)
        write(log, *numbered(0, 4))
        assert len(tried) == 1
        write(log, "d-4")
        assert len(tried) == 2
    assert "cannot be rotated" in caplog.text
    write(log, "d-5", "d-6")
    drain(log)
    log.close()
    assert [len(lines) for lines in files_of(log.path).values()] == [6, 1]
    assert ids(log.path) == numbered(0, 7)


def test_another_bot_that_takes_the_place_while_rotating_makes_the_write_fail_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_log(tmp_path / "d.jsonl", per_part=2)
    write(log, "d-0", "d-1")
    others: list[JsonlLog] = []
    rename = Path.rename

    def taken(self: Path, target: Path) -> Path:
        done = rename(self, target)
        others.append(JsonlLog(log.path))
        return done

    with monkeypatch.context() as race:
        race.setattr(Path, "rename", taken)
        for _ in range(2):
            with pytest.raises(JournalError, match="another bot"):
                write(log, "d-2")
    others[0].close()
    write(log, "d-2")
    drain(log)
    log.close()
    assert ids(log.path) == numbered(0, 3)
    assert check_chain(log.path).is_sound


def test_a_disk_that_fills_up_while_rotating_loses_nothing(tmp_path: Path) -> None:
    log = a_log(tmp_path / "d.jsonl", per_part=2)
    write(log, "d-0", "d-1")
    with at_most(100), pytest.raises(JournalError, match="disk full"):
        write(log, "d-2")
    write(log, "d-2")
    drain(log)
    log.close()
    assert ids(log.path) == numbered(0, 3)


def test_only_the_newest_parts_are_kept_and_what_was_let_go_is_no_fault(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 11, per_part=2, kept_parts=2)
    assert part_numbers(path) == [4, 5]
    assert ids(path) == numbered(6, 11)
    report = check_chain(path)
    assert (report.is_sound, report.let_go, report.last_seq) == (True, 6, 11)


def test_as_many_parts_as_are_kept_stay(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 5, per_part=2, kept_parts=2)
    assert part_numbers(path) == [1, 2]
    assert check_chain(path).let_go == 0


def test_without_a_limit_no_part_ever_goes(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 30, per_part=1)
    assert part_numbers(path) == list(range(1, 30))
    assert ids(path) == numbered(0, 30)


def test_a_crash_between_letting_go_and_removing_is_no_fault(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 6, per_part=2)
    told: list[int] = []
    packer = Packer(path, 1, told.append)
    packer._tidy()
    packer.close()
    assert (told, part_numbers(path)) == ([2], [2])
    again = a_journal(tmp_path / "e.jsonl", 6, per_part=2)
    log = a_log(again)
    log._seal.let_go(2)
    log.close()
    assert part_numbers(again) == [1, 2]
    assert check_chain(again).is_sound


def test_a_part_of_before_the_chain_is_let_go_without_a_number(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 4, per_part=2)
    part_path(path, 2).write_bytes(b"{}\n{}\n")
    log = a_log(path, kept_parts=1)
    drain(log)
    log.close()
    seal = read_seal(path)
    assert seal is not None
    assert (part_numbers(path), seal.let_go) == ([2], 2)
    part_path(path, 3).write_bytes(b"{}\n")
    log = a_log(path, kept_parts=1)
    drain(log)
    log.close()
    assert (part_numbers(path), read_seal(path)) == ([3], seal)


def test_a_journal_all_of_which_was_let_go_has_no_fault(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 4)
    log = a_log(path)
    log._seal.let_go(4)
    log.close()
    path.write_bytes(b"")
    assert check_chain(path).is_sound
    log = a_log(path)
    write(log, "d-4")
    log.close()
    assert (check_chain(path).last_seq, check_chain(path).faults) == (5, ())


def test_a_damaged_part_costs_its_rest_and_no_neighbour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = a_journal(tmp_path / "d.jsonl", 5, per_part=2)
    packed = packed_path(path, 1)
    packed.write_bytes(packed.read_bytes()[:-20])
    read = ids(path)
    assert read[-3:] == numbered(2, 5)
    assert "part 1 is damaged, its rest is skipped" in caplog.text
    packed.write_bytes(b"no gzip file")
    assert ids(path) == numbered(2, 5)
    assert check_chain(path).faults[0].kind == "missing"


def test_a_reader_meets_a_rotation_and_neither_loses_nor_repeats_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_log(tmp_path / "d.jsonl", per_part=3)
    write(log, *numbered(0, 3))
    look = parts.part_numbers
    rotations = iter([numbered(3, 4), numbered(4, 7)])

    def looked(path: Path) -> list[int]:
        for name in next(rotations, ()):
            write(log, name)
        return look(path)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(parts, "part_numbers", looked)
        read = ids(log.path)
    assert read == numbered(0, 7)
    log.close()


def test_a_journal_that_appears_while_it_is_looked_for_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.jsonl"
    look = parts.part_numbers
    made: list[Path] = []

    def looked(asked: Path) -> list[int]:
        if not made:
            made.append(asked)
            a_journal(path, 2)
        return look(asked)

    monkeypatch.setattr(parts, "part_numbers", looked)
    assert ids(path) == numbered(0, 2)


def test_a_part_that_retention_takes_while_it_is_about_to_be_read_is_left_out(
    tmp_path: Path,
) -> None:
    path = a_journal(tmp_path / "d.jsonl", 6, per_part=2)
    lines = parts.found_lines(path)
    first = [next(lines), next(lines)]
    packed_path(path, 2).unlink()
    assert [line.number for line in [*first, *lines]] == [1, 2, 1, 2]


def test_what_puts_files_back_keeps_them(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "d.jsonl", 5, per_part=2)
    put_back(files_of(path))
    assert gzip.decompress(packed_path(path, 1).read_bytes()).count(b"\n") == 2
    assert check_chain(path).is_sound

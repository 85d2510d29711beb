import errno
import fcntl
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from builders import a_decision_record, a_trade_record
from journaling import a_log, at_most, drain, ids, numbered, write
from llm_modules.errors import JournalError, JournalLockedError
from llm_modules.journal import log as log_module
from llm_modules.journal.chain import seal_path
from llm_modules.journal.checking import check_chain
from llm_modules.journal.log import WAITING_BYTES, JsonlLog, Rotation
from llm_modules.journal.parts import BLOCK_BYTES, part_numbers
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import TRADE_LINES


def test_records_come_back_in_order(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "new" / "d.jsonl")
    for number in range(5):
        log.append(a_decision_record(decision_id=f"d-{number}"))
    log.close()
    assert ids(log.path) == ["d-0", "d-1", "d-2", "d-3", "d-4"]


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "t.jsonl", durability="fsync")
    record = a_trade_record(exit_reflection='quotes " and \n breaks \u2028 and 中文')
    log.append(record)
    log.close()
    assert read_journal(log.path, TRADE_LINES).records == (record,)
    assert log.path.read_bytes().count(b"\n") == 1


def test_reopening_appends(tmp_path: Path) -> None:
    for number in range(3):
        log = JsonlLog(tmp_path / "d.jsonl")
        log.append(a_decision_record(decision_id=f"d-{number}"))
        log.close()
    assert ids(tmp_path / "d.jsonl") == ["d-0", "d-1", "d-2"]


@pytest.mark.parametrize("torn", [b"{", b'{"schema":1,"ki', b"x" * (BLOCK_BYTES + 7)])
def test_a_torn_last_line_is_set_aside_and_the_next_record_stands_alone(
    tmp_path: Path, torn: bytes
) -> None:
    path = tmp_path / "d.jsonl"
    first = JsonlLog(path)
    first.append(a_decision_record(decision_id="before"))
    first.close()
    with path.open("ab") as file:
        file.write(torn)
    second = JsonlLog(path)
    second.append(a_decision_record(decision_id="after"))
    second.close()
    assert ids(path) == ["before", "after"]
    (aside,) = tmp_path.glob("d.jsonl.torn-*")
    assert aside.read_bytes() == torn


def test_a_cut_at_any_byte_costs_at_most_the_last_record(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    log = JsonlLog(path)
    for number in range(2):
        log.append(a_decision_record(decision_id=f"d-{number}"))
    log.close()
    whole = path.read_bytes()
    last = whole.index(b"\n") + 1
    for cut in range(last, len(whole)):
        path.write_bytes(whole[:cut])
        again = JsonlLog(path)
        again.append(a_decision_record(decision_id="new"))
        again.close()
        assert ids(path) == ["d-0", "new"]


def test_a_file_that_is_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"no newline at all")
    JsonlLog(path).close()
    assert path.read_bytes() == b""


def test_a_second_writer_is_refused_with_what_to_do(tmp_path: Path) -> None:
    first = JsonlLog(tmp_path / "d.jsonl")
    with pytest.raises(JournalLockedError, match="another bot; stop it"):
        JsonlLog(tmp_path / "d.jsonl")
    first.close()
    JsonlLog(tmp_path / "d.jsonl").close()


def test_each_record_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    written: list[bytes] = []
    really_write = os.write

    def watched(file: int, block: bytes) -> int:
        written.append(block)
        return really_write(file, block)

    monkeypatch.setattr(os, "write", watched)
    write(log, *numbered(0, 3))
    log.close()
    assert written == log.path.read_bytes().splitlines(keepends=True)


def test_a_file_that_is_rotated_away_while_a_second_bot_opens_it_does_not_let_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = a_log(tmp_path / "d.jsonl", per_part=1)
    write(first, "d-0")
    really_lock = fcntl.flock

    def rotated_meanwhile(file: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", really_lock)
        write(first, "d-1")
        drain(first)
        fcntl.flock(file, how)

    monkeypatch.setattr(fcntl, "flock", rotated_meanwhile)
    with pytest.raises(JournalLockedError, match="another bot"):
        JsonlLog(first.path)
    write(first, "d-2")
    drain(first)
    first.close()
    assert ids(first.path) == numbered(0, 3)


def test_a_file_system_without_locks_is_told_apart_from_another_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", fails_with(errno.ENOLCK))
    with pytest.raises(JournalError, match=r"cannot lock .*No locks available"):
        JsonlLog(tmp_path / "d.jsonl")


def test_opening_in_vain_holds_no_file_open(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(JournalLockedError):
            JsonlLog(log.path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    log.close()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(JournalError, match="cannot open"):
        JsonlLog(tmp_path / "file" / "d.jsonl")


def test_a_deleted_file_is_made_anew(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    log.append(a_decision_record(decision_id="lost with the file"))
    log.path.unlink()
    log.append(a_decision_record(decision_id="kept"))
    log.close()
    assert ids(log.path) == ["kept"]


def test_a_replaced_file_is_followed_and_the_old_one_left_alone(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    log.path.rename(tmp_path / "rotated.jsonl")
    log.path.write_bytes(b"")
    log.append(a_decision_record(decision_id="new file"))
    log.close()
    assert ids(log.path) == ["new file"]
    assert (tmp_path / "rotated.jsonl").read_bytes() == b""


def test_a_folder_that_vanished_is_made_anew(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "logs" / "d.jsonl")
    shutil.rmtree(log.path.parent)
    log.append(a_decision_record())
    log.close()
    assert ids(log.path) == ["d-1"]
    report = check_chain(tmp_path / "logs" / "d.jsonl")
    assert (report.is_sealed, report.last_seq) == (True, 1)


def test_a_folder_that_became_a_file_is_a_failed_write(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "logs" / "d.jsonl")
    shutil.rmtree(log.path.parent)
    (tmp_path / "logs").write_text("a file where the folder was", encoding="utf-8")
    with pytest.raises(JournalError, match="Not a directory"):
        log.append(a_decision_record())
    log.close()


@pytest.mark.parametrize(
    ("bytes_left", "said"), [(40, "only 40 bytes fit, disk full"), (0, "File too large")]
)
def test_a_full_disk_leaves_nothing_of_the_record(
    tmp_path: Path, bytes_left: int, said: str
) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    log.append(a_decision_record(decision_id="fits"))
    size = log.path.stat().st_size
    with at_most(size + bytes_left), pytest.raises(JournalError, match=said):
        log.append(a_decision_record(decision_id="does not fit"))
    log.append(a_decision_record(decision_id="fits again"))
    log.close()
    assert ids(log.path) == ["fits", "fits again"]
    assert not list(tmp_path.glob("*.torn-*"))


def test_threads_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")

    def write(name: str) -> None:
        for number in range(200):
            log.append(a_decision_record(decision_id=f"{name}-{number}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    read = ids(log.path)
    assert len(read) == 800
    assert [name for name in read if name.startswith("a-")] == [f"a-{n}" for n in range(200)]


def test_a_file_that_another_bot_took_meanwhile_is_a_failed_write(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    log.path.rename(tmp_path / "moved.jsonl")
    other = JsonlLog(log.path)
    with pytest.raises(JournalError, match="another bot"):
        log.append(a_decision_record())
    other.close()
    log.append(a_decision_record())
    log.close()


def test_a_journal_that_cannot_be_repaired_is_reported_and_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"torn")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", full)
        with pytest.raises(JournalError, match="cannot repair"):
            JsonlLog(path)
    JsonlLog(path).close()


def test_a_record_that_is_no_unicode_is_a_failed_write(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    record = a_decision_record().model_copy(update={"model": "half \ud83d"})
    with pytest.raises(JournalError, match="as JSON"):
        log.append(record)
    log.close()
    assert log.path.read_bytes() == b""


def test_a_closed_journal_takes_no_records_and_can_be_closed_again(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    log.close()
    log.close()
    with pytest.raises(JournalError, match="is closed"):
        log.append(a_decision_record())


def test_journals_are_not_executable(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    log.close()
    assert stat.S_IMODE(log.path.stat().st_mode) & 0o111 == 0


def fails_with(code: int) -> object:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_flush_and_none_never_wait_for_the_disk_and_fsync_does_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for durability in ("none", "flush"):
        log = JsonlLog(tmp_path / f"{durability}.jsonl", durability=durability)
        write(log, *numbered(0, 3))
        log.close()
    assert synced == []
    log = JsonlLog(tmp_path / "fsync.jsonl", durability="fsync")
    write(log, "d-0")
    # The folder too: the name of a new file can be lost as its content can.
    assert len(synced) == 2
    write(log, "d-1", "d-2")
    assert len(synced) == 4
    log.close()


def test_without_durability_records_wait_until_a_block_is_full(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", durability="none")
    write(log, "d-0")
    assert log.path.read_bytes() == b""
    line = len(log._waiting)
    before_full = (WAITING_BYTES - 1) // line
    names = numbered(1, 1 + 2 * before_full)
    for name in names:
        write(log, name)
        if log.path.stat().st_size:
            break
    assert log.path.stat().st_size >= WAITING_BYTES
    log.close()
    assert ids(log.path) == ["d-0", *names[: names.index(name) + 1]]
    assert check_chain(log.path).is_sound


def test_what_waits_while_the_file_is_deleted_goes_into_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "WAITING_BYTES", 1000)
    log = JsonlLog(tmp_path / "d.jsonl", durability="none")
    write(log, "waits")
    log.path.unlink()
    write(log, "fills the block")
    log.close()
    assert ids(log.path) == ["waits", "fills the block"]


def test_what_waits_does_not_make_a_file_larger_than_it_may_be(tmp_path: Path) -> None:
    rotation = Rotation(max_bytes=5_000)
    log = JsonlLog(tmp_path / "d.jsonl", durability="none", rotation=rotation)
    write(log, *numbered(0, 20))
    log.close()
    assert ids(log.path) == numbered(0, 20)
    assert log.path.stat().st_size <= rotation.max_bytes
    assert len(part_numbers(log.path)) > 1
    assert check_chain(log.path).is_sound


def test_what_waits_is_written_at_the_end(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", durability="none")
    write(log, *numbered(0, 5))
    log.close()
    assert ids(log.path) == numbered(0, 5)


def test_what_waits_when_the_disk_is_full_stays_and_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "WAITING_BYTES", 1000)
    log = JsonlLog(tmp_path / "d.jsonl", durability="none")
    write(log, "waits")
    with at_most(100), pytest.raises(JournalError, match="disk full"):
        write(log, "refused")
    write(log, "after")
    log.close()
    assert ids(log.path) == ["waits", "after"]
    assert check_chain(log.path).is_sound


def test_what_cannot_be_written_at_the_end_is_told_and_the_file_released(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", durability="none")
    write(log, "waits")
    with at_most(100):
        log.close()
    assert "the last records could not be written" in caplog.text
    JsonlLog(log.path).close()
    assert log.path.read_bytes() == b""


def test_a_record_that_did_not_reach_the_disk_is_taken_back_and_not_there_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", durability="fsync")
    write(log, "d-0")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails_with(errno.EIO))
        with pytest.raises(JournalError, match="Input/output error"):
            write(log, "d-1")
        assert ids(log.path) == ["d-0"]
    write(log, "d-1")
    log.close()
    assert ids(log.path) == ["d-0", "d-1"]
    assert check_chain(log.path).is_sound


def test_a_leftover_that_could_not_be_taken_back_is_so_before_the_next_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", durability="fsync")
    write(log, "d-0")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails_with(errno.EIO))
        broken.setattr(os, "ftruncate", fails_with(errno.EIO))
        for _ in range(2):
            with pytest.raises(JournalError, match="Input/output error"):
                write(log, "d-1")
    assert ids(log.path) == ["d-0", "d-1"]
    write(log, "d-1", "d-2")
    log.close()
    assert ids(log.path) == numbered(0, 3)
    assert not list(tmp_path.glob("*.torn-*"))


def test_what_others_tear_while_we_write_is_set_aside_and_never_glued_to(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    write(log, "d-0")
    with log.path.open("ab") as other:
        other.write(b"half a li")
    write(log, "d-1")
    log.close()
    assert ids(log.path) == ["d-0", "d-1"]
    (aside,) = tmp_path.glob("*.torn-*")
    assert aside.read_bytes() == b"half a li"


def test_a_file_that_was_emptied_in_place_goes_on_and_the_gap_is_seen(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    write(log, *numbered(0, 3))
    os.truncate(log.path, 0)
    write(log, "d-3")
    log.close()
    assert ids(log.path) == ["d-3"]
    (fault,) = check_chain(log.path).faults
    assert (fault.line, fault.kind, fault.text) == (1, "missing", "3 lines before it are gone")


def test_a_leftover_in_a_file_that_was_emptied_meanwhile_is_not_filled_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", durability="fsync")
    write(log, "d-0")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails_with(errno.EIO))
        broken.setattr(os, "ftruncate", fails_with(errno.EIO))
        with pytest.raises(JournalError):
            write(log, "d-1")
    os.truncate(log.path, 0)
    write(log, "d-1")
    log.close()
    assert ids(log.path) == ["d-1"]
    assert b"\0" not in log.path.read_bytes()


def test_a_deleted_file_in_a_folder_that_is_read_only_is_a_failed_write_until_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    write(log, "gone with the file")
    log.path.unlink()
    with monkeypatch.context() as read_only:
        read_only.setattr(os, "open", fails_with(errno.EROFS))
        for _ in range(2):
            with pytest.raises(JournalError, match="Read-only file system"):
                write(log, "refused")
    write(log, "kept")
    log.close()
    assert ids(log.path) == ["kept"]
    assert caplog.text.count("was deleted or replaced") == 1
    assert [fault.kind for fault in check_chain(log.path).faults] == ["missing"]


def test_a_journal_whose_folder_is_read_only_from_the_start_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "open", fails_with(errno.EACCES))
    with pytest.raises(JournalError, match="Permission denied"):
        JsonlLog(tmp_path / "d.jsonl")


def test_a_journal_whose_end_cannot_be_read_is_reported_and_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(log_module, "last_link", fails_with(errno.EIO))
        with pytest.raises(JournalError, match="cannot read"):
            JsonlLog(tmp_path / "d.jsonl")
    JsonlLog(tmp_path / "d.jsonl").close()


def test_without_a_seal_records_are_written_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "d.jsonl"
    seal_path(path).mkdir()
    log = JsonlLog(path)
    write(log, "d-0", "d-1")
    log.close()
    assert ids(path) == ["d-0", "d-1"]
    assert "no seal" in caplog.text
    report = check_chain(path)
    assert (report.is_sound, report.is_sealed) == (True, False)


def test_a_seal_that_cannot_be_written_does_not_make_a_written_record_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", fails_with(errno.ENOSPC))
        write(log, "d-0")
    log.close()
    assert "d.jsonl.seal was not written: [Errno 28]" in caplog.text
    # It lags behind, as after a crash, which is no fault.
    assert check_chain(log.path).is_sound


def test_a_deleted_seal_comes_back_with_the_next_opening(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    write(log, "d-0")
    log.close()
    seal_path(log.path).unlink()
    assert not check_chain(log.path).is_sealed
    JsonlLog(log.path).close()
    report = check_chain(log.path)
    assert (report.is_sealed, report.is_sound, report.last_seq) == (True, True, 1)


def test_a_second_writer_leaves_the_seal_of_the_first_alone(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl")
    write(log, "d-0")
    before = seal_path(log.path).read_bytes()
    with pytest.raises(JournalLockedError):
        JsonlLog(log.path)
    assert seal_path(log.path).read_bytes() == before
    log.close()

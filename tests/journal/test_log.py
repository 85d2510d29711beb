import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builders import a_decision_record, a_trade_record
from llm_modules.errors import JournalError, JournalLockedError
from llm_modules.journal.log import BLOCK_BYTES, JsonlLog
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES, TRADE_LINES


def ids(path: Path) -> list[str]:
    return [record.decision_id for record in read_journal(path, DECISION_LINES).records]


def test_records_come_back_in_order(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "new" / "d.jsonl", fsync=False)
    for number in range(5):
        log.append(a_decision_record(decision_id=f"d-{number}"))
    log.close()
    assert ids(log.path) == ["d-0", "d-1", "d-2", "d-3", "d-4"]


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "t.jsonl", fsync=True)
    record = a_trade_record(exit_reflection='quotes " and \n breaks \u2028 and 中文')
    log.append(record)
    log.close()
    assert read_journal(log.path, TRADE_LINES).records == (record,)
    assert log.path.read_bytes().count(b"\n") == 1


def test_reopening_appends(tmp_path: Path) -> None:
    for number in range(3):
        log = JsonlLog(tmp_path / "d.jsonl", fsync=False)
        log.append(a_decision_record(decision_id=f"d-{number}"))
        log.close()
    assert ids(tmp_path / "d.jsonl") == ["d-0", "d-1", "d-2"]


@pytest.mark.parametrize("torn", [b"{", b'{"schema":1,"ki', b"x" * (BLOCK_BYTES + 7)])
def test_a_torn_last_line_is_set_aside_and_the_next_record_stands_alone(
    tmp_path: Path, torn: bytes
) -> None:
    path = tmp_path / "d.jsonl"
    first = JsonlLog(path, fsync=False)
    first.append(a_decision_record(decision_id="before"))
    first.close()
    with path.open("ab") as file:
        file.write(torn)
    second = JsonlLog(path, fsync=False)
    second.append(a_decision_record(decision_id="after"))
    second.close()
    assert ids(path) == ["before", "after"]
    (aside,) = tmp_path.glob("d.jsonl.torn-*")
    assert aside.read_bytes() == torn


def test_a_cut_at_any_byte_costs_at_most_the_last_record(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    log = JsonlLog(path, fsync=False)
    for number in range(2):
        log.append(a_decision_record(decision_id=f"d-{number}"))
    log.close()
    whole = path.read_bytes()
    last = whole.index(b"\n") + 1
    for cut in range(last, len(whole)):
        path.write_bytes(whole[:cut])
        again = JsonlLog(path, fsync=False)
        again.append(a_decision_record(decision_id="new"))
        again.close()
        assert ids(path) == ["d-0", "new"]


def test_a_file_that_is_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"no newline at all")
    JsonlLog(path, fsync=False).close()
    assert path.read_bytes() == b""


def test_a_second_writer_is_refused_with_what_to_do(tmp_path: Path) -> None:
    first = JsonlLog(tmp_path / "d.jsonl", fsync=False)
    with pytest.raises(JournalLockedError, match="another bot; stop it"):
        JsonlLog(tmp_path / "d.jsonl", fsync=False)
    first.close()
    JsonlLog(tmp_path / "d.jsonl", fsync=False).close()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(JournalError, match="cannot open"):
        JsonlLog(tmp_path / "file" / "d.jsonl", fsync=False)


def test_a_deleted_file_is_made_anew(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", fsync=False)
    log.append(a_decision_record(decision_id="lost with the file"))
    log.path.unlink()
    log.append(a_decision_record(decision_id="kept"))
    log.close()
    assert ids(log.path) == ["kept"]


def test_a_replaced_file_is_followed_and_the_old_one_left_alone(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", fsync=False)
    log.path.rename(tmp_path / "rotated.jsonl")
    log.path.write_bytes(b"")
    log.append(a_decision_record(decision_id="new file"))
    log.close()
    assert ids(log.path) == ["new file"]
    assert (tmp_path / "rotated.jsonl").read_bytes() == b""


def test_a_folder_that_vanished_is_made_anew(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "logs" / "d.jsonl", fsync=False)
    log.path.unlink()
    log.path.parent.rmdir()
    log.append(a_decision_record())
    log.close()
    assert ids(log.path) == ["d-1"]


def test_a_path_that_cannot_be_seen_is_reported(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "logs" / "d.jsonl", fsync=False)
    log.path.unlink()
    log.path.parent.rmdir()
    (tmp_path / "logs").write_text("a file where the folder was", encoding="utf-8")
    with pytest.raises(JournalError, match="cannot see"):
        log.append(a_decision_record())
    log.close()


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """A file size limit makes `write` return short or fail, as a disk that fills up does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("bytes_left", "said"), [(40, "only 40 bytes fit, disk full"), (0, "File too large")]
)
def test_a_full_disk_leaves_nothing_of_the_record(
    tmp_path: Path, bytes_left: int, said: str
) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", fsync=False)
    log.append(a_decision_record(decision_id="fits"))
    size = log.path.stat().st_size
    with at_most(size + bytes_left), pytest.raises(JournalError, match=said):
        log.append(a_decision_record(decision_id="does not fit"))
    log.append(a_decision_record(decision_id="fits again"))
    log.close()
    assert ids(log.path) == ["fits", "fits again"]
    assert not list(tmp_path.glob("*.torn-*"))


def test_a_killed_writer_loses_no_acknowledged_record(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from builders import a_decision_record
from llm_modules.journal.log import JsonlLog
log = JsonlLog(Path(sys.argv[1]), fsync=False)
for number in range(10**9):
    log.append(a_decision_record(decision_id=f"d-{number}"))
    print(number, flush=True)
"""
    path = tmp_path / "d.jsonl"
    writer = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline() for _ in range(300)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += writer.stdout.readlines()
    writer.wait()
    count = sum(line.endswith("\n") for line in acknowledged)
    JsonlLog(path, fsync=False).close()
    read = ids(path)
    assert read[:count] == [f"d-{number}" for number in range(count)]
    assert len(read) - count <= 1


def test_threads_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", fsync=False)

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
    log = JsonlLog(tmp_path / "d.jsonl", fsync=False)
    log.path.rename(tmp_path / "moved.jsonl")
    other = JsonlLog(log.path, fsync=False)
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
            JsonlLog(path, fsync=False)
    JsonlLog(path, fsync=False).close()


def test_a_record_that_is_no_unicode_is_a_failed_write(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", fsync=False)
    record = a_decision_record().model_copy(update={"model": "half \ud83d"})
    with pytest.raises(JournalError, match="as JSON"):
        log.append(record)
    log.close()
    assert log.path.read_bytes() == b""


def test_a_closed_journal_takes_no_records_and_can_be_closed_again(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", fsync=False)
    log.close()
    log.close()
    with pytest.raises(JournalError, match="is closed"):
        log.append(a_decision_record())


def test_journals_are_not_executable(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "d.jsonl", fsync=False)
    log.close()
    assert stat.S_IMODE(log.path.stat().st_mode) & 0o111 == 0

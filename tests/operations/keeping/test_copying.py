import gzip
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from journaling import a_journal, a_log, drain, ids, numbered, unpacked, write
from llm_modules.errors import JournalError, UserError
from llm_modules.journal.checking import check_chain
from llm_modules.journal.parts import packed_path, part_path
from llm_modules.operations.keeping import copying
from llm_modules.operations.keeping.copying import copy_database, copy_file, copy_journal


def silent(_size_bytes: int) -> None:
    """Nobody waits."""


@pytest.fixture
def there(tmp_path: Path) -> Path:
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies"


def test_a_journal_is_copied_with_its_parts_and_its_chain(there: Path, copies: Path) -> None:
    path = a_journal(there / "d.jsonl", 10, per_part=3)
    unpacked(path, 2)
    told: list[int] = []
    copied = copy_journal(path, copies, told.append)
    assert {one.name for one in copied} == {one.name for one in copies.iterdir()}
    assert ids(copies / "d.jsonl") == numbered(0, 10)
    report = check_chain(copies / "d.jsonl")
    assert (report.is_sound, report.is_sealed) == (True, True)
    assert sum(told) == sum(one.stat().st_size for one in copied)


def test_half_a_line_is_left_out_and_torn_ones_are_kept(there: Path, copies: Path) -> None:
    path = a_journal(there / "d.jsonl", 3)
    (there / "d.jsonl.torn-20260115").write_text("half", encoding="utf-8")
    with path.open("ab") as file:
        file.write(b'{"half":')
    copy_journal(path, copies, silent)
    assert ids(copies / "d.jsonl") == numbered(0, 3)
    assert (copies / "d.jsonl").read_bytes().endswith(b"\n")
    assert (copies / "d.jsonl.torn-20260115").read_text(encoding="utf-8") == "half"


def test_a_journal_of_one_half_line_is_copied_empty(there: Path, copies: Path) -> None:
    (there / "d.jsonl").write_bytes(b"x" * (copying.CHUNK_BYTES + 5))
    copy_journal(there / "d.jsonl", copies, silent)
    assert (copies / "d.jsonl").read_bytes() == b""


def test_parts_without_a_live_file_are_copied_too(there: Path, copies: Path) -> None:
    path = a_journal(there / "d.jsonl", 4, per_part=2)
    path.unlink()
    copy_journal(path, copies, silent)
    assert ids(copies / "d.jsonl") == numbered(0, 2)


def test_no_journal_is_nothing_to_copy(there: Path, copies: Path) -> None:
    assert copy_journal(there / "d.jsonl", copies, silent) == []


def test_a_journal_that_rotates_meanwhile_is_copied_again_and_whole(
    there: Path, copies: Path
) -> None:
    log = a_log(there / "d.jsonl", per_part=3)
    write(log, *numbered(0, 4))
    drain(log)
    turns = iter([numbered(4, 8), numbered(8, 12)])

    def meanwhile(_size_bytes: int) -> None:
        # The first file copied is the seal: what is written now is ahead of it.
        write(log, *next(turns, []))

    copy_journal(there / "d.jsonl", copies, meanwhile)
    log.close()
    copied = ids(copies / "d.jsonl")
    assert copied == numbered(0, len(copied))
    assert len(copied) >= 4
    assert check_chain(copies / "d.jsonl").is_sound


def test_copies_made_while_a_bot_writes_are_sound_every_time(there: Path, copies: Path) -> None:
    log = a_log(there / "d.jsonl", per_part=5)
    ends = threading.Event()

    def keep_writing() -> None:
        number = 0
        while not ends.is_set():
            write(log, f"d-{number}")
            number += 1

    writer = threading.Thread(target=keep_writing)
    writer.start()
    for number in range(10):
        folder = copies / str(number)
        folder.mkdir()
        # So many parts in so short a time that it may be told to try again: also an answer.
        with suppress(UserError):
            copy_journal(there / "d.jsonl", folder, silent)
            assert check_chain(folder / "d.jsonl").is_sound
    ends.set()
    writer.join()
    log.close()


def test_a_part_that_is_packed_meanwhile_is_copied_packed(there: Path, copies: Path) -> None:
    path = a_journal(there / "d.jsonl", 4, per_part=3)
    plain = unpacked(path, 1)
    plain.rename(there / "elsewhere")
    copied = copy_journal(path, copies, silent)
    assert packed_path(copies / "d.jsonl", 1) in copied
    packed = packed_path(copies / "d.jsonl", 1).read_bytes()
    assert gzip.decompress(packed) == (there / "elsewhere").read_bytes()
    assert not part_path(copies / "d.jsonl", 1).exists()


def test_what_rotates_for_ever_is_given_up(
    there: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_journal(there / "d.jsonl", 4, per_part=3)
    monkeypatch.setattr(copying, "part_numbers", lambda _: [7])
    with pytest.raises(UserError, match="rotated again and again"):
        copy_journal(path, copies, silent)
    assert list(copies.iterdir()) == []


def test_a_file_that_is_no_longer_at_its_name_is_taken_again(
    there: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_journal(there / "d.jsonl", 2)
    answers = iter([False, True])
    monkeypatch.setattr(copying, "is_at", lambda _path, _file: next(answers))
    copy_journal(path, copies, silent)
    assert ids(copies / "d.jsonl") == numbered(0, 2)


def a_database(path: Path, mode: str, rows: int) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"PRAGMA journal_mode = {mode}")
    database.execute("CREATE TABLE t (a TEXT)")
    database.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * rows)
    return database


def rows_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (count,) = database.execute("SELECT count(*) FROM t").fetchone()
    return int(count)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_database_in_use_is_copied_as_of_one_moment(
    there: Path, copies: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PAGES_AT_ONCE", 3)
    writer = a_database(there / "t.sqlite", mode, 50)
    writer.execute("PRAGMA busy_timeout = 0")
    told: list[int] = []

    def meanwhile(size_bytes: int) -> None:
        told.append(size_bytes)
        # Without a log of its own the database makes its writer wait until the copy is made.
        with suppress(sqlite3.OperationalError):
            writer.execute("INSERT INTO t VALUES ('new')")

    assert copy_database(there / "t.sqlite", copies, meanwhile) == ([copies / "t.sqlite"], None)
    assert len(told) > 1
    assert sum(told) == (copies / "t.sqlite").stat().st_size
    assert [one.name for one in copies.iterdir()] == ["t.sqlite"]
    assert rows_of(copies / "t.sqlite") == 50
    writer.close()


def test_what_stands_only_in_the_log_is_copied_too(there: Path, copies: Path) -> None:
    writer = a_database(there / "t.sqlite", "wal", 5)
    assert (there / "t.sqlite-wal").stat().st_size > 0
    copy_database(there / "t.sqlite", copies, silent)
    assert rows_of(copies / "t.sqlite") == 5
    writer.close()


def test_a_database_at_rest_is_read_without_a_trace(there: Path, copies: Path) -> None:
    a_database(there / "t.sqlite", "wal", 5).close()
    copy_database(there / "t.sqlite", copies, silent)
    assert [one.name for one in there.iterdir()] == ["t.sqlite"]


def test_a_database_that_is_opened_while_it_is_copied_is_copied_again(
    there: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_database(there / "t.sqlite", "wal", 400).close()
    monkeypatch.setattr(copying, "PAGES_AT_ONCE", 10)
    opened: list[sqlite3.Connection] = []

    told: list[int] = []

    def meanwhile(size_bytes: int) -> None:
        told.append(size_bytes)
        if len(told) == 3:
            opened.append(sqlite3.connect(there / "t.sqlite", isolation_level=None))
            # On a page that is copied already, written straight into the file.
            opened[0].execute("UPDATE t SET a = 'new' WHERE rowid = 1")
            opened[0].execute("PRAGMA wal_checkpoint(TRUNCATE)")

    assert copy_database(there / "t.sqlite", copies, meanwhile) == ([copies / "t.sqlite"], None)
    with closing(sqlite3.connect(copies / "t.sqlite")) as copy:
        assert copy.execute("SELECT a FROM t WHERE rowid = 1").fetchone() == ("new",)
    assert rows_of(copies / "t.sqlite") == 400
    opened[0].close()


def test_what_is_no_database_is_copied_as_it_stands_and_told(there: Path, copies: Path) -> None:
    (there / "t.sqlite").write_text("not a database, but somebody's", encoding="utf-8")
    (there / "t.sqlite-wal").write_text("its log", encoding="utf-8")
    copied, remark = copy_database(there / "t.sqlite", copies, silent)
    assert [one.name for one in copied] == ["t.sqlite", "t.sqlite-wal"]
    assert [one.read_bytes() for one in copied] == [
        (there / name).read_bytes() for name in ("t.sqlite", "t.sqlite-wal")
    ]
    assert remark is not None
    assert "t.sqlite: file is not a database" in remark


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(copying, "WAIT_SECONDS", 0.05)
    return


@pytest.mark.usefixtures("_impatient")
def test_a_database_that_is_locked_is_not_copied_in_pieces(there: Path, copies: Path) -> None:
    writer = a_database(there / "t.sqlite", "delete", 5)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError, match=r"t\.sqlite could not be copied: database is locked"):
        copy_database(there / "t.sqlite", copies, silent)
    writer.close()


def test_a_copy_is_readable_for_whom_the_original_is(there: Path, copies: Path) -> None:
    for name, mode in (("a", 0o600), ("b", 0o644)):
        (there / name).write_text("x", encoding="utf-8")
        (there / name).chmod(mode)
        copy_file(there / name, copies / name, silent)
        assert (copies / name).stat().st_mode & 0o777 == mode

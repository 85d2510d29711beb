import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from llm_modules.errors import JournalError
from llm_modules.llm.sqlite_file import Form, SqliteFile

FORM = Form("list", 3, ("CREATE TABLE words (word TEXT PRIMARY KEY)",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "words.sqlite"


def put(file: SqliteFile, word: str) -> None:
    file.write(lambda db: db.execute("INSERT INTO words VALUES (?)", (word,)))


def words(file: SqliteFile) -> list[str]:
    query = "SELECT word FROM words ORDER BY rowid"
    return file.read(lambda db: [word for (word,) in db.execute(query)], [])


def test_what_was_written_is_read_by_others_while_it_is_open(path: Path) -> None:
    file = SqliteFile(path, FORM)
    put(file, "one")
    assert words(SqliteFile(path, FORM)) == words(file) == ["one"]
    put(file, "two")
    assert words(file) == ["one", "two"]


def test_reading_makes_no_file(path: Path) -> None:
    assert words(SqliteFile(path, FORM)) == []
    assert not path.parent.exists()


def test_a_file_that_is_only_begun_holds_nothing_and_is_finished_by_the_first_write(
    path: Path,
) -> None:
    path.parent.mkdir()
    path.touch()
    file = SqliteFile(path, FORM)
    assert words(file) == []
    put(file, "one")
    assert words(file) == ["one"]


def test_who_has_read_can_write_and_who_has_written_can_read_on_after_closing(path: Path) -> None:
    put(SqliteFile(path, FORM), "one")
    file = SqliteFile(path, FORM)
    assert words(file) == ["one"]
    put(file, "two")
    file.close()
    file.close()
    assert words(file) == ["one", "two"]


def test_a_write_that_fails_leaves_nothing_and_the_next_one_works(path: Path) -> None:
    file = SqliteFile(path, FORM)
    put(file, "one")

    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO words VALUES ('two')")
        raise ValueError("a surrogate")

    with pytest.raises(JournalError, match="is damaged"):
        file.write(half)
    assert words(file) == ["one"]
    put(file, "three")
    assert words(file) == ["one", "three"]


def test_it_is_written_ahead_and_does_not_wait_for_the_disk(path: Path) -> None:
    file = SqliteFile(path, FORM)
    put(file, "one")
    assert file.read(lambda db: db.execute("PRAGMA journal_mode").fetchone(), None) == ("wal",)
    assert file.read(lambda db: db.execute("PRAGMA synchronous").fetchone(), None) == (1,)


def test_a_file_that_was_removed_begins_anew_and_is_told_by_its_generation(path: Path) -> None:
    file = SqliteFile(path, FORM)
    assert file.generation == 0
    put(file, "one")
    assert file.generation == 1
    put(file, "two")
    file.close()
    assert words(file) == ["one", "two"]
    assert file.generation == 1
    kept = path.rename(path.with_name("moved"))
    assert words(file) == []
    put(file, "three")
    assert words(file) == ["three"]
    assert file.generation == 2
    assert kept.exists()


def test_nothing_is_written_into_a_file_that_was_moved_away(path: Path) -> None:
    file = SqliteFile(path, FORM)
    put(file, "one")
    path.rename(path.with_name("moved"))
    put(file, "two")
    assert words(SqliteFile(path, FORM)) == ["two"]


def test_a_file_of_another_version_or_of_somebody_else_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    file, before = SqliteFile(path, FORM), path.read_bytes()
    for act in (put, lambda file, _: words(file)):
        with pytest.raises(JournalError, match="is no list of ours: move it away"):
            act(file, "one")
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 9")
    with pytest.raises(JournalError, match="a list of version 9, known is 3"):
        put(file, "one")
    assert len(path.read_bytes()) == len(before)


def test_what_is_no_database_is_called_damaged(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all " * 100)
    with pytest.raises(JournalError, match=r"words.sqlite is damaged .*: move it away"):
        words(SqliteFile(path, FORM))


def test_a_folder_in_its_place_cannot_be_used(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(JournalError, match="cannot be used"):
        words(SqliteFile(path, FORM))


def test_a_folder_that_cannot_be_made_is_told(path: Path) -> None:
    path.parent.write_text("in the way")
    with pytest.raises(JournalError, match="cannot be used"):
        put(SqliteFile(path, FORM), "one")


def test_who_waited_once_for_a_locked_file_does_not_wait_again_until_it_works(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_modules.llm.sqlite_file.PATIENCE_SECONDS", 0.05)
    file = SqliteFile(path, FORM)
    put(file, "one")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked"):
            put(file, "two")
        assert words(file) == ["one"]
        with pytest.raises(JournalError, match="locked"):
            put(file, "two")
        assert file._patience_seconds == 0
    put(file, "two")
    assert file._patience_seconds == 0.05


@pytest.mark.parametrize("heals", [put, lambda file, _: words(file)])
def test_what_works_again_waits_for_others_as_it_did_before(
    path: Path, monkeypatch: pytest.MonkeyPatch, heals: Callable[[SqliteFile, str], object]
) -> None:
    file = SqliteFile(path, FORM)
    put(file, "one")
    monkeypatch.setattr(file, "_patience_seconds", 0.0)
    file.close()
    heals(file, "two")
    waits = file.read(lambda db: db.execute("PRAGMA busy_timeout").fetchone(), None)
    assert waits == (1000,)


def test_a_file_that_is_not_there_any_more_is_worth_waiting_for_again(path: Path) -> None:
    file = SqliteFile(path, FORM)
    path.mkdir(parents=True)
    with pytest.raises(JournalError):
        words(file)
    path.rmdir()
    assert words(file) == []
    assert file._patience_seconds == 1.0


def test_a_file_on_a_disk_that_is_read_only_is_read(path: Path) -> None:
    file = SqliteFile(path, FORM)
    put(file, "one")
    file.close()
    # As there, SQLite cannot make the files that it wants beside it.
    path.with_name(f"{path.name}-wal").mkdir()
    assert words(SqliteFile(path, FORM)) == ["one"]
    with pytest.raises(JournalError, match="cannot be used"):
        put(file, "two")


def test_threads_write_one_after_the_other(path: Path) -> None:
    file = SqliteFile(path, FORM)

    def some(start: int) -> None:
        for number in range(start, start + 25):
            put(file, str(number))

    threads = [threading.Thread(target=some, args=(100 * one,)) for one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(words(file)) == 100


def test_a_process_that_is_killed_has_lost_nothing_it_wrote(path: Path) -> None:
    child = os.fork()
    if not child:
        put(SqliteFile(path, FORM), "one")
        os.kill(os.getpid(), 9)
    assert os.waitpid(child, 0)[1] == 9
    assert words(SqliteFile(path, FORM)) == ["one"]

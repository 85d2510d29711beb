"""The tape: every request and its raw answer, stored once and never changed.

    texts      hash -> compressed JSON: a message, a tool, an answer, or a request naming the others
    attempts   id, hash of the request, nth, when, model, hash of the answer, error, seconds

The same request asked again is another attempt with the next `nth`: a temperature gives other
answers, and a replay can give the nth answer to the nth asking.
"""

import sqlite3
import threading
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from llm_modules.errors import JournalError
from llm_modules.llm.attempts import Attempt, Texts, rebuilt_request, tape_id_of, unpacked

VERSION = 1
# A decision waits for it: long enough for any other writer, too short to be felt.
PATIENCE_SECONDS = 1.0

# Against our own mistakes: whoever means harm can drop a trigger, but not keep the hashes.
_APPEND_ONLY = tuple(
    f"CREATE TRIGGER {table}_refuse_{change} BEFORE {change} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'the tape is append-only'); END"
    for table in ("texts", "attempts")
    for change in ("UPDATE", "DELETE")
)
_SCHEMA = (
    "CREATE TABLE texts (hash TEXT PRIMARY KEY, body BLOB NOT NULL)",
    """CREATE TABLE attempts (
        id TEXT PRIMARY KEY, request TEXT NOT NULL, nth INTEGER NOT NULL, at TEXT NOT NULL,
        model TEXT NOT NULL, answer TEXT, error TEXT, latency_seconds REAL NOT NULL,
        UNIQUE (request, nth)
    )""",
    *_APPEND_ONLY,
    f"PRAGMA user_version = {VERSION}",
)
_INSERT = "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_Result = TypeVar("_Result")


class _Row(NamedTuple):
    """A row of `attempts`, in the order of its columns."""

    id: str
    request: str
    nth: int
    at: str
    model: str
    answer: str | None
    error: str | None
    latency_seconds: float


class Tape:
    """A SQLite file of attempts; several threads and processes may write it at once.

    Nothing is opened before the first use, and reading never makes a file: one that is not there
    is empty. Every method raises JournalError when the file cannot be used; the next tries anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._written_file: tuple[int, int] | None = None
        self._patience_seconds = PATIENCE_SECONDS

    def record(
        self,
        request: Mapping[str, Any],
        answer: Mapping[str, Any] | None,
        *,
        error: str | None,
        at: datetime,
        latency_seconds: float,
    ) -> str:
        """Store one attempt and return its id."""
        texts = Texts()
        try:
            request_hash = texts.add_request(request)
            answer_hash = None if answer is None else texts.add(answer)
        except (TypeError, ValueError, RecursionError) as problem:
            raise JournalError("an attempt cannot be written as JSON") from problem
        model = str(request.get("model", ""))
        row = _Row("", request_hash, 0, at.isoformat(), model, answer_hash, error, latency_seconds)
        with self._lock:
            return self._guarded(lambda: _insert(self._writer(), row, texts))

    def read(self, tape_id: str) -> Attempt | None:
        """Return an attempt with its texts put back, None when it is not on the tape.

        A file that is missing, or only just begun, holds nothing.
        """

        def found() -> Attempt | None:
            connection = self._connection or self._connected("ro")
            if _is_new(connection):
                return None
            return _attempt(_known(connection, self._path), tape_id)

        with self._lock:
            if self._connection is None and not self._path.exists():
                return None
            return self._guarded(found)

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        with self._lock:
            self._drop()

    def _guarded(self, act: Callable[[], _Result]) -> _Result:
        """Do it; a failure closes the file and is told as a JournalError."""
        try:
            result = act()
        except (sqlite3.Error, OSError, TypeError, ValueError, zlib.error) as error:
            self._drop()
            # Who failed once may not hold up every decision until it works again.
            self._patience_seconds = 0.0
            raise JournalError(_told(self._path, error)) from error
        except JournalError:
            self._drop()
            raise
        self._patience_seconds = PATIENCE_SECONDS
        return result

    def _writer(self) -> sqlite3.Connection:
        """Return a connection for writing to the file that has the name now."""
        # SQLite would write on, unseen, into a file that was removed or replaced.
        is_there = self._written_file is not None and self._written_file == _file_of(self._path)
        if self._connection is not None and is_there:
            return self._connection
        self._drop()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connected("rwc")
        # Before anything is changed in it: it may be somebody else's.
        if not _is_new(connection):
            _known(connection, self._path)
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the newest attempts, never the file: no decision waits for the disk.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA if _is_new(connection) else ():
            connection.execute(statement)
        connection.execute("COMMIT")
        # Only now: a file that could not be prepared is not written to.
        self._written_file = _file_of(self._path)
        return connection

    def _connected(self, mode: str) -> sqlite3.Connection:
        # Made on one thread and used on another, one at a time: the lock sees to that.
        self._connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=self._patience_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._written_file = None, None


def _insert(connection: sqlite3.Connection, row: _Row, texts: Texts) -> str:
    """Store texts and row in one transaction, the row as the next asking of its request."""
    # For writing from the start: between counting and inserting nobody else may count.
    connection.execute("BEGIN IMMEDIATE")
    # The same hash is the same text: it need not be stored again.
    connection.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", texts.by_hash.items())
    (earlier,) = connection.execute(
        "SELECT count(*) FROM attempts WHERE request = ?", (row.request,)
    ).fetchone()
    named = row._replace(id=tape_id_of(row.request, earlier + 1), nth=earlier + 1)
    connection.execute(_INSERT, named)
    connection.execute("COMMIT")
    return named.id


def _attempt(connection: sqlite3.Connection, tape_id: str) -> Attempt | None:
    stored = connection.execute("SELECT * FROM attempts WHERE id = ?", (tape_id,)).fetchone()
    if stored is None:
        return None
    row = _checked(_Row(*stored))

    def text(name: str) -> Any:
        found = connection.execute("SELECT body FROM texts WHERE hash = ?", (name,)).fetchone()
        return unpacked(name, found[0] if found else None)

    return Attempt(
        id=row.id,
        nth=row.nth,
        at=datetime.fromisoformat(row.at),
        model=row.model,
        request=rebuilt_request(text(row.request), text),
        answer=None if row.answer is None else text(row.answer),
        error=row.error,
        latency_seconds=row.latency_seconds,
    )


def _checked(row: _Row) -> _Row:
    """Return a row whose columns are of the types they are written in, whatever SQLite allows."""
    texts = (row.id, row.request, row.at, row.model, row.answer or "", row.error or "")
    numbers = (row.nth, row.latency_seconds)
    if not all(isinstance(one, str) for one in texts) or not all(
        isinstance(one, int | float) for one in numbers
    ):
        raise ValueError("a row with columns of other types")
    return row


def _is_new(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not tables


def _known(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Return the connection; raises JournalError for no tape, or one of a later version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return connection
    what = f"a tape of version {version}, known is {VERSION}" if version else "no tape of ours"
    raise JournalError(f"{path} is {what}: move it away, or run the version that wrote it")


def _file_of(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of the same name; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _told(path: Path, error: Exception) -> str:
    if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.OperationalError):
        return f"{path} is damaged ({error}): move it away, and a new one is begun"
    if isinstance(error, TypeError | ValueError | zlib.error):
        return f"{path} is damaged ({error}): the other attempts may still be whole"
    return f"{path} cannot be used: {error}"

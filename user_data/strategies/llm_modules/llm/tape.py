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
from typing import Any, TypeVar

from llm_modules.errors import JournalError
from llm_modules.llm.attempts import Attempt, Response, Texts
from llm_modules.llm.rows import (
    SCHEMA,
    Row,
    attempt_of,
    count,
    demand_tape,
    insert,
    is_new,
    response_to,
)

# A decision waits for it: long enough for any other writer, too short to be felt.
PATIENCE_SECONDS = 1.0

_Result = TypeVar("_Result")


class Tape:
    """A SQLite file of attempts; several threads and processes may write it at once.

    Nothing is opened before the first use, and reading never makes a file: one that is not there
    is empty. Every method raises JournalError when the file cannot be used; the next tries anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_known = False
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
        row = Row("", request_hash, 0, at.isoformat(), model, answer_hash, error, latency_seconds)
        with self._lock:
            return self._guarded(lambda: insert(self._writer(), row, texts))

    def read(self, tape_id: str) -> Attempt | None:
        """Return an attempt with its texts put back, None when it is not on the tape.

        A file that is missing, or only just begun, holds nothing.
        """
        return self._found(lambda connection: attempt_of(connection, tape_id), None)

    def response(self, request_hash: str, nth: int) -> Response | None:
        """Return what came back for the nth asking of a request, None when it is not there."""
        return self._found(lambda connection: response_to(connection, request_hash, nth), None)

    def count(self) -> int:
        """Return how many attempts there are."""
        return self._found(count, 0)

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        with self._lock:
            self._drop()

    def _found(self, look: Callable[[sqlite3.Connection], _Result], nothing: _Result) -> _Result:
        """Look something up; a file that is missing, or only just begun, holds nothing."""

        def found() -> _Result:
            connection = self._reader()
            return nothing if connection is None else look(connection)

        with self._lock:
            return self._guarded(found)

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

    def _reader(self) -> sqlite3.Connection | None:
        """Return a connection to look things up with, None while there is nothing."""
        if self._connection is not None and self._is_known:
            return self._connection
        if self._connection is None and not self._path.exists():
            return None
        connection = self._connection or self._readable()
        if is_new(connection):
            return None
        demand_tape(connection, self._path)
        self._is_known = True
        return connection

    def _readable(self) -> sqlite3.Connection:
        connection = self._connected("mode=ro")
        try:
            is_new(connection)
        except sqlite3.OperationalError as error:
            # Attempts that stand in a log beside the file would be overlooked without a word.
            has_log = self._path.with_name(f"{self._path.name}-wal").is_file()
            if error.sqlite_errorcode != sqlite3.SQLITE_CANTOPEN or has_log:
                raise
            # On a disk that is read-only SQLite has no place for what it keeps beside the file.
            connection.close()
            return self._connected("mode=ro&immutable=1")
        return connection

    def _writer(self) -> sqlite3.Connection:
        """Return a connection for writing to the file that has the name now."""
        # SQLite would write on, unseen, into a file that was removed or replaced.
        is_there = self._written_file is not None and self._written_file == _file_of(self._path)
        if self._connection is not None and is_there:
            return self._connection
        self._drop()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connected("mode=rwc")
        # Before anything is changed in it: it may be somebody else's.
        if not is_new(connection):
            demand_tape(connection, self._path)
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the newest attempts, never the file: no decision waits for the disk.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA if is_new(connection) else ():
            connection.execute(statement)
        connection.execute("COMMIT")
        # Only now: a file that could not be prepared is not written to.
        self._written_file, self._is_known = _file_of(self._path), True
        return connection

    def _connected(self, access: str) -> sqlite3.Connection:
        # Made on one thread and used on another, one at a time: the lock sees to that.
        self._connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?{access}",
            uri=True,
            timeout=self._patience_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._written_file, self._is_known = None, None, False


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

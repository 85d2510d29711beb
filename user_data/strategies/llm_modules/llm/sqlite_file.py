"""A SQLite file that several threads and processes write, and that may be gone tomorrow."""

import os
import sqlite3
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from llm_modules.errors import JournalError

# Somebody waits for it: long enough for any other writer, too short to be felt.
PATIENCE_SECONDS = 1.0
_Result = TypeVar("_Result")
Act = Callable[[sqlite3.Connection], _Result]


@dataclass(frozen=True, slots=True)
class Form:
    """What a file is: its name for people, its version, and the statements that begin one.

    `later` are tables that files of the same version may not have yet, with what brings each.
    """

    name: str
    version: int
    schema: tuple[str, ...]
    later: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class SqliteFile:
    """Does things with a file in write-ahead mode, one transaction at a time.

    Nothing is opened before the first use, and reading never makes a file. Every method raises
    JournalError when the file cannot be used; the next try begins anew.
    """

    def __init__(self, path: Path, form: Form, patience_seconds: float | None = None) -> None:
        self.path = path
        self._name = str(path)
        # How often another file was found under the name than before.
        self.generation = 0
        self._form = form
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._can_write = self._is_known = False
        self._file: tuple[int, int] | None = None
        usual = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
        self._usual_patience_seconds = self._patience_seconds = usual

    def write(self, act: Act[_Result]) -> _Result:
        """Do it in a transaction; a process that is killed after it has lost nothing."""

        def done() -> _Result:
            connection = self._writer()
            connection.execute("BEGIN IMMEDIATE")
            result = act(connection)
            connection.execute("COMMIT")
            return result

        with self._lock:
            return self._guarded(done)

    def read(self, act: Act[_Result], empty: _Result) -> _Result:
        """Do it without changing anything; a file that is missing or only begun is `empty`."""

        def done() -> _Result:
            connection = self._reader()
            if connection is None or not self._has_begun(connection):
                return empty
            return act(connection)

        with self._lock:
            return self._guarded(done)

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        with self._lock:
            self._drop()

    def _guarded(self, done: Callable[[], _Result]) -> _Result:
        try:
            result = done()
        # The last three: columns of other types, text that has no UTF-8, bytes that are no text.
        except (sqlite3.Error, OSError, TypeError, ValueError, zlib.error) as error:
            self._drop()
            # Who failed once may not hold everything up until it works again.
            self._patience_seconds = 0.0
            raise JournalError(self._told(error)) from error
        except JournalError:
            self._drop()
            raise
        self._be_patient()
        return result

    def _be_patient(self) -> None:
        usual = self._usual_patience_seconds
        if self._patience_seconds == usual:
            return
        self._patience_seconds = usual
        # What is open already would go on with the patience it was opened with.
        if self._connection is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {round(usual * 1000)}")

    def _writer(self) -> sqlite3.Connection:
        if self._is_current() and self._can_write and self._connection is not None:
            return self._connection
        self._drop()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connected("mode=rwc")
        # Before anything is changed in it: it may be somebody else's.
        self._has_begun(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the newest rows, never the file: nobody waits for the disk.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in () if self._has_begun(connection) else self._beginning():
            connection.execute(statement)
        for statement in self._missing(connection):
            connection.execute(statement)
        connection.execute("COMMIT")
        self._can_write = self._is_known = True
        self._note_file()
        return connection

    def _reader(self) -> sqlite3.Connection | None:
        if self._is_current():
            return self._connection
        self._drop()
        if not self.path.exists():
            return None
        connection = self._readable()
        self._note_file()
        return connection

    def _readable(self) -> sqlite3.Connection:
        connection = self._connected("mode=ro")
        try:
            self._has_begun(connection)
        except sqlite3.OperationalError as error:
            # Rows that stand in a log beside the file would be overlooked without a word.
            has_log = self.path.with_name(f"{self.path.name}-wal").is_file()
            if error.sqlite_errorcode != sqlite3.SQLITE_CANTOPEN or has_log:
                raise
            # On a disk that is read-only SQLite has no place for what it keeps beside the file.
            connection.close()
            return self._connected("mode=ro&immutable=1")
        return connection

    def _connected(self, access: str) -> sqlite3.Connection:
        # Made on one thread and used on another, one at a time: the lock sees to that.
        self._connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{access}",
            uri=True,
            timeout=self._patience_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        return self._connection

    def _has_begun(self, connection: sqlite3.Connection) -> bool:
        """Tell whether anything was ever written; raises JournalError for what is not ours."""
        if not self._is_known and not _is_new(connection):
            self._check_version(connection)
            self._is_known = True
        return self._is_known

    def _note_file(self) -> None:
        found = _identity(self._name)
        self.generation += found != self._file
        self._file = found

    def _is_current(self) -> bool:
        # SQLite would go on, unseen, with a file that was removed or replaced.
        return self._connection is not None and _identity(self._name) == self._file

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._can_write, self._is_known = None, False, False

    def _beginning(self) -> tuple[str, ...]:
        return *self._form.schema, f"PRAGMA user_version = {self._form.version}"

    def _missing(self, connection: sqlite3.Connection) -> list[str]:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        later = self._form.later.items()
        return [one for table, brings in later if (table,) not in found for one in brings]

    def _check_version(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        form = self._form
        if version == form.version:
            return
        of_version = f"a {form.name} of version {version}, known is {form.version}"
        what = of_version if version else f"no {form.name} of ours"
        raise JournalError(f"{self.path} is {what}: move it away, or run the version that wrote it")

    def _told(self, error: Exception) -> str:
        if isinstance(error, OSError | sqlite3.OperationalError):
            return f"{self.path} cannot be used: {error}"
        if isinstance(error, sqlite3.Error):
            return f"{self.path} is damaged ({error}): move it away, and a new one is begun"
        return f"{self.path} is damaged ({error}): the rest of it may still be whole"


def _is_new(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not tables


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells a file from another one of the same name; None when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - asked before each read, and a Path takes its time
    except OSError:
        return None
    return found.st_dev, found.st_ino

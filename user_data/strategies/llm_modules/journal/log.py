"""An append-only JSONL file with one writer: one write per record, nothing torn, nothing glued."""

import fcntl
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

from pydantic_core import PydanticSerializationError

from llm_modules.errors import JournalError, JournalLockedError
from llm_modules.journal.records import Record

BLOCK_BYTES = 65_536


class JsonlLog:
    """One journal file, held open and locked; safe to append to from several threads.

    Raises JournalLockedError when another process holds the file, JournalError when it cannot be
    opened. A torn last line, left by a crash, is moved to `<name>.torn-<time>` on opening.
    """

    def __init__(self, path: Path, *, fsync: bool) -> None:
        self.path = path
        self._fsync = fsync
        self._mutex = threading.Lock()
        self._closed = False
        self._file = _open_clean(path)

    def append(self, record: Record) -> None:
        """Append one record as one line.

        Raises JournalError when it could not be written whole; nothing of it stays in the file.
        """
        line = _encode(record)
        with self._mutex:
            if self._closed:
                raise JournalError(f"{self.path} is closed")
            self._follow_the_path()
            size = os.fstat(self._file).st_size
            try:
                self._write(line, size)
            except OSError as error:
                raise JournalError(f"cannot write {self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Release the file and its lock; closing twice is harmless."""
        with self._mutex:
            if not self._closed:
                os.close(self._file)
            self._closed = True

    def _write(self, line: bytes, size: int) -> None:
        # A full disk writes part of a line and raises nothing.
        written = os.write(self._file, line)
        if written != len(line):
            os.ftruncate(self._file, size)
            raise JournalError(f"cannot write {self.path}: only {written} bytes fit, disk full?")
        if self._fsync:
            os.fsync(self._file)

    def _follow_the_path(self) -> None:
        """Open the file anew when it was deleted or replaced under us."""
        # `clean` or logrotate may take the file away while it is open.
        there: os.stat_result | None = None
        try:
            there = self.path.stat()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise JournalError(f"cannot see {self.path}: {error.strerror}") from error
        mine = os.fstat(self._file)
        if there is not None and (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev):
            return
        try:
            fresh = _open_clean(self.path)
        except JournalLockedError as error:
            # While running this is no matter of the user's settings: the record is not written.
            raise JournalError(str(error)) from error
        os.close(self._file)
        self._file = fresh


def _open_clean(path: Path) -> int:
    """Open and lock a journal whose last line, if torn, was set aside."""
    file = _open_locked(path)
    try:
        _set_torn_tail_aside(file, path)
    except OSError as error:
        os.close(file)
        raise JournalError(f"cannot repair {path}: {error.strerror}") from error
    return file


def _encode(record: Record) -> bytes:
    try:
        return record.model_dump_json(by_alias=True).encode() + b"\n"
    except (PydanticSerializationError, UnicodeError) as error:
        raise JournalError("a record cannot be written as JSON") from error


def _open_locked(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, flags, 0o644)
    except OSError as error:
        raise JournalError(f"cannot open {path}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise JournalLockedError(
            f"{path} is being written by another bot; stop it, or give this one its own "
            "decision_log_path and trade_log_path"
        ) from error
    return file


def _set_torn_tail_aside(file: int, path: Path) -> None:
    """Cut what follows the last newline and keep it beside the journal."""
    size = os.fstat(file).st_size
    end = _end_of_last_line(file, size)
    if end == size:
        return
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    torn = path.with_name(f"{path.name}.torn-{stamp}")
    torn.write_bytes(os.pread(file, size - end, end))
    os.ftruncate(file, end)


def _end_of_last_line(file: int, size: int) -> int:
    """Return the offset just behind the last newline, 0 when there is none."""
    position = size
    while position > 0:
        start = max(0, position - BLOCK_BYTES)
        found = os.pread(file, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0

"""Opening a journal: one writer, and a torn last line, left by a crash, set aside."""

import fcntl
import os
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from llm_modules.errors import JournalError, JournalLockedError
from llm_modules.journal.parts import BLOCK_BYTES


def open_clean(path: Path) -> int:
    """Open and lock a journal, made if there is none, and set its torn last line aside.

    Raises JournalLockedError when another process holds it, JournalError when it cannot be opened.
    """
    file = _open_locked(path)
    try:
        set_torn_tail_aside(file, path)
    except OSError as error:
        os.close(file)
        raise JournalError(f"cannot repair {path}: {error.strerror}") from error
    return file


def set_torn_tail_aside(file: int, path: Path) -> None:
    """Move what follows the last newline to `<name>.torn-<time>`; raises OSError."""
    size = os.fstat(file).st_size
    end = _end_of_last_line(file, size)
    if end == size:
        return
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    torn = path.with_name(f"{path.name}.torn-{stamp}")
    # Kept before it is cut: a crash in between keeps it twice, never not at all.
    torn.write_bytes(os.pread(file, size - end, end))
    os.ftruncate(file, end)


def is_at(path: Path, file: int) -> bool:
    """Tell whether an open file is the one that has the name now; raises OSError."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(file))


def _open_locked(path: Path) -> int:
    while True:
        with ExitStack() as unless_locked:
            file = _opened(path)
            unless_locked.callback(os.close, file)
            if _lock(file, path):
                unless_locked.pop_all()
                return file


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o644)
    except OSError as error:
        raise JournalError(f"cannot open {path}: {error.strerror}") from error


def _lock(file: int, path: Path) -> bool:
    """Lock a file; False when it was renamed since it was opened, so that its lock is worthless."""
    # Goes with the process, however that ends: nothing is left to clean up.
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return is_at(path, file)
    except BlockingIOError as error:
        raise JournalLockedError(
            f"{path} is being written by another bot; stop it, or give this one its own "
            "decision_log_path and trade_log_path"
        ) from error
    except OSError as error:
        # A file system without locks, mostly: another folder helps.
        raise JournalError(f"cannot lock {path}: {error.strerror}") from error


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

"""Lines of a file: the last few that are sought, then each new one as it is written.

Survives what happens to log files: not there yet, rotated, replaced, cut short.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from llm_modules.operations.viewing.newest import (
    Parts,
    Seek,
    anything,
    end_of_lines,
    newest_sought,
    opened_journal,
    sought_before,
)

POLL_SECONDS = 0.25


def ensure_file(path: Path) -> bool:
    """Create an empty file where there is none; return whether it was created."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return True


def last_lines(path: Path, count: int, seek: Seek = anything) -> list[str]:
    """Return the last whole lines that are sought, oldest first, none when there is no file."""
    return [_text(line) for line in newest_sought(path, count, seek)]


def followed(
    path: Path,
    count: int,
    goes_on: Callable[[], bool],
    seek: Seek = anything,
    *,
    poll_seconds: float = POLL_SECONDS,
) -> Iterator[str]:
    """Yield the last `count` lines that are sought, then such new ones while `goes_on()`.

    A file that is replaced is read to its end before its successor is read from the start.
    """
    file, parts = _opened(path)
    try:
        end = end_of_lines(file)
        yield from map(_text, sought_before(file, end, parts, count, seek))
        file.seek(end)
        # The writer may be in the middle of a line: what has come of it is kept until the rest has.
        pending = b""
        while goes_on():
            chunk = file.readline()
            pending += chunk
            if pending.endswith(b"\n"):
                if seek(pending[:-1]) == "sought":
                    yield _text(pending)
                pending = b""
            elif not chunk:
                file, moved = _successor(path, file)
                pending = b"" if moved else pending
                if not moved:
                    time.sleep(poll_seconds)
    finally:
        file.close()


def _opened(path: Path) -> tuple[BinaryIO, Parts]:
    """Open a file that is created where there is none, however often someone removes it."""
    while True:
        ensure_file(path)
        file, parts = opened_journal(path)
        if file is not None:
            return file, parts


def _successor(path: Path, file: BinaryIO) -> tuple[BinaryIO, bool]:
    """Return the file to read on from, and whether it is another or a shortened one."""
    # Opened before it is looked at: it may be replaced again in between.
    try:
        fresh = path.open("rb")
    except OSError:
        return file, False  # rotated away, and its successor not there yet
    mine, there = os.fstat(file.fileno()), os.fstat(fresh.fileno())
    if not os.path.samestat(mine, there):
        file.close()
        return fresh, True
    fresh.close()
    if there.st_size < file.tell():
        file.seek(0)
        return file, True
    return file, False


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r\n")

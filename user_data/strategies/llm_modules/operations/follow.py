"""Lines of a file: the last few, then each new one as it is written.

Survives what happens to log files: not there yet, rotated, replaced, cut short.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from llm_modules.journal.parts import newest_lines

POLL_SECONDS = 0.25
BLOCK_BYTES = 65_536


def ensure_file(path: Path) -> bool:
    """Create an empty file where there is none; return whether it was created."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return True


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last whole lines of a file, oldest first, none when there is no file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return []
    with file:
        return [_text(line) for line in _with_parts(path, _tail(file, count), count)]


def followed(
    path: Path, count: int, goes_on: Callable[[], bool], *, poll_seconds: float = POLL_SECONDS
) -> Iterator[str]:
    """Yield the last `count` lines, then new ones while `goes_on()`.

    A file that is replaced is read to its end before its successor is read from the start.
    """
    ensure_file(path)
    file: BinaryIO = path.open("rb")
    try:
        yield from map(_text, _with_parts(path, _tail(file, count), count))
        # The writer may be in the middle of a line: what has come of it is kept until the rest has.
        pending = b""
        while goes_on():
            chunk = file.readline()
            pending += chunk
            if pending.endswith(b"\n"):
                yield _text(pending)
                pending = b""
            elif not chunk:
                file, moved = _successor(path, file)
                pending = b"" if moved else pending
                if not moved:
                    time.sleep(poll_seconds)
    finally:
        file.close()


def _tail(file: BinaryIO, count: int) -> list[bytes]:
    """Return the last whole lines and leave the file positioned behind them."""
    end = file.seek(0, os.SEEK_END)
    start = end
    block = b""
    # One newline more than lines: the last piece is empty or unfinished.
    while start > 0 and block.count(b"\n") <= count:
        start = max(0, start - BLOCK_BYTES)
        file.seek(start)
        block = file.read(end - start)
    *lines, torn = block.split(b"\n")
    file.seek(end - len(torn))
    return list(deque(lines, maxlen=count))


def _with_parts(path: Path, tail: list[bytes], count: int) -> list[bytes]:
    """Put before the tail of a journal what a rotation has moved out of the file."""
    if len(tail) >= count:
        return tail
    found = newest_lines(path, count)
    return [*found[: len(found) - len(tail)], *tail]


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

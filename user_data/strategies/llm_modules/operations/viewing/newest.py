"""The newest lines of a journal that are sought, read from its end and no further than that takes.

The live file is read backwards, block by block. A packed part cannot be: it is passed over from
its start, and only what is asked for is kept of it.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from llm_modules.journal.parts import part_lines, part_numbers

BLOCK_BYTES = 65_536

# `too_old` ends the search: nothing before such a line is sought.
Finding = Literal["sought", "other", "too_old"]
Seek = Callable[[bytes], Finding]


def anything(_line: bytes) -> Finding:
    """Seek every line."""
    return "sought"


def newest_sought(path: Path, count: int, seek: Seek = anything) -> list[bytes]:
    """Return the last `count` whole lines that are sought, oldest first, without their newlines."""
    file, parts = opened_journal(path)
    if file is None:
        return sought_before(None, 0, parts, count, seek)
    with file:
        return sought_before(file, end_of_lines(file), parts, count, seek)


class Parts:
    """The rotated parts of a journal that are older than an opened file."""

    def __init__(self, path: Path, numbers: list[int]) -> None:
        self._path = path
        self._numbers = numbers

    def newest_first(self) -> Iterator[Iterator[bytes]]:
        """Yield the lines of each part, oldest line first, the newest part first."""
        for number in reversed(self._numbers):
            yield part_lines(self._path, number)


def opened_journal(path: Path) -> tuple[BinaryIO | None, Parts]:
    """Open a live file, None when there is none, together with its parts at that moment.

    Raises OSError when the file is there and cannot be opened.
    """
    while True:
        try:
            file: BinaryIO = path.open("rb")
        except FileNotFoundError:
            return None, Parts(path, part_numbers(path))
        parts = Parts(path, part_numbers(path))
        if _is_still(path, file):
            return file, parts
        # Renamed meanwhile, it is among the parts and would be read twice.
        file.close()


def end_of_lines(file: BinaryIO) -> int:
    """Return where the last whole line ends; what follows it is unfinished."""
    position = file.seek(0, os.SEEK_END)
    while position > 0:
        start = max(0, position - BLOCK_BYTES)
        file.seek(start)
        newline = file.read(position - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        position = start
    return 0


def sought_before(
    file: BinaryIO | None, end: int, parts: Parts, count: int, seek: Seek = anything
) -> list[bytes]:
    """Return the last `count` sought lines that end before a position, or in an older part."""
    if count < 1:
        return []
    newest: list[bytes] = []
    for line in backwards(file, end) if file else ():
        finding = seek(line)
        if finding == "too_old":
            return newest[::-1]
        if finding == "sought":
            newest.append(line)
        if len(newest) == count:
            return newest[::-1]
    return [*_from_parts(parts, count - len(newest), seek), *newest[::-1]]


def backwards(file: BinaryIO, end: int) -> Iterator[bytes]:
    """Yield the lines that end before a position, the newest first, without their newlines."""
    if end < 1:
        return
    position = end - 1
    begun = b""
    while position > 0:
        start = max(0, position - BLOCK_BYTES)
        file.seek(start)
        # The first piece may have begun in an earlier block.
        begun, *lines = (file.read(position - start) + begun).split(b"\n")
        yield from reversed(lines)
        position = start
    yield begun


def _from_parts(parts: Parts, count: int, seek: Seek) -> list[bytes]:
    found: list[bytes] = []
    for lines in parts.newest_first():
        kept: deque[bytes] = deque(maxlen=count - len(found))
        is_over = False
        for line in lines:
            text = line.rstrip(b"\n")
            finding = seek(text)
            # The oldest lines come first here: such a one speaks for the parts before alone.
            is_over = is_over or finding == "too_old"
            if finding == "sought":
                kept.append(text)
        found = [*kept, *found]
        if is_over or len(found) == count:
            break
    return found


def _is_still(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False

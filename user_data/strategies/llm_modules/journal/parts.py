"""The files of a journal: rotated parts, oldest first, then the live file that is written to.

    llm_decisions.jsonl.000001.gz    packed
    llm_decisions.jsonl.000002       rotated, about to be packed
    llm_decisions.jsonl              live

All names begin with the journal's own, so that whoever moves or removes `<name>*` has them all.
"""

import glob
import gzip
import logging
import os
import re
import zlib
from collections import deque
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

BLOCK_BYTES = 65_536
PART = re.compile(r"\.(\d{6,})(?:\.gz)?")

logger = logging.getLogger(__name__)


class FoundLine(NamedTuple):
    """A whole line with its newline, the name of its file and its number there, from 1."""

    file: str
    number: int
    text: bytes


def part_path(path: Path, number: int) -> Path:
    """Return where a rotated part lies until it is packed."""
    return path.with_name(f"{path.name}.{number:06d}")


def packed_path(path: Path, number: int) -> Path:
    """Return where a part lies once it is packed."""
    return path.with_name(f"{path.name}.{number:06d}.gz")


def part_numbers(path: Path) -> list[int]:
    """Return the numbers of all parts, oldest first; a part that is there twice counts once."""
    names = (
        one.name.removeprefix(path.name) for one in path.parent.glob(f"{glob.escape(path.name)}.*")
    )
    return sorted({int(match[1]) for name in names if (match := PART.fullmatch(name))})


def found_lines(path: Path) -> Iterator[FoundLine]:
    """Yield every whole line of a journal, oldest first; raises OSError if one is unreadable.

    A torn last line is the writer's to set aside. Rotation meanwhile loses and repeats nothing.
    """
    numbers, live = _snapshot(path)
    for number in numbers:
        yield from _numbered(part_path(path, number).name, part_lines(path, number))
    if live is not None:
        with live:
            yield from _numbered(path.name, _whole(live))


def part_lines(path: Path, number: int) -> Iterator[bytes]:
    """Yield the whole lines of one part; none when retention took it away meanwhile."""
    # In this order: the packed one is whole before the other goes.
    file = _opened(part_path(path, number)) or _opened(packed_path(path, number))
    if file is None:
        return
    with file:
        try:
            yield from _whole(file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            # The chain tells which lines are missing; the other parts are still good.
            logger.warning("%s part %d is damaged, its rest is skipped: %s", path, number, error)


def newest_lines(path: Path, count: int) -> list[bytes]:
    """Return the last `count` whole lines, oldest first, reading no more than it takes."""
    numbers, live = _snapshot(path)
    lines: list[bytes] = []
    if live is not None:
        with live:
            lines = _tail(live, count)
    for number in reversed(numbers):
        if len(lines) >= count:
            break
        # A gzip file cannot be read from its end; only what is asked for is kept of it.
        lines = [*deque(part_lines(path, number), maxlen=count - len(lines)), *lines]
    return lines


def _snapshot(path: Path) -> tuple[list[int], BufferedIOBase | None]:
    """Return the parts and the opened live file as they were at one moment."""
    while True:
        # Opened first: renamed meanwhile, it would be among the parts and be read twice.
        live = _opened(path)
        numbers = part_numbers(path)
        if _is_still(path, live):
            return numbers, live
        if live is not None:
            live.close()


def _is_still(path: Path, live: BufferedIOBase | None) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return live is None
    return live is not None and os.path.samestat(there, os.fstat(live.fileno()))


def _opened(path: Path) -> BufferedIOBase | None:
    try:
        return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
    except FileNotFoundError:
        return None


def _numbered(name: str, lines: Iterator[bytes]) -> Iterator[FoundLine]:
    return (FoundLine(name, number, line) for number, line in enumerate(lines, start=1))


def _whole(file: BufferedIOBase) -> Iterator[bytes]:
    return (line for line in file if line.endswith(b"\n"))


def _tail(file: BufferedIOBase, count: int) -> list[bytes]:
    """Return the last whole lines, read block by block from the end."""
    start = file.seek(0, os.SEEK_END)
    blocks: deque[bytes] = deque()
    newlines = 0
    # One newline more than lines: what precedes the first may be half a line.
    while start > 0 and newlines <= count:
        length = min(start, BLOCK_BYTES)
        start = file.seek(start - length)
        blocks.appendleft(file.read(length))
        newlines += blocks[0].count(b"\n")
    *lines, _torn = b"".join(blocks).split(b"\n")
    return [line + b"\n" for line in deque(lines, maxlen=count)]

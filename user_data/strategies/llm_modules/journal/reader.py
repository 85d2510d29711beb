"""Reading a journal: every good line in order, bad lines skipped and counted, never fatal."""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from llm_modules.journal.parts import found_lines, newest_lines
from llm_modules.journal.records import Record

LineT = TypeVar("LineT", bound=Record)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be read and what is wrong with it.

    Its number counts over all parts from 1, or back from the end, which is -1.
    """

    number: int
    problem: str


@dataclass(frozen=True, slots=True)
class JournalContent(Generic[LineT]):
    """All good records of a journal in order, and the lines that were skipped."""

    records: tuple[LineT, ...]
    bad_lines: tuple[BadLine, ...]


def read_journal(path: Path, lines: TypeAdapter[LineT]) -> JournalContent[LineT]:
    """Read a whole journal, rotated parts first; a missing file is an empty one.

    Raises OSError if a file is unreadable.
    """
    bad_lines: list[BadLine] = []
    records = tuple(each_record(path, lines, bad_lines.append))
    return JournalContent(records, tuple(bad_lines))


def each_record(
    path: Path, lines: TypeAdapter[LineT], tell: Callable[[BadLine], None]
) -> Iterator[LineT]:
    """Yield one good record after the other, as `read_journal` finds them, and tell bad lines.

    Until the last one is taken the garbage collector pauses, for what is made of the records too.
    """
    return _each((found.text for found in found_lines(path)), lines, tell, first=1)


def read_newest(path: Path, lines: TypeAdapter[LineT], count: int) -> JournalContent[LineT]:
    """Read the last `count` lines at once; see `each_newest`."""
    bad_lines: list[BadLine] = []
    records = tuple(each_newest(path, lines, count, bad_lines.append))
    return JournalContent(records, tuple(bad_lines))


def each_newest(
    path: Path, lines: TypeAdapter[LineT], count: int, tell: Callable[[BadLine], None]
) -> Iterator[LineT]:
    """Yield the records of the last `count` lines, reading no more of the files than that takes.

    Bad lines are numbered from the start when the whole journal was read, else from the end.
    """
    found = newest_lines(path, count)
    return _each(found, lines, tell, first=1 if len(found) < count else -len(found))


def _each(
    texts: Iterable[bytes],
    lines: TypeAdapter[LineT],
    tell: Callable[[BadLine], None],
    *,
    first: int,
) -> Iterator[LineT]:
    with _collection_paused():
        for number, text in enumerate(texts, start=first):
            try:
                record = lines.validate_json(text)
            except ValidationError as error:
                problem = error.errors(include_url=False, include_input=False)[0]["msg"]
                tell(BadLine(number, problem))
            else:
                yield record


@contextmanager
def _collection_paused() -> Iterator[None]:
    """Keep the garbage collector from walking all records again and again while they come in.

    It takes two thirds of the time otherwise; records hold no cycles it could find.
    """
    # Whoever turned it off for good wants it to stay off.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

"""Reading a journal: every good line in order, bad lines skipped and counted, never fatal."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from llm_modules.journal.records import Record

RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be read: its number (from 1) and what is wrong."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True)
class JournalContent(Generic[RecordT]):
    """All good records of a journal in order, and the lines that were skipped."""

    records: tuple[RecordT, ...]
    bad_lines: tuple[BadLine, ...]


def read_journal(path: Path, lines: TypeAdapter[RecordT]) -> JournalContent[RecordT]:
    """Read a whole journal; a missing file is an empty one. Raises OSError if unreadable."""
    records: list[RecordT] = []
    bad_lines: list[BadLine] = []
    for number, line in enumerate(_whole_lines(path), start=1):
        try:
            records.append(lines.validate_json(line))
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]["msg"]
            bad_lines.append(BadLine(number, problem))
    return JournalContent(tuple(records), tuple(bad_lines))


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Yield lines that end in a newline; a torn last line is the writer's to set aside."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line

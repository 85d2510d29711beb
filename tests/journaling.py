"""Scenes around a journal: written, rotated, read back."""

import gzip
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders import a_decision_record
from llm_modules.journal.log import JsonlLog, Rotation
from llm_modules.journal.parts import packed_path, part_numbers, part_path
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES, DecisionRecord


def ids(path: Path) -> list[str]:
    """The ids of all decisions of a journal, oldest first."""
    records = read_journal(path, DECISION_LINES).records
    return [record.decision_id for record in records if isinstance(record, DecisionRecord)]


def numbered(start: int, stop: int) -> list[str]:
    return [f"d-{number}" for number in range(start, stop)]


def write(log: JsonlLog, *names: str) -> None:
    for name in names:
        log.append(a_decision_record(decision_id=name))


def a_journal(path: Path, records: int, **settings: Any) -> Path:
    """A closed journal of so many decisions, its parts packed; `per_part` rotates it."""
    log = a_log(path, **settings)
    write(log, *numbered(0, records))
    drain(log)
    log.close()
    return path


def a_log(path: Path, *, per_part: int = 0, kept_parts: int = 0, **settings: Any) -> JsonlLog:
    """An open journal that rotates after `per_part` lines; the link takes 33 bytes or more."""
    length = len(a_decision_record(decision_id="d-00").model_dump_json(by_alias=True)) + 45
    size = per_part * length if per_part else 1 << 30
    return JsonlLog(path, rotation=Rotation(size, kept_parts), **settings)


def drain(log: JsonlLog) -> None:
    """Wait until the packer has done what it was woken for: it takes one task after the other."""
    log._packer._pool.submit(int).result()


def files_of(path: Path) -> dict[Path, list[bytes]]:
    """The files of a closed journal, oldest first, with their lines."""
    packed = [packed_path(path, number) for number in part_numbers(path)]
    lines = {one: gzip.decompress(one.read_bytes()).splitlines(keepends=True) for one in packed}
    return lines | {path: path.read_bytes().splitlines(keepends=True)}


def put_back(files: dict[Path, list[bytes]]) -> None:
    for path, lines in files.items():
        text = b"".join(lines)
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def unpacked(path: Path, number: int) -> Path:
    """Turn a packed part back into what it was before it was packed, beside the packed one."""
    plain = part_path(path, number)
    plain.write_bytes(gzip.decompress(packed_path(path, number).read_bytes()))
    return plain


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """A file size limit makes `write` return short or fail, as a disk that fills up does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

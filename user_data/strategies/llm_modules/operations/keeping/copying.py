"""Copies of files that a bot is writing, each as it was at one moment."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

from llm_modules.errors import JournalError, UserError
from llm_modules.journal.chain import seal_path
from llm_modules.journal.opening import is_at
from llm_modules.journal.parts import packed_path, part_numbers, part_path

CHUNK_BYTES = 1_048_576
# A copy goes on in steps, so that its progress can be told and Ctrl-C is heard.
PAGES_AT_ONCE = 2000
WAIT_SECONDS = 5.0
# A rotation lasts milliseconds; one that comes again and again is none.
ATTEMPTS = 20

# Bytes that tell how a database is written (https://sqlite.org/fileformat2.html, 1.3.3).
WAL_MODE = slice(18, 20)
# Damaged, or left by a crash in the middle of a write: better as it is than not at all.
AS_IT_STANDS = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_READONLY")

# Called with the bytes that have been copied since the last call.
Tell = Callable[[int], None]


class _MovedError(Exception):
    """The journal was rotated, or retention took a part away, while it was being copied."""


def copy_file(source: Path, target: Path, tell: Tell) -> None:
    """Copy a file that is written in one step, or not at all, while it is copied."""
    with source.open("rb") as there, target.open("wb") as copy:
        while chunk := there.read(CHUNK_BYTES):
            tell(copy.write(chunk))
        _copy_mode(there, target)


def copy_database(source: Path, folder: Path, tell: Tell) -> tuple[list[Path], str | None]:
    """Copy a SQLite database as of one moment, whoever writes to it meanwhile.

    One that no reader can open is copied as it stands, logs and all; the second value tells why
    then. Raises JournalError when the copy cannot be made now.
    """
    target = folder / source.name
    is_at_rest = _is_at_rest(source)
    try:
        _copy_pages(source, target, tell, is_at_rest=is_at_rest)
        if is_at_rest and not _is_at_rest(source):
            # Somebody opened it meanwhile, and the copy may hold some of what he wrote.
            target.unlink()
            _copy_pages(source, target, lambda _: None, is_at_rest=False)
    except sqlite3.Error as error:
        if not str(getattr(error, "sqlite_errorname", "")).startswith(AS_IT_STANDS):
            raise JournalError(f"{source.name} could not be copied: {error}") from error
        return _copy_as_it_stands(source, target, tell), f"{source.name}: {error}"
    return [target], None


def copy_journal(path: Path, folder: Path, tell: Tell) -> list[Path]:
    """Copy all files of a journal up to its last whole line; return those of the copy.

    Raises UserError when it is rotated faster than it can be copied.
    """
    for _ in range(ATTEMPTS):
        copied: list[Path] = []
        try:
            _copy_journal_once(path, folder, copied, tell)
        except _MovedError:
            for one in copied:
                one.unlink(missing_ok=True)
        else:
            return [one for one in copied if one.exists()]
    raise UserError(f"{path} was rotated again and again while it was copied: try again")


def _copy_journal_once(path: Path, folder: Path, copied: list[Path], tell: Tell) -> None:
    def to(source: Path) -> Path:
        copied.append(folder / source.name)
        return copied[-1]

    # First, for it may lag behind the lines but never run ahead of them.
    if seal_path(path).exists():
        copy_file(seal_path(path), to(seal_path(path)), tell)
    live = _opened(path)
    if live is not None:
        with live:
            numbers = part_numbers(path)
            if not is_at(path, live.fileno()):
                raise _MovedError
            _copy_whole_lines(live, to(path), tell)
    else:
        numbers = part_numbers(path)
    for number in numbers:
        # In this order: the packed one is whole before the other goes.
        _copy_first_of((part_path(path, number), packed_path(path, number)), to, tell)
    for torn in sorted(path.parent.glob(f"{path.name}.torn-*")):
        copy_file(torn, to(torn), tell)


def _copy_first_of(candidates: tuple[Path, ...], to: Callable[[Path], Path], tell: Tell) -> None:
    for source in candidates:
        with suppress(FileNotFoundError):
            copy_file(source, to(source), tell)
            return
    raise _MovedError


def _copy_whole_lines(source: BinaryIO, target: Path, tell: Tell) -> None:
    written = end = 0
    with target.open("wb") as copy:
        while chunk := source.read(CHUNK_BYTES):
            newline = chunk.rfind(b"\n")
            end = written + newline + 1 if newline >= 0 else end
            written += copy.write(chunk)
            tell(len(chunk))
        copy.truncate(end)
    _copy_mode(source, target)


def _copy_pages(source: Path, target: Path, tell: Tell, *, is_at_rest: bool) -> None:
    left = page_bytes = 0
    # SQLite need not make files to share it then; there may be no right to make any.
    address = f"{source.absolute().as_uri()}?mode=ro{'&immutable=1' * is_at_rest}"

    def tell_pages(_status: int, remaining: int, _total: int) -> None:
        nonlocal left
        tell((left - remaining) * page_bytes)
        left = remaining

    with (
        closing(sqlite3.connect(address, timeout=WAIT_SECONDS, uri=True)) as there,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        # A reader's view: what is committed from now on is not in it, and nobody waits for us.
        there.isolation_level = None
        there.execute("BEGIN")
        (page_bytes,) = there.execute("PRAGMA page_size").fetchone()
        (left,) = there.execute("PRAGMA page_count").fetchone()
        copy.execute("PRAGMA synchronous = OFF")
        there.backup(copy, pages=PAGES_AT_ONCE, progress=tell_pages)
    shutil.copymode(source, target)


def _copy_as_it_stands(source: Path, target: Path, tell: Tell) -> list[Path]:
    copied = []
    for ending in ("", "-wal", "-journal"):
        beside = source.with_name(source.name + ending)
        if beside.exists():
            copied.append(target.with_name(target.name + ending))
            copy_file(beside, copied[-1], tell)
    return copied


def _is_at_rest(path: Path) -> bool:
    """Tell whether a database in write-ahead mode is open nowhere: its log is gone then.

    One in another mode shows nothing of the kind, and is read under its locks.
    """
    with path.open("rb") as file:
        mode = file.read(WAL_MODE.stop)[WAL_MODE]
    return mode == b"\x02\x02" and not path.with_name(f"{path.name}-wal").exists()


def _copy_mode(source: BinaryIO, target: Path) -> None:
    # Of the open file: its name may lead to another one by now.
    target.chmod(os.fstat(source.fileno()).st_mode & 0o777)


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None

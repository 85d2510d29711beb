"""Tables and rows of a tape: how attempts are stored in SQLite and read again."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from types import NoneType
from typing import Any, Literal, NamedTuple

from llm_modules.llm.attempts import (
    Attempt,
    Response,
    Texts,
    rebuilt_request,
    tape_id_of,
    unpacked,
)
from llm_modules.llm.sqlite_file import Form

VERSION = 1
# What came after a failure: its run went on; the request was made again in another run, to which
# the failure is nothing; or nothing did, as far as the tape tells.
Fate = Literal["outlived", "repeated", "last"]


# Against our own mistakes: whoever means harm can drop a trigger, but not keep the hashes.
def _append_only(table: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER {table}_refuse_{change} BEFORE {change} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'the tape is append-only'); END"
        for change in ("UPDATE", "DELETE")
    )


_BEFORE_ANSWER = (
    "rowid < (SELECT rowid FROM attempts WHERE error IS NULL ORDER BY rowid DESC LIMIT 1)"
)
_SCHEMA = (
    "CREATE TABLE texts (hash TEXT PRIMARY KEY, body BLOB NOT NULL)",
    """CREATE TABLE attempts (
        id TEXT PRIMARY KEY, request TEXT NOT NULL, nth INTEGER NOT NULL, at TEXT NOT NULL,
        model TEXT NOT NULL, answer TEXT, error TEXT, latency_seconds REAL NOT NULL,
        UNIQUE (request, nth)
    )""",
    *_append_only("texts"),
    *_append_only("attempts"),
)
# A tape of before it was: what came before its last answer was outlived.
_OUTLIVED = (
    "CREATE TABLE outlived (id TEXT PRIMARY KEY)",
    f"INSERT INTO outlived SELECT id FROM attempts WHERE error IS NOT NULL AND {_BEFORE_ANSWER}",  # noqa: S608 - of here
    *_append_only("outlived"),
)
FORM = Form("tape", VERSION, _SCHEMA, {"outlived": _OUTLIVED})
_INSERT = "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT_SETTLED = """SELECT error IS NULL OR {} FROM attempts
    WHERE request = ? AND nth >= ? ORDER BY nth"""
_SELECT_PLACE = "SELECT rowid FROM attempts WHERE request = ? AND nth = ?"
_SELECT_FROM = """SELECT attempts.*, texts.body FROM attempts
    LEFT JOIN texts ON texts.hash = attempts.answer
    WHERE attempts.rowid >= ? ORDER BY attempts.rowid LIMIT ?"""
# A row of `attempts` with the body of its answer, as it was found.
Stored = tuple[Any, ...]


class Row(NamedTuple):
    """A row of `attempts`, in the order of its columns."""

    id: str
    request: str
    nth: int
    at: str
    model: str
    answer: str | None
    error: str | None
    latency_seconds: float


# With an answer, an error, or both; seconds that are whole may have come as an integer.
_KINDS = frozenset(
    (str, str, int, str, str, answer, error, seconds)
    for answer in (str, NoneType)
    for error in (str, NoneType)
    for seconds in (float, int)
)


def insert(connection: sqlite3.Connection, row: Row, texts: Texts) -> str:
    """Store texts and row, the row as the next asking of its request.

    Within one transaction for writing: between counting and inserting nobody else may count.
    """
    # The same hash is the same text: it need not be stored again.
    connection.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", texts.by_hash.items())
    (earlier,) = connection.execute(
        "SELECT count(*) FROM attempts WHERE request = ?", (row.request,)
    ).fetchone()
    named = row._replace(id=tape_id_of(row.request, earlier + 1), nth=earlier + 1)
    connection.execute(_INSERT, named)
    return named.id


def attempt_of(connection: sqlite3.Connection, tape_id: str) -> Attempt | None:
    """Return an attempt with its texts put back. Raises ValueError or zlib.error if damaged."""
    stored = connection.execute("SELECT * FROM attempts WHERE id = ?", (tape_id,)).fetchone()
    if stored is None:
        return None
    row = _checked(Row(*stored))

    def text(name: str) -> Any:
        found = connection.execute("SELECT body FROM texts WHERE hash = ?", (name,)).fetchone()
        return unpacked(name, found[0] if found else None)

    return Attempt(
        id=row.id,
        nth=row.nth,
        at=datetime.fromisoformat(row.at),
        model=row.model,
        request=rebuilt_request(text(row.request), text),
        answer=None if row.answer is None else text(row.answer),
        error=row.error,
        latency_seconds=row.latency_seconds,
    )


def stored_from(
    connection: sqlite3.Connection, request_hash: str, nth: int, most: int
) -> list[Stored]:
    """Return the nth asking of a request and what was recorded after it; nothing: it is not there.

    In the order in which it was recorded, and not checked yet. Raises ValueError where the file has
    lost it.
    """
    place = connection.execute(_SELECT_PLACE, (request_hash, nth)).fetchone()
    if place is None:
        return []
    found = connection.execute(_SELECT_FROM, (*place, most)).fetchall()
    # Of a damaged file the index may name what the table has no more.
    if not found or found[0][1:3] != (request_hash, nth):
        raise ValueError("an attempt is not where it was written")
    return found


def response_of(stored: Stored) -> Response:
    """Return what came back for a request; raises as `attempt_of` does."""
    *columns, body = stored
    row = _checked(Row(*columns))
    return Response(
        id=row.id,
        at=datetime.fromisoformat(row.at),
        answer=None if row.answer is None else unpacked(row.answer, body),
        error=row.error,
        latency_seconds=row.latency_seconds,
    )


def fate_of(connection: sqlite3.Connection, request_hash: str, nth: int) -> Fate:
    """Return what came after a failure."""
    has_table = "SELECT 1 FROM sqlite_master WHERE name = 'outlived'"
    began_since = connection.execute(has_table).fetchone() is not None
    outlived = "id IN (SELECT id FROM outlived)" if began_since else _BEFORE_ANSWER
    rows = connection.execute(_SELECT_SETTLED.format(outlived), (request_hash, nth)).fetchall()
    settled = [bool(is_settled) for (is_settled,) in rows]
    if settled[:1] == [True]:
        return "outlived"
    return "repeated" if any(settled) else "last"


def outlive(connection: sqlite3.Connection, tape_ids: Iterable[str]) -> None:
    """Store that failures were outlived; within a transaction for writing."""
    names = ((tape_id,) for tape_id in tape_ids)
    connection.executemany("INSERT OR IGNORE INTO outlived VALUES (?)", names)


def count(connection: sqlite3.Connection) -> int:
    """Return how many attempts there are."""
    (attempts,) = connection.execute("SELECT count(*) FROM attempts").fetchone()
    return int(attempts)


def _checked(row: Row) -> Row:
    """Return a row whose columns are of the types they are written in, whatever SQLite allows."""
    kinds = tuple(map(type, row))
    if kinds not in _KINDS:
        raise ValueError("a row with columns of other types")
    return row

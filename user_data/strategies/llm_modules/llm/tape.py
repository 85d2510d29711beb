"""The tape: every request and its raw answer, stored once and never changed.

    texts      hash -> compressed JSON: a message, a tool, an answer, or a request naming the others
    attempts   id, hash of the request, nth, when, model, hash of the answer, error, seconds
    outlived   ids of failed attempts after which their run got an answer to a later question

The same request asked again is another attempt with the next `nth`: a temperature gives other
answers, and a replay can give the nth answer to the nth asking.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from llm_modules.errors import JournalError
from llm_modules.llm.ahead import ReadAhead
from llm_modules.llm.attempts import Attempt, Response, Texts
from llm_modules.llm.naming import Written
from llm_modules.llm.rows import (
    FORM,
    Fate,
    Row,
    attempt_of,
    count,
    fate_of,
    insert,
    outlive,
    response_of,
)
from llm_modules.llm.sqlite_file import SqliteFile


class Tape:
    """A SQLite file of attempts; several threads and processes may write it at once.

    Nothing is opened before the first use, and reading never makes a file: one that is not there
    is empty. Every method raises JournalError when the file cannot be used; the next tries anew.
    Other writers are waited for, a second or as long as `patience_seconds`.
    """

    def __init__(self, path: Path, patience_seconds: float | None = None) -> None:
        self._file = SqliteFile(path, FORM, patience_seconds)
        self._ahead = ReadAhead()
        self._ahead_of: sqlite3.Connection | None = None

    def record(
        self,
        request: Mapping[str, Any],
        answer: Mapping[str, Any] | None,
        *,
        error: str | None,
        at: datetime,
        latency_seconds: float,
        written: Written | None = None,
    ) -> str:
        """Store one attempt and return its id; `written` is the request, where it is known."""
        texts = Texts()
        try:
            request_hash = _added(texts, request, written)
            answer_hash = None if answer is None else texts.add(answer)
        except (TypeError, ValueError, RecursionError) as problem:
            raise JournalError("an attempt cannot be written as JSON") from problem
        model = str(request.get("model", ""))
        row = Row("", request_hash, 0, at.isoformat(), model, answer_hash, error, latency_seconds)
        return self._file.write(lambda connection: insert(connection, row, texts))

    def read(self, tape_id: str) -> Attempt | None:
        """Return an attempt with its texts put back, None when it is not on the tape.

        A file that is missing, or only just begun, holds nothing.
        """
        return self._file.read(lambda connection: attempt_of(connection, tape_id), None)

    def response(self, request_hash: str, nth: int) -> Response | None:
        """Return what came back for the nth asking of a request, None when it is not there."""
        return self._file.read(lambda connection: self._found(connection, request_hash, nth), None)

    def fate(self, request_hash: str, nth: int) -> Fate:
        """Return what came after the nth asking of a request, which is there and failed."""
        return self._file.read(lambda connection: fate_of(connection, request_hash, nth), "last")

    def outlive(self, tape_ids: Iterable[str]) -> None:
        """Store that the run went on after failed attempts, and got an answer."""
        self._file.write(lambda connection: outlive(connection, tape_ids))

    def count(self) -> int:
        """Return how many attempts there are."""
        return self._file.read(count, 0)

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        self._file.close()

    def _found(
        self, connection: sqlite3.Connection, request_hash: str, nth: int
    ) -> Response | None:
        # As long as it is open no other file can have its number; a later one may.
        if self._ahead_of is not connection:
            self._ahead, self._ahead_of = ReadAhead(), connection
        stored = self._ahead.find(connection, request_hash, nth)
        return None if stored is None else response_of(stored)


def _added(texts: Texts, request: Mapping[str, Any], written: Written | None) -> str:
    """Add a request and return its hash."""
    if written is None:
        return texts.add_request(request)
    texts.add_named(written.texts)
    return written.request_hash

"""The ledger: a row for every request that was sent, with what it is charged.

Times are milliseconds since 1970, in UTC. `kind` is what was asked for, until the decision that
came of it is known: then it is the tool's name.
"""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from llm_modules.dialogue import Expense, Inquiry
from llm_modules.llm.spending.charging import fault_kind
from llm_modules.llm.spending.periods import Period, Spent
from llm_modules.llm.sqlite_file import Form, SqliteFile

LEDGER_NAME = "llm_costs.sqlite"
# Its model is a program of ours: what it takes is play money, and counts for the sandbox alone.
SANDBOX = "sandbox"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
_FORM = Form(
    "ledger of costs",
    1,
    (
        """CREATE TABLE requests (
            id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, mode TEXT NOT NULL,
            provider TEXT NOT NULL, model TEXT NOT NULL, pair TEXT NOT NULL,
            decision_id TEXT NOT NULL, kind TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
            cached_tokens INTEGER, completion_tokens INTEGER NOT NULL, reasoning_tokens INTEGER,
            cost REAL, fault TEXT, tape_id TEXT, seconds REAL NOT NULL
        )""",
        "CREATE INDEX requests_at ON requests (at)",
        "CREATE INDEX requests_decision ON requests (decision_id) WHERE decision_id <> ''",
    ),
)
_SPENT = (
    "SELECT coalesce(sum(prompt_tokens + completion_tokens), 0), coalesce(sum(cost), 0.0)"
    " FROM requests WHERE id <= ? AND at >= ? AND at < ? AND (mode = 'sandbox') = ?"
)
# The empty id is excluded in words, or the index would not be used.
_NAME = (
    "UPDATE requests SET kind = ? WHERE decision_id = ? AND decision_id <> '' AND kind <> 'replay'"
)


class Row(NamedTuple):
    """A row of `requests` without its id, in the order of its columns."""

    at: int
    mode: str
    provider: str
    model: str
    pair: str
    decision_id: str
    kind: str
    prompt_tokens: int
    cached_tokens: int | None
    completion_tokens: int
    reasoning_tokens: int | None
    cost: float | None
    fault: str | None
    tape_id: str | None
    seconds: float


_INSERT = f"INSERT INTO requests VALUES (NULL, {', '.join('?' * len(Row._fields))})"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Charge:
    """What a row adds to the sums of the sandbox, or to all others, and when."""

    row_id: int
    is_sandbox: bool
    at: datetime
    spent: Spent


class Ledger:
    """A SQLite file of requests; several processes write it. All methods raise JournalError."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _FORM)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._file.path

    @property
    def generation(self) -> int:
        """Grows when another file is found under the name: ids mean nothing across it."""
        return self._file.generation

    def add(self, row: Row) -> int:
        """Store a request and return its id, which grows with each."""
        return self._file.write(lambda db: db.execute(_INSERT, row).lastrowid or 0)

    def named(self, decision_id: str, kind: str) -> None:
        """Call the requests of a decision by what came of it."""
        self._file.write(lambda db: db.execute(_NAME, (kind, decision_id)))

    def newest(self) -> int:
        """Return the id of the last row, 0 where there is none."""
        ((newest,),) = self.rows("SELECT coalesce(max(id), 0) FROM requests") or [(0,)]
        return int(newest)

    def after(self, row_id: int) -> list[Charge]:
        """Return what was charged after a row, by whichever process."""
        query = (
            "SELECT id, mode = 'sandbox', at, prompt_tokens + completion_tokens,"
            " coalesce(cost, 0.0) FROM requests WHERE id > ?"
        )
        return [
            Charge(found, bool(is_sandbox), moment(at), Spent(tokens, usd))
            for found, is_sandbox, at, tokens, usd in self.rows(query, row_id)
        ]

    def spent(self, period: Period, up_to_row: int, *, is_sandbox: bool = False) -> Spent:
        """Return the sums of a period over the rows up to one, of the sandbox or of all else."""
        start, end = milliseconds(period.start), milliseconds(period.end)
        found = self.rows(_SPENT, up_to_row, start, end, is_sandbox)
        return Spent(*found[0]) if found else Spent()

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return what a query finds, nothing where there is no ledger yet."""

        def found(db: sqlite3.Connection) -> list[Any]:
            return db.execute(query, values).fetchall()

        return self._file.read(found, [])

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        self._file.close()


def row_of(inquiry: Inquiry, expense: Expense, mode: str) -> Row:
    """Return the row of a request that was charged; of its fault only the stable word is kept."""
    usage = expense.usage
    return Row(
        at=milliseconds(expense.at),
        mode=mode,
        provider=expense.provider,
        model=expense.model,
        pair=inquiry.pair,
        decision_id=inquiry.decision_id,
        kind=inquiry.kind,
        prompt_tokens=usage.prompt_tokens or 0,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens or 0,
        reasoning_tokens=usage.reasoning_tokens,
        cost=expense.cost,
        fault=fault_kind(expense.fault),
        tape_id=expense.tape_id,
        seconds=expense.seconds,
    )


def milliseconds(at: datetime) -> int:
    """Return a time as the ledger has it."""
    return (at - EPOCH) // MILLISECOND


def moment(milliseconds_since_1970: int) -> datetime:
    """Return a time of the ledger as a time."""
    return EPOCH + milliseconds_since_1970 * MILLISECOND

"""Freqtrade's database, read without Freqtrade and without ever writing to it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from llm_modules.domain import RunMode
from llm_modules.journal.cross_checking import StoredTrades, Trade
from llm_modules.operations.places import shown

# How long a bot that is writing may keep us waiting.
WAIT_SECONDS = 5.0
# A statement locks out the bot's writing while it runs: a few milliseconds at a time.
ROWS_AT_ONCE = 2000

TRADES = """
SELECT t.id, t.pair, t.is_short, t.leverage, t.max_stake_amount, t.open_date, t.is_open,
       t.close_date, t.exit_reason, t.funding_fees, t.close_profit, t.close_profit_abs, c.cd_value
FROM trades t LEFT JOIN trade_custom_data c ON c.ft_trade_id = t.id AND c.cd_key = 'thesis'
WHERE t.id > ? ORDER BY t.id LIMIT ?
"""
# Freqtrade notes when it first ran on a database, which is before its first trade.
BEGAN = "SELECT datetime_value FROM \"KeyValueStore\" WHERE key = 'bot_start_time'"

# What a crash left half written only a writer may put right.
ADVICE = {
    "SQLITE_BUSY": "another program is writing to it; try again",
    "SQLITE_READONLY_ROLLBACK": "a crash left it in the middle of a write; start the bot once",
    "SQLITE_READONLY_RECOVERY": "a crash left it in the middle of a write; start the bot once",
    "SQLITE_CANTOPEN": "look at its permissions and those of its folder",
    "SQLITE_NOTADB": "it is no SQLite database; restore it from a backup",
    "SQLITE_CORRUPT": "it is damaged; restore it from a backup",
    "SQLITE_ERROR": "its tables are not those of the Freqtrade this bot is pinned to",
}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a database could not be read, and what to do."""

    text: str


def read_trades(path: Path, mode: RunMode) -> StoredTrades | Unreadable | None:
    """Read every trade of a database; None when there is no such file, so no trade either."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(address(path), timeout=WAIT_SECONDS, uri=True)) as database:
            began_at = _began_at(database)
            trades = {trade.key: trade for trade in _trades(database, path.name, mode)}
    except sqlite3.Error as error:
        advice = ADVICE.get(_code(error), "try again, or restore it")
        return Unreadable(f"{shown(path)} cannot be read ({error}): {advice}")
    except (TypeError, ValueError) as error:
        return Unreadable(f"{shown(path)} holds what is no trade ({error}); restore it")
    # A restored database may hold trades that are older than its note.
    first = min((trade.opened_at for trade in trades.values()), default=None)
    known = [at for at in (began_at, first) if at is not None]
    return StoredTrades(mode, trades, min(known, default=None))


def address(path: Path) -> str:
    """Return the URI that opens a database for reading without leaving a trace beside it."""
    beside = [path.with_name(path.name + ending) for ending in ("-wal", "-journal")]
    # Nobody has it open and nobody died with it open: SQLite need not make files to share it.
    is_at_rest = not any(one.exists() for one in beside)
    # Percent-encoded: a folder may have a # in its name.
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' * is_at_rest}"


def moment(stored: object) -> datetime:
    """Return a time of the database, which is in UTC without saying so; raises ValueError."""
    return datetime.fromisoformat(str(stored)).replace(tzinfo=UTC)


def _began_at(database: sqlite3.Connection) -> datetime | None:
    row = database.execute(BEGAN).fetchone()
    return None if row is None else moment(row[0])


def _trades(database: sqlite3.Connection, name: str, mode: RunMode) -> Iterator[Trade]:
    # By id, not by OFFSET, which passes over all earlier rows again each time.
    last = -1
    while rows := database.execute(TRADES, (last, ROWS_AT_ONCE)).fetchall():
        yield from (_trade(row, name, mode) for row in rows)
        last = rows[-1][0]


def _trade(row: tuple[object, ...], name: str, mode: RunMode) -> Trade:
    """Name the columns of a row as the bridge does; raises TypeError or ValueError."""
    (trade_id, pair, is_short, leverage, stake, opened, is_open) = row[:7]
    (closed, exit_reason, funding, ratio, absolute, thesis) = row[7:]
    opened_at = moment(opened)
    closed_at = opened_at if closed is None else moment(closed)
    return Trade(
        where=f"{name} trade {trade_id}",
        mode=mode,
        trade_id=int(_number(trade_id)),
        pair=str(pair),
        side="short" if is_short else "long",
        leverage=_number(leverage),
        stake_amount=_number(stake or 0.0),
        opened_at=opened_at,
        closed_at=None if is_open else closed_at,
        exit_reason=str(exit_reason or "unknown"),
        funding_fees=_number(funding or 0.0),
        profit_ratio=_number(ratio or 0.0),
        profit_abs=_number(absolute or 0.0),
        entry_decision_id=_decision_id(thesis),
    )


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"found {value!r}, expected a number")
    return float(value)


def _decision_id(thesis: object) -> str | None:
    try:
        stored = json.loads(str(thesis))
    except ValueError:
        return None
    named = stored.get("decision_id") if isinstance(stored, dict) else None
    return named if isinstance(named, str) else None


def _code(error: sqlite3.Error) -> str:
    # Extended codes such as SQLITE_CORRUPT_INDEX begin with the code they refine.
    name = str(getattr(error, "sqlite_errorname", ""))
    return next((code for code in ADVICE if name.startswith(code)), "")

"""Freqtrade's own models write the database that is read back here."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from freqtrade.persistence import KeyValueStore, Trade

from bookkeeping import EXIT_PRICE, sql
from builders import NOON, PAIR, a_thesis
from llm_modules.engine.bridge.trades import closed_trade, store_thesis
from llm_modules.journal.cross_checking import StoredTrades
from llm_modules.operations.records import stored_trades as reading
from llm_modules.operations.records.stored_trades import Unreadable, read_trades
from stored_trades import a_trade, an_order, let_go_of_database, open_database


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """An empty database of Freqtrade, begun an hour before noon, in a folder of an odd name."""
    folder = tmp_path / "odd # 100%"
    folder.mkdir()
    open_database(folder / "db.sqlite")
    KeyValueStore.store_value("bot_start_time", NOON - timedelta(hours=1))
    yield folder / "db.sqlite"
    Trade.session.remove()


def read(path: Path) -> StoredTrades:
    stored = read_trades(path, "sandbox")
    assert isinstance(stored, StoredTrades)
    return stored


def problem(path: Path) -> str:
    found = read_trades(path, "sandbox")
    assert isinstance(found, Unreadable)
    return found.text


def at_rest(path: Path) -> None:
    """Let go of the database, as a bot that ended in order."""
    let_go_of_database()
    assert not path.with_name(f"{path.name}-wal").exists()


def no_wal(path: Path) -> None:
    """Make it a database of before Freqtrade wrote ahead."""
    at_rest(path)
    sql(path, "PRAGMA journal_mode = delete")


def a_closed_one() -> Trade:
    trade = a_trade(is_short=True)
    trade.orders.append(an_order(trade, trade.exit_side, EXIT_PRICE, 1.0))
    trade.close_date = (NOON + timedelta(hours=2)).replace(tzinfo=None)
    trade.exit_reason = "stop_loss"
    trade.close(EXIT_PRICE, show_msg=False)
    Trade.commit()
    return trade


def test_no_database_is_none(tmp_path: Path) -> None:
    assert read_trades(tmp_path / "db.sqlite", "sandbox") is None
    assert list(tmp_path.iterdir()) == []


def test_a_new_database_has_no_trades_and_a_beginning(path: Path) -> None:
    stored = read(path)
    assert (stored.mode, dict(stored.trades)) == ("sandbox", {})
    assert stored.began_at == NOON - timedelta(hours=1)


def test_an_open_trade_is_read_as_the_bridge_would(path: Path) -> None:
    trade = a_trade()
    store_thesis(trade, a_thesis(decision_id="d-5"))
    (stored,) = read(path).trades.values()
    assert stored.key == ("sandbox", trade.id, trade.open_date_utc)
    assert (stored.pair, stored.side, stored.leverage) == (PAIR, "long", 4.0)
    assert (stored.closed_at, stored.exit_reason) == (None, "unknown")
    assert (stored.entry_decision_id, stored.where) == ("d-5", "db.sqlite trade 1")


def test_a_closed_trade_is_read_as_the_bridge_would(path: Path) -> None:
    expected = closed_trade(a_closed_one())
    (stored,) = read(path).trades.values()
    for name in ("pair", "side", "leverage", "opened_at", "closed_at", "exit_reason"):
        assert getattr(stored, name) == getattr(expected, name)
    # To the last bit: nothing is rounded on the way through the database.
    for name in ("profit_ratio", "profit_abs", "funding_fees", "stake_amount"):
        assert getattr(stored, name) == getattr(expected, name)
    assert stored.profit_abs < 0
    assert stored.entry_decision_id is None


def test_microseconds_are_kept_and_their_absence_is_read(path: Path) -> None:
    trade = a_trade()
    assert ("sandbox", trade.id, NOON) in read(path).trades
    trade.open_date = NOON.replace(tzinfo=None, microsecond=7)
    Trade.commit()
    assert ("sandbox", trade.id, NOON.replace(microsecond=7)) in read(path).trades


@pytest.mark.parametrize("rows_at_once", [1, 2, 3, 4])
def test_every_trade_is_read_in_whatever_portions(
    path: Path, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", rows_at_once)
    ids = [a_trade().id for _ in range(3)]
    assert [trade_id for _, trade_id, _ in read(path).trades] == ids


@pytest.mark.parametrize(
    "thesis", ["no JSON", "[1]", '"text"', '{"reason": "none"}', '{"decision_id": 7}']
)
def test_a_thesis_that_is_none_names_no_decision(path: Path, thesis: str) -> None:
    store_thesis(a_trade(), a_thesis())
    sql(path, "UPDATE trade_custom_data SET cd_value = ?", thesis)
    (stored,) = read(path).trades.values()
    assert stored.entry_decision_id is None


def test_other_things_kept_with_a_trade_are_no_thesis(path: Path) -> None:
    a_trade().set_custom_data("track", {"decision_id": "d-9"})
    (stored,) = read(path).trades.values()
    assert stored.entry_decision_id is None


def test_a_database_begins_with_its_first_trade_where_nothing_was_noted(path: Path) -> None:
    a_trade()
    sql(path, 'DELETE FROM "KeyValueStore"')
    assert read(path).began_at == NOON
    sql(path, "DELETE FROM trades")
    assert read(path).began_at is None


def test_a_trade_from_before_the_noted_beginning_moves_it(path: Path) -> None:
    trade = a_trade()
    trade.open_date = (NOON - timedelta(days=9)).replace(tzinfo=None)
    Trade.commit()
    assert read(path).began_at == NOON - timedelta(days=9)


def test_a_closed_trade_without_a_time_of_closing_is_closed_all_the_same(path: Path) -> None:
    a_closed_one()
    sql(path, "UPDATE trades SET close_date = NULL")
    (stored,) = read(path).trades.values()
    assert stored.closed_at == stored.opened_at


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE trades SET leverage = 'ten'", "found 'ten', expected a number"),
        ("UPDATE trades SET open_date = 'yesterday'", "Invalid isoformat"),
    ],
)
def test_a_row_that_is_no_trade_is_said(path: Path, change: str, said: str) -> None:
    a_trade()
    sql(path, change)
    assert said in problem(path)
    assert "restore it" in problem(path)


def test_a_file_that_is_no_database_is_said(path: Path) -> None:
    path.write_text("no database " * 1000, encoding="utf-8")
    assert "it is no SQLite database; restore it from a backup" in problem(path)


def test_a_damaged_database_is_said(path: Path) -> None:
    for _ in range(50):
        a_closed_one()
    Trade.session.remove()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    assert "it is damaged; restore it from a backup" in problem(path)


@pytest.mark.parametrize("content", ["", "CREATE TABLE trades (id INTEGER)"])
def test_other_tables_are_said(tmp_path: Path, content: str) -> None:
    sql(tmp_path / "other.sqlite", content)
    assert "not those of the Freqtrade" in problem(tmp_path / "other.sqlite")


def test_a_database_that_stays_locked_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WAIT_SECONDS", 0.01)
    no_wal(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("CREATE TABLE filler (text)")
        assert "another program is writing to it; try again" in problem(path)
    read(path)


def test_a_bot_that_is_writing_is_not_in_the_way_and_what_it_committed_is_read(path: Path) -> None:
    a_trade()
    assert path.with_name("db.sqlite-wal").exists()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM trades")
        assert len(read(path).trades) == 1


def test_after_a_kill_what_was_committed_is_read(path: Path, tmp_path: Path) -> None:
    a_trade()
    for name in ("db.sqlite", "db.sqlite-wal"):
        shutil.copy(path.with_name(name), tmp_path / name)
    assert len(read(tmp_path / "db.sqlite").trades) == 1


def test_reading_a_database_at_rest_leaves_nothing_beside_it(path: Path) -> None:
    a_trade()
    at_rest(path)
    before = path.read_bytes()
    assert len(read(path).trades) == 1
    assert [one.name for one in path.parent.iterdir()] == ["db.sqlite"]
    assert path.read_bytes() == before


CRASH = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 1")
database.execute("CREATE TABLE filler (text)")
database.executemany("INSERT INTO filler VALUES (?)", [("x" * 2000,)] * 200)
os.kill(os.getpid(), 9)
"""


def test_a_write_that_was_cut_off_by_a_kill_is_said_and_left_as_it_is(path: Path) -> None:
    no_wal(path)
    subprocess.run([sys.executable, "-c", CRASH, str(path)], check=False)  # noqa: S603 - our own
    assert path.with_name("db.sqlite-journal").exists()
    before = path.read_bytes()
    assert "a crash left it in the middle of a write; start the bot once" in problem(path)
    assert path.read_bytes() == before


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite").mkdir()
    assert "cannot be read" in problem(tmp_path / "db.sqlite")


def test_what_cannot_be_opened_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = path.with_name("gone.sqlite")
    gone.touch()
    address = reading.address(gone)
    gone.unlink()
    monkeypatch.setattr(reading, "address", lambda _: address)
    assert "look at its permissions" in problem(path)

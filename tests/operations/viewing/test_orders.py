"""The orders a decision led to, from a database as Freqtrade writes it."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from freqtrade.persistence import Trade

from builders import NOON, PAIR, a_decision_record
from llm_modules.journal.records import OutcomeRecord
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from llm_modules.operations.viewing.orders import NOT_EXECUTED, Execution, execution_of
from llm_modules.operations.viewing.showing import show_decision
from status_scenes import tell
from stored_trades import a_trade, let_go_of_database, open_database

TOOL = "signal_entry_long"


def an_entry(**changes: Any) -> Any:
    return a_decision_record(**({"tool": TOOL, "at": NOON - timedelta(seconds=1)} | changes))


def filled(**changes: Any) -> OutcomeRecord:
    values: dict[str, Any] = {
        "decision_id": "d-1",
        "at": NOON + timedelta(seconds=1),
        "pair": PAIR,
        "tool": TOOL,
        "outcome": "filled",
        "trade_id": 1,
    }
    return OutcomeRecord(**(values | changes))


def a_database(path: Path, *, is_open: bool = True, **changes: Any) -> Path:
    """Freqtrade's database with one trade, its entry order tagged as our strategy tags it."""
    open_database(path)
    trade = a_trade()
    trade.is_open = is_open
    for name, value in ({"ft_order_tag": TOOL} | changes).items():
        setattr(trade.orders[0], name, value)
    Trade.commit()
    let_go_of_database()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trades.sqlite"


def test_an_order_is_what_was_placed_and_what_was_filled(path: Path) -> None:
    found = execution_of(a_database(path), an_entry(), [filled()])
    (order,) = found.orders
    assert (found.trade_id, found.is_open, found.problem) == (1, True, "")
    assert (order.side, order.kind, order.status) == ("buy", "market", "closed")
    assert (order.price, order.average, order.amount, order.filled) == (100.0, 100.0, 1.0, 1.0)
    assert (order.cost, order.placed_at, order.filled_at) == (100.0, NOON, NOON)


def test_a_closed_trade_is_not_open(path: Path) -> None:
    assert execution_of(a_database(path, is_open=False), an_entry(), [filled()]).is_open is False


@pytest.mark.parametrize(
    "changes",
    [
        {"ft_order_tag": "adjust_position"},
        {"order_date": NOON + timedelta(seconds=4)},
        {"order_date": NOON - timedelta(seconds=4)},
        {"ft_pair": "ETH/USDT:USDT"},
    ],
)
def test_an_order_of_another_tool_time_or_pair_is_not_its_own(
    path: Path, changes: dict[str, Any]
) -> None:
    found = execution_of(a_database(path, **changes), an_entry(), [filled()])
    assert found.orders == ()
    assert found.problem.endswith("does not hold its order")


@pytest.mark.parametrize("seconds", [-3, 3])
def test_the_clocks_of_two_programs_may_differ_a_little(path: Path, seconds: int) -> None:
    database = a_database(path, order_date=NOON + timedelta(seconds=seconds))
    assert len(execution_of(database, an_entry(), [filled()]).orders) == 1


def test_what_never_reached_the_exchange_has_no_orders(path: Path) -> None:
    database = a_database(path)
    lapsed = filled(outcome="expired", trade_id=None)
    assert execution_of(database, an_entry(), []) == NOT_EXECUTED
    assert execution_of(database, an_entry(), [lapsed]) == NOT_EXECUTED
    assert execution_of(database, an_entry(tool=None), [filled()]) == NOT_EXECUTED
    assert execution_of(None, an_entry(), [filled()]) == NOT_EXECUTED


def test_a_database_that_is_gone_or_damaged_is_told(path: Path) -> None:
    assert execution_of(path, an_entry(), [filled()]) == Execution(1, problem=f"there is no {path}")
    path.write_bytes(b"no database at all" * 100)
    damaged = execution_of(path, an_entry(), [filled()])
    assert damaged.problem == f"{path} cannot be read: file is not a database"


@pytest.mark.parametrize("column", ["price", "order_date"])
def test_a_value_that_is_none_of_its_kind_is_told(path: Path, column: str) -> None:
    a_database(path)
    with sqlite3.connect(path) as database:
        database.execute(f"UPDATE orders SET {column} = 'much'")  # noqa: S608 - our own names
    found = execution_of(path, an_entry(), [filled()])
    assert "cannot be read: " in found.problem


def shown(session: Session, capsys: pytest.CaptureFixture[str]) -> str:
    tell(session.journals().decisions, an_entry(), filled())
    assert show_decision(session, "d-1") is ExitStatus.DONE
    return capsys.readouterr().out.partition("\nOrders\n")[2]


def test_the_story_of_a_decision_tells_its_orders(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    a_database(session.places.user_data / "tradesv3.sandbox.sqlite")
    assert shown(session, capsys) == (
        "  2026-01-15 12:00:00 UTC buy 1 market at 100: closed, "
        "filled 1 for 100 each at 12:00:00, worth 100\n  trade 1 is still open\n"
    )


def test_an_order_that_waits_says_that_nothing_is_filled(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    path = session.places.user_data / "tradesv3.sandbox.sqlite"
    waiting = {"status": None, "order_type": None, "filled": None, "order_filled_date": None}
    a_database(path, is_open=False, **waiting)
    assert shown(session, capsys) == (
        "  2026-01-15 12:00:00 UTC buy 1 at 100: unknown, nothing filled\n"
    )


def test_an_exchange_that_tells_no_average_leaves_the_price(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    path = session.places.user_data / "tradesv3.sandbox.sqlite"
    a_database(path, is_open=False, average=None, order_filled_date=None)
    assert shown(session, capsys).endswith("closed, filled 1 for 100 each, worth 100\n")

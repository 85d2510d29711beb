"""The orders a decision led to, from Freqtrade's database, which is only read."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from llm_modules.journal.records import DecisionRecord, OutcomeRecord
from llm_modules.operations.places import shown
from llm_modules.operations.records.stored_trades import address, moment

WAIT_SECONDS = 2.0
# An order is placed after its decision and before its outcome, by two clocks' reckoning.
CLOCK_SLACK = timedelta(seconds=2)
ORDERS = """
SELECT order_id, ft_order_side, order_type, status, price, average, amount, filled, cost,
       order_date, order_filled_date
FROM orders WHERE ft_trade_id = ? AND ft_pair = ? AND ft_order_tag = ? ORDER BY id
"""
IS_OPEN = "SELECT is_open FROM trades WHERE id = ? AND pair = ?"


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order as Freqtrade keeps it; `average` is the price it was filled at, `cost` its value."""

    order_id: str
    side: str
    kind: str | None
    status: str | None
    price: float | None
    average: float | None
    amount: float | None
    filled: float | None
    cost: float | None
    placed_at: datetime
    filled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Execution:
    """What a decision did at the exchange: its orders, and whether the trade is still open.

    `problem` says why they are not known; no trade, and nothing was ordered.
    """

    trade_id: int | None = None
    orders: tuple[StoredOrder, ...] = ()
    is_open: bool | None = None
    problem: str = ""


NOT_EXECUTED = Execution()


def execution_of(
    database: Path | None, decision: DecisionRecord, outcomes: Iterable[OutcomeRecord]
) -> Execution:
    """Return what a decision did; a database that cannot be read is told and not raised."""
    filled = [one for one in outcomes if one.trade_id is not None]
    if not filled or decision.tool is None or database is None:
        return NOT_EXECUTED
    trade_id = filled[-1].trade_id
    if not database.exists():
        return Execution(trade_id, problem=f"there is no {shown(database)}")
    window = (decision.at - CLOCK_SLACK, filled[-1].at + CLOCK_SLACK)
    wanted = (trade_id, decision.pair)
    try:
        with closing(sqlite3.connect(address(database), timeout=WAIT_SECONDS, uri=True)) as opened:
            rows = opened.execute(ORDERS, (*wanted, decision.tool)).fetchall()
            found = opened.execute(IS_OPEN, wanted).fetchone()
            orders = tuple(map(_order, rows))
    except (sqlite3.Error, TypeError, ValueError) as error:
        return Execution(trade_id, problem=f"{shown(database)} cannot be read: {error}")
    # Another database may have used the number before, and a tag comes more than once.
    mine = tuple(one for one in orders if window[0] <= one.placed_at <= window[1])
    if not mine:
        return Execution(trade_id, problem=f"{shown(database)} does not hold its order")
    return Execution(trade_id, mine, bool(found and found[0]))


def _order(row: tuple[object, ...]) -> StoredOrder:
    order_id, side, kind, status, price, average, amount, filled, cost, placed, filled_at = row
    return StoredOrder(
        order_id=str(order_id),
        side=str(side),
        kind=_text(kind),
        status=_text(status),
        price=_number(price),
        average=_number(average),
        amount=_number(amount),
        filled=_number(filled),
        cost=_number(cost),
        placed_at=moment(placed),
        filled_at=None if filled_at is None else moment(filled_at),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number(value: object) -> float | None:
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(f"found {value!r}, expected a number")

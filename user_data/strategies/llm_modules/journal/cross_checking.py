"""Closed trades as the journal tells them against those Freqtrade's database holds."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from llm_modules.domain import RunMode, Side
from llm_modules.journal.discrepancies import Discrepancy, Kind
from llm_modules.journal.records import TradeRecord

# A new database counts from 1 again: only both together name a trade.
Identity = tuple[int, datetime]

RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-12
# What a fee that became known late can change, in parts of the value traded: exchanges charge
# 0.1 % at most, and Freqtrade had assumed something.
LATE_FEE_RATIO = 0.002
COMPARED = (
    "pair",
    "side",
    "leverage",
    "exit_reason",
    "entry_decision_id",
    "funding_fees",
    "profit_ratio",
    "profit_abs",
)
PROFITS = {"profit_ratio", "profit_abs"}


@dataclass(frozen=True, slots=True)
class Trade:
    """What both sides say of a trade; `closed_at` is None while it is open.

    `where` names the line or the row. Ratios are leveraged, after fees and funding.
    """

    where: str
    trade_id: int
    pair: str
    side: Side
    leverage: float
    stake_amount: float
    opened_at: datetime
    closed_at: datetime | None
    exit_reason: str
    funding_fees: float
    profit_ratio: float
    profit_abs: float
    entry_decision_id: str | None

    @property
    def identity(self) -> Identity:
        """What names the trade for ever."""
        return self.trade_id, self.opened_at


@dataclass(frozen=True, slots=True)
class ToldTrade(Trade):
    """A record of the trade journal, as far as it is compared."""

    mode: RunMode
    exit_decision_id: str | None


@dataclass(frozen=True, slots=True)
class StoredBook:
    """All trades of one database by identity, and when it was begun (None: not known)."""

    mode: RunMode
    trades: Mapping[Identity, Trade]
    began_at: datetime | None

    def is_newer_than(self, at: datetime) -> bool:
        """Tell whether something happened before this database was begun."""
        return self.began_at is None or at < self.began_at


@dataclass(frozen=True, slots=True)
class Kept:
    """What retention left of a journal: whether lines went, and the time of the oldest there is."""

    has_let_go: bool
    oldest_at: datetime | None

    def may_have_lost(self, at: datetime) -> bool:
        """Tell whether a line of this time can be among those that were let go."""
        return self.has_let_go and (self.oldest_at is None or at <= self.oldest_at)


def told_trade(record: TradeRecord, where: str) -> ToldTrade:
    """Keep of a record what is compared: a hundred thousand whole ones take half a gigabyte."""
    return ToldTrade(
        where=where,
        trade_id=record.trade_id,
        pair=record.pair,
        side=record.side,
        leverage=record.leverage,
        stake_amount=record.stake_amount,
        opened_at=record.opened_at,
        closed_at=record.closed_at,
        exit_reason=record.exit_reason,
        funding_fees=record.funding_fees,
        profit_ratio=record.profit_ratio,
        profit_abs=record.profit_abs,
        entry_decision_id=record.entry.decision_id if record.entry else None,
        mode=record.mode,
        exit_decision_id=record.exit_decision_id,
    )


def check_trades(
    told: Iterable[ToldTrade], book: StoredBook, kept: Kept, young_since: datetime
) -> Iterator[Discrepancy]:
    """Compare the records of one mode with its database, both ways.

    What closed at `young_since` or later may still be on its way into the journal.
    """
    left = {trade.identity: trade for trade in told}
    lonely: list[Trade] = []
    for identity, stored in book.trades.items():
        record = left.pop(identity, None)
        if record is not None:
            yield from _differences(record, stored, book.mode)
        elif stored.closed_at is not None:
            lonely.append(stored)
    namesakes = {
        record.trade_id: record
        for record in left.values()
        if not book.is_newer_than(record.opened_at)
    }
    for stored in lonely:
        namesake = namesakes.get(stored.trade_id)
        if namesake is None:
            yield _without_record(stored, kept, young_since)
        else:
            del left[namesake.identity]
            yield _differs(namesake, stored, "opened_at")
    for record in left.values():
        yield _without_trade(record, book)


def _differences(record: ToldTrade, stored: Trade, mode: RunMode) -> Iterator[Discrepancy]:
    if stored.closed_at is None:
        yield Discrepancy("differs", record.where, "a closed trade", f"{stored.where} is open")
        return
    differing = [name for name in COMPARED if not _is_same(record, stored, name)]
    if differing and PROFITS.issuperset(differing) and _may_be_a_late_fee(record, stored, mode):
        found = f"trade {record.trade_id}: profit_abs {record.profit_abs!r}"
        yield Discrepancy("corrected", record.where, found, repr(stored.profit_abs))
        return
    for name in differing:
        yield _differs(record, stored, name)


def _is_same(record: ToldTrade, stored: Trade, name: str) -> bool:
    told, held = getattr(record, name), getattr(stored, name)
    if isinstance(told, float) and isinstance(held, float):
        return math.isclose(told, held, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    # Read back from the database, a thesis of another version is none.
    is_unknown = name == "entry_decision_id" and told is None
    return is_unknown or bool(told == held)


def _may_be_a_late_fee(record: ToldTrade, stored: Trade, mode: RunMode) -> bool:
    # Simulated fees are known at once.
    most = LATE_FEE_RATIO * record.stake_amount * record.leverage
    return mode == "live" and abs(record.profit_abs - stored.profit_abs) <= most


def _differs(record: ToldTrade, stored: Trade, name: str) -> Discrepancy:
    found = f"trade {record.trade_id}: {name} {_shown(getattr(record, name))}"
    expected = f"{_shown(getattr(stored, name))} as in {stored.where}"
    return Discrepancy("differs", record.where, found, expected)


def _shown(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _without_record(stored: Trade, kept: Kept, young_since: datetime) -> Discrepancy:
    closed_at = stored.closed_at or stored.opened_at
    kind: Kind = "not recorded"
    if closed_at >= young_since:
        kind = "on its way"
    elif kept.may_have_lost(closed_at):
        kind = "not kept"
    found = f"{stored.pair} closed {closed_at:%Y-%m-%d %H:%M:%S} and has no record"
    return Discrepancy(kind, stored.where, found, "a record of every closed trade")


def _without_trade(record: ToldTrade, book: StoredBook) -> Discrepancy:
    kind: Kind = "earlier database" if book.is_newer_than(record.opened_at) else "unknown trade"
    found = f"trade {record.trade_id} opened {record.opened_at:%Y-%m-%d %H:%M:%S}"
    return Discrepancy(kind, record.where, found, f"a trade of the {book.mode} database")

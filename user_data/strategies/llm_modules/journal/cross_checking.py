"""Closed trades as the journal tells them against those Freqtrade's database holds."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from llm_modules.domain import RunMode, Side
from llm_modules.journal.discrepancies import Discrepancy, Kind
from llm_modules.journal.records import TradeKey, TradeRecord

# SQLite and JSON keep a float whole; this is room for the last bit of other arithmetic.
RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-12
# What a fee that became known late can change, in parts of the value traded: exchanges charge
# 0.1 % at most, and Freqtrade had assumed something.
LATE_FEE_RATIO = 0.002
# Not closing time, rates and stake: Freqtrade may set them anew when it looks at an order again,
# and a record fills in what it left empty. What came of them, the profits, is compared.
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
    mode: RunMode
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
    def key(self) -> TradeKey:
        """What names the trade for ever."""
        return self.mode, self.trade_id, self.opened_at


@dataclass(frozen=True, slots=True)
class RecordedTrade(Trade):
    """A record of the trade journal, as far as it is compared."""

    exit_decision_id: str | None


@dataclass(frozen=True, slots=True)
class StoredTrades:
    """All trades of one database by their keys, and when it was begun (None: not known)."""

    mode: RunMode
    trades: Mapping[TradeKey, Trade]
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


def recorded_trade(record: TradeRecord, where: str) -> RecordedTrade:
    """Keep of a record what is compared: a hundred thousand whole ones take half a gigabyte."""
    return RecordedTrade(
        where=where,
        mode=record.mode,
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
        exit_decision_id=record.exit_decision_id,
    )


def check_trades(
    recorded: Iterable[RecordedTrade], database: StoredTrades, kept: Kept, young_since: datetime
) -> Iterator[Discrepancy]:
    """Compare the records of one mode with its database, both ways.

    What closed at `young_since` or later may still be on its way into the journal.
    """
    left = {trade.key: trade for trade in recorded}
    lonely: list[Trade] = []
    for key, stored in database.trades.items():
        record = left.pop(key, None)
        if record is not None:
            yield from _differences(record, stored)
        elif stored.closed_at is not None:
            lonely.append(stored)
    # An edited opening time leaves a trade without record and a record without trade: told as one.
    namesakes = {
        record.trade_id: record
        for record in left.values()
        if not database.is_newer_than(record.opened_at)
    }
    for stored in lonely:
        namesake = namesakes.get(stored.trade_id)
        if namesake is None:
            yield _without_record(stored, kept, young_since)
        else:
            del left[namesake.key]
            yield _differs(namesake, stored, "opened_at")
    for record in left.values():
        yield _without_trade(record, database)


def _differences(record: RecordedTrade, stored: Trade) -> Iterator[Discrepancy]:
    if stored.closed_at is None:
        yield Discrepancy("differs", record.where, "a closed trade", f"{stored.where} is open")
        return
    differing = [name for name in COMPARED if not _is_same(record, stored, name)]
    if differing and PROFITS.issuperset(differing) and _may_be_a_late_fee(record, stored):
        found = f"trade {record.trade_id}: profit_abs {record.profit_abs!r}"
        yield Discrepancy("corrected", record.where, found, repr(stored.profit_abs))
        return
    for name in differing:
        yield _differs(record, stored, name)


def _is_same(record: RecordedTrade, stored: Trade, name: str) -> bool:
    recorded, held = getattr(record, name), getattr(stored, name)
    if isinstance(recorded, float) and isinstance(held, float):
        return math.isclose(recorded, held, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    # Read back from the database, a thesis of another version is none.
    is_unknown = name == "entry_decision_id" and recorded is None
    return is_unknown or bool(recorded == held)


def _may_be_a_late_fee(record: RecordedTrade, stored: Trade) -> bool:
    # Simulated fees are known at once.
    most = LATE_FEE_RATIO * record.stake_amount * record.leverage
    return record.mode == "live" and abs(record.profit_abs - stored.profit_abs) <= most


def _differs(record: RecordedTrade, stored: Trade, name: str) -> Discrepancy:
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


def _without_trade(record: RecordedTrade, database: StoredTrades) -> Discrepancy:
    is_earlier = database.is_newer_than(record.opened_at)
    kind: Kind = "earlier database" if is_earlier else "unknown trade"
    found = f"trade {record.trade_id} opened {record.opened_at:%Y-%m-%d %H:%M:%S}"
    return Discrepancy(kind, record.where, found, f"a trade of the {database.mode} database")

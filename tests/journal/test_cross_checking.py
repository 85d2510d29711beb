from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builders import NOON, a_trade_record
from llm_modules.domain import RunMode
from llm_modules.journal.cross_checking import (
    LATE_FEE_RATIO,
    Kept,
    RecordedTrade,
    StoredTrades,
    Trade,
    check_trades,
    recorded_trade,
)
from llm_modules.journal.discrepancies import Discrepancy

YEAR = timedelta(days=365)
ALL_KEPT = Kept(has_let_go=False, oldest_at=None)
Finding = tuple[str, str]


def recorded(**changes: Any) -> RecordedTrade:
    return replace(recorded_trade(a_trade_record(), "line 1"), **changes)


def stored(**changes: Any) -> Trade:
    """What the database holds of that very trade."""
    values = {field.name: getattr(recorded(), field.name) for field in fields(Trade)}
    return Trade(**(values | {"where": "db trade 7"} | changes))


def database(*trades: Trade, **changes: Any) -> StoredTrades:
    values: dict[str, Any] = {"mode": "sandbox", "began_at": NOON - YEAR}
    by_key = {trade.key: trade for trade in trades}
    return StoredTrades(**({"trades": by_key} | values | changes))


def found(
    records: Sequence[RecordedTrade], held: StoredTrades, kept: Kept = ALL_KEPT
) -> list[Discrepancy]:
    return list(check_trades(records, held, kept, NOON + YEAR))


def kinds(*arguments: Any) -> list[str]:
    return [one.kind for one in found(*arguments)]


def test_a_record_that_says_what_the_database_says_fits() -> None:
    assert found([recorded()], database(stored())) == []


def test_nothing_on_either_side_fits() -> None:
    assert found([], database()) == []


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("pair", "ETH/USDT:USDT"),
        ("side", "short"),
        ("leverage", 4.0),
        ("exit_reason", "stop_loss"),
        ("entry_decision_id", "d-9"),
        ("entry_decision_id", None),
        ("funding_fees", -0.02),
        ("profit_ratio", 0.059),
        ("profit_abs", 5.9),
    ],
)
def test_what_differs_is_named_with_both_values(name: str, other: object) -> None:
    (one,) = found([recorded()], database(stored(**{name: other})))
    assert (one.kind, one.where) == ("differs", "line 1")
    assert one.found == f"trade 7: {name} {getattr(recorded(), name)!r}"
    assert one.expected == f"{other!r} as in db trade 7"


def test_several_differences_are_all_named() -> None:
    assert kinds([recorded()], database(stored(side="short", leverage=9.0))) == [
        "differs",
        "differs",
    ]


@pytest.mark.parametrize(("factor", "fits"), [(1 + 0.9e-9, True), (1 + 2e-9, False)])
def test_profits_may_differ_by_rounding_only(factor: float, fits: bool) -> None:
    assert (found([recorded()], database(stored(profit_abs=5.8 * factor))) == []) is fits


@pytest.mark.parametrize(("rest", "fits"), [(0.9e-12, True), (1.1e-12, False)])
def test_near_zero_the_tolerance_is_absolute(rest: float, fits: bool) -> None:
    records = [recorded(profit_ratio=0.0)]
    assert (found(records, database(stored(profit_ratio=rest))) == []) is fits


def test_a_thesis_of_another_version_is_unknown_to_the_record_and_no_fault() -> None:
    assert found([recorded(entry_decision_id=None)], database(stored())) == []


def test_whole_numbers_from_the_database_are_those_of_the_record() -> None:
    assert found([recorded(leverage=3.0)], database(stored(leverage=3))) == []


@pytest.mark.parametrize(
    ("mode", "share", "kind"),
    [
        ("live", 0.99, "corrected"),
        ("live", -0.99, "corrected"),
        ("live", 1.01, "differs"),
        ("dry_run", 0.99, "differs"),
    ],
)
def test_a_late_fee_is_told_apart_where_fees_can_be_late(
    mode: RunMode, share: float, kind: str
) -> None:
    late = share * LATE_FEE_RATIO * recorded().stake_amount * recorded().leverage
    held = database(stored(profit_abs=5.8 + late, mode=mode), mode=mode)
    (one,) = found([recorded(mode=mode)], held)
    assert one.kind == kind


def test_a_late_fee_explains_nothing_but_profits() -> None:
    held = database(stored(profit_abs=5.81, exit_reason="roi", mode="live"), mode="live")
    assert kinds([recorded(mode="live")], held) == ["differs", "differs"]


def test_a_record_of_a_trade_that_is_open_differs() -> None:
    (one,) = found([recorded()], database(stored(closed_at=None)))
    assert (one.kind, one.expected) == ("differs", "db trade 7 is open")


def test_an_open_trade_needs_no_record() -> None:
    assert found([], database(stored(closed_at=None))) == []


def test_a_closed_trade_without_record_is_named() -> None:
    (one,) = found([], database(stored()))
    assert (one.kind, one.where) == ("not recorded", "db trade 7")
    assert one.found == "BTC/USDT:USDT closed 2026-01-15 11:00:00 and has no record"


@pytest.mark.parametrize(
    ("seconds", "kind"), [(-1, "not recorded"), (0, "on its way"), (1, "on its way")]
)
def test_a_trade_that_closed_a_moment_ago_is_on_its_way(seconds: int, kind: str) -> None:
    held = database(stored(closed_at=NOON + timedelta(seconds=seconds)))
    (one,) = check_trades([], held, ALL_KEPT, NOON)
    assert one.kind == kind


@pytest.mark.parametrize(
    ("has_let_go", "oldest_at", "kind"),
    [
        (True, None, "not kept"),
        (True, NOON - timedelta(hours=1), "not kept"),
        (True, NOON - timedelta(hours=1, seconds=1), "not recorded"),
        (False, NOON, "not recorded"),
    ],
)
def test_records_that_retention_let_go_are_not_missed(
    has_let_go: bool, oldest_at: datetime | None, kind: str
) -> None:
    assert kinds([], database(stored()), Kept(has_let_go, oldest_at)) == [kind]


def test_a_record_without_trade_is_made_up() -> None:
    (one,) = found([recorded()], database())
    assert (one.kind, one.where) == ("unknown trade", "line 1")
    assert one.found == "trade 7 opened 2026-01-15 09:00:00"


@pytest.mark.parametrize(
    ("began_at", "kind"),
    [
        (NOON - timedelta(hours=3), "unknown trade"),
        (NOON - timedelta(hours=3) + timedelta(seconds=1), "earlier database"),
        (None, "earlier database"),
    ],
)
def test_a_record_older_than_the_database_is_of_an_earlier_one(
    began_at: datetime | None, kind: str
) -> None:
    assert kinds([recorded()], database(began_at=began_at)) == [kind]


def test_an_edited_opening_time_is_one_fault_and_not_two() -> None:
    later = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
    (one,) = found([recorded(opened_at=later)], database(stored()))
    assert one.kind == "differs"
    assert one.found == "trade 7: opened_at 2026-01-15T09:30:00+00:00"
    assert one.expected == "2026-01-15T09:00:00+00:00 as in db trade 7"


def test_a_number_used_again_by_a_new_database_confuses_nothing() -> None:
    old = recorded(opened_at=NOON - 2 * YEAR)
    assert kinds([old, recorded()], database(stored())) == ["earlier database"]
    assert sorted(kinds([old], database(stored()))) == ["earlier database", "not recorded"]

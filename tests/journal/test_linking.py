from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from builders import NOON, PAIR, a_decision_record, a_trade_record
from llm_modules.journal.cross_checking import (
    Kept,
    RecordedTrade,
    StoredTrades,
    Trade,
    recorded_trade,
)
from llm_modules.journal.discrepancies import Discrepancy
from llm_modules.journal.linking import (
    REACH,
    Links,
    TradeNames,
    Witness,
    check_lesson,
)
from llm_modules.journal.parts import FoundLine
from llm_modules.journal.records import DecisionLine, HaltRecord, LessonRecord, OutcomeRecord

YEAR = timedelta(days=365)
OPENED_AT = a_trade_record().opened_at
LONG = "signal_entry_long"
ETH = "ETH/USDT:USDT"


def entry(name: str = "d-1", **changes: Any) -> DecisionLine:
    values = {"decision_id": name, "at": OPENED_AT, "tool": LONG, "status": "approved"}
    return a_decision_record(**(values | changes))


def outcome(name: str = "d-1", **changes: Any) -> OutcomeRecord:
    values: dict[str, Any] = {
        "decision_id": name,
        "at": OPENED_AT,
        "pair": PAIR,
        "tool": LONG,
        "outcome": "filled",
        "trade_id": 7,
    }
    return OutcomeRecord(**(values | changes))


def recorded(**changes: Any) -> RecordedTrade:
    """A trade that was entered by d-1 and left by nobody's decision."""
    return replace(
        recorded_trade(a_trade_record(exit_decision_id=None), "trades line 1"), **changes
    )


def names(*trades: Trade, began_at: datetime = NOON - YEAR) -> TradeNames:
    database = StoredTrades("sandbox", {trade.key: trade for trade in trades}, began_at)
    return TradeNames({"sandbox": database}, [])


def links(trade_names: TradeNames, tape: Witness | None = None, **changes: Any) -> Links:
    settings: dict[str, Any] = {"young_since": NOON + YEAR, "has_let_go": False}
    return Links(trade_names, tape, **(settings | changes))


def seen(chosen: Links, *lines: DecisionLine) -> list[Discrepancy]:
    """What is found on the way along these lines."""
    return [
        one
        for number, line in enumerate(lines, start=1)
        for one in chosen.take(line, FoundLine("d.jsonl", number, b""))
    ]


def kinds(found: list[Discrepancy]) -> list[str]:
    return [one.kind for one in found]


def test_a_trade_that_was_decided_filled_and_recorded_fits() -> None:
    chosen = links(names(recorded()))
    assert seen(chosen, entry(), outcome()) == []
    assert list(chosen.of_trades([recorded()])) == []
    assert chosen.decisions == 1


def test_a_trade_of_the_database_names_its_entry_alone() -> None:
    values = {field.name: getattr(recorded(), field.name) for field in fields(Trade)}
    stored = Trade(**(values | {"closed_at": None}))
    chosen = links(names(stored))
    assert seen(chosen, entry(), outcome()) == []
    assert list(chosen.of_trades([stored])) == []
    assert kinds(list(chosen.of_trades([replace(stored, entry_decision_id="d-9")]))) == [
        "unresolved"
    ]


def test_halts_name_nothing() -> None:
    halt = HaltRecord(at=NOON, mode="sandbox", event="halted", text="a drill", equity=None)
    assert seen(links(names()), halt) == []


# Decisions


def test_an_id_that_is_used_again_is_told_twice() -> None:
    (one,) = seen(links(names()), entry(), entry(pair=ETH))
    assert (one.kind, one.where) == ("told twice", "d.jsonl line 2")


def test_of_two_decisions_with_one_id_the_first_counts() -> None:
    chosen = links(names(recorded()))
    found = seen(chosen, entry(), entry(pair=ETH), outcome())
    assert kinds(found) == ["told twice"]


def test_a_decision_about_a_position_names_its_trade() -> None:
    assert seen(links(names(recorded())), entry(trade_id=7)) == []
    (one,) = seen(links(names(recorded())), entry(trade_id=8))
    assert (one.kind, one.found) == ("unknown trade", f"trade 8 of {PAIR}")
    (one,) = seen(links(names(recorded(pair=ETH))), entry(trade_id=7))
    assert (one.kind, one.expected) == ("unfit", f"trade 7 is one of {ETH}")


@pytest.mark.parametrize(
    ("began_at", "found"), [(OPENED_AT, 1), (OPENED_AT + timedelta(seconds=1), 0)]
)
def test_trades_of_an_earlier_database_cannot_be_told(began_at: datetime, found: int) -> None:
    assert len(seen(links(names(began_at=began_at)), entry(trade_id=8))) == found


def test_without_a_database_of_the_mode_trades_cannot_be_told() -> None:
    assert seen(links(names()), entry(mode="live", trade_id=8)) == []


@pytest.mark.parametrize(("seconds", "found"), [(1, 1), (0, 0), (-1, 0)])
def test_what_is_a_moment_old_may_name_a_trade_that_came_since(seconds: int, found: int) -> None:
    young_since = OPENED_AT + timedelta(seconds=seconds)
    assert len(seen(links(names(), young_since=young_since), entry(trade_id=8))) == found


def test_a_trade_is_also_known_from_its_record_but_not_from_one_of_an_earlier_database() -> None:
    database = StoredTrades("sandbox", {}, OPENED_AT)
    known = TradeNames({"sandbox": database}, [recorded()])
    assert seen(links(known), entry(trade_id=7)) == []
    earlier = TradeNames({"sandbox": database}, [recorded(opened_at=OPENED_AT - YEAR)])
    assert kinds(seen(links(earlier), entry(trade_id=7))) == ["unknown trade"]


def test_attempts_are_counted_and_each_must_be_on_the_tape() -> None:
    chosen = links(names(), {"e-1": None, "e-2": "it is not there"}.__getitem__)
    (one,) = seen(chosen, entry(prompt_hash="p", tape_ids=("e-1", "e-2")))
    assert (one.kind, one.found) == ("missing on the tape", "attempt 'e-2': it is not there")
    assert chosen.attempts == 2


def test_without_a_tape_attempts_are_only_counted() -> None:
    chosen = links(names())
    assert seen(chosen, entry(tape_ids=("e-1",))) == []
    assert chosen.attempts == 1


@pytest.mark.parametrize(
    ("attempts", "tape_ids", "found"),
    [(1, (), ["not taped"]), (1, ("e",), []), (0, (), [])],
)
def test_a_request_that_is_not_on_the_tape_is_remarked(
    attempts: int, tape_ids: tuple[str, ...], found: list[str]
) -> None:
    line = entry(prompt_hash="p", attempts=attempts, tape_ids=tape_ids)
    assert kinds(seen(links(names()), line)) == found


# Outcomes


def test_an_outcome_must_follow_its_decision() -> None:
    (one,) = seen(links(names(recorded())), outcome(), entry())
    assert (one.kind, one.where) == ("unresolved", "d.jsonl line 1")
    assert one.found == "outcome of 'd-1', which is no decision before it"


@pytest.mark.parametrize("changes", [{"pair": ETH}, {"tool": "signal_entry_short"}])
def test_an_outcome_is_of_the_same_pair_and_tool(changes: dict[str, str]) -> None:
    found = seen(links(names()), entry(), outcome(outcome="expired", trade_id=None, **changes))
    assert kinds(found) == ["unfit"]


@pytest.mark.parametrize(
    ("status", "found"), [("clamped", []), ("refused", ["unfit"]), ("failed", ["unfit"])]
)
def test_only_what_was_approved_has_an_outcome(status: str, found: list[str]) -> None:
    lines = entry(status=status), outcome(outcome="expired", trade_id=None)
    assert kinds(seen(links(names()), *lines)) == found


def test_a_fill_names_a_trade() -> None:
    assert kinds(seen(links(names()), entry(), outcome())) == ["unknown trade"]
    assert seen(links(names()), entry(), outcome(outcome="expired")) == []


def test_a_fill_of_before_trades_were_named_names_none() -> None:
    assert seen(links(names()), entry(), outcome(trade_id=None)) == []


@pytest.mark.parametrize("opened_by", ["d-9", None])
def test_a_fill_names_the_trade_that_its_decision_opened(opened_by: str | None) -> None:
    chosen = links(names(recorded(entry_decision_id=opened_by)))
    (one,) = seen(chosen, entry(), outcome())
    assert (one.kind, one.expected) == ("unfit", f"trades line 1 was opened by {opened_by!r}")


def test_a_fill_of_an_earlier_database_is_not_looked_up() -> None:
    chosen = links(names(recorded(entry_decision_id="d-9"), began_at=NOON))
    assert seen(chosen, entry(), outcome()) == []


def test_one_entry_is_filled_once() -> None:
    (one,) = seen(links(names(recorded())), entry(), outcome(), outcome())
    assert (one.kind, one.where) == ("filled twice", "d.jsonl line 3")


def test_an_adjustment_may_be_filled_without_having_opened_anything() -> None:
    tool = "adjust_position"
    lines = entry(tool=tool, trade_id=7), outcome(tool=tool)
    assert seen(links(names(recorded(entry_decision_id="d-0"))), *lines) == []


# What retention let go


@pytest.mark.parametrize(
    ("has_let_go", "after", "kind"),
    [
        (True, timedelta(), "not kept"),
        (True, REACH, "not kept"),
        (True, REACH + timedelta(seconds=1), "unresolved"),
        (False, timedelta(), "unresolved"),
    ],
)
def test_a_decision_that_may_have_been_let_go_is_not_missed(
    has_let_go: bool, after: timedelta, kind: str
) -> None:
    chosen = links(names(), has_let_go=has_let_go)
    oldest, late = entry("oldest"), outcome("gone", at=OPENED_AT + after, outcome="expired")
    assert kinds(seen(chosen, oldest, late)) == [kind]


def test_where_nothing_was_kept_nothing_is_missed() -> None:
    assert kinds(list(links(names(), has_let_go=True).of_trades([recorded()]))) == ["not kept"]


# Trades


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pair": ETH}, f"'d-1' is {ETH} {LONG}, approved"),
        ({"tool": "signal_entry_short"}, f"'d-1' is {PAIR} signal_entry_short, approved"),
        ({"status": "refused"}, f"'d-1' is {PAIR} {LONG}, not approved"),
    ],
)
def test_a_trade_names_an_approved_entry_of_its_pair_and_side(
    changes: dict[str, str], said: str
) -> None:
    chosen = links(names(recorded()))
    seen(chosen, entry(**changes))
    unfit, *_ = list(chosen.of_trades([recorded()]))
    assert (unfit.kind, unfit.where, unfit.found) == ("unfit", "trades line 1", said)
    assert unfit.expected == f"{PAIR} {LONG}, approved"


def test_a_short_is_entered_short() -> None:
    chosen = links(names(recorded(side="short")))
    seen(chosen, entry(tool="signal_entry_short"), outcome(tool="signal_entry_short"))
    assert list(chosen.of_trades([recorded(side="short")])) == []


def test_a_trade_nobody_decided_on_names_nothing() -> None:
    assert list(links(names()).of_trades([recorded(entry_decision_id=None)])) == []


def test_an_entry_that_is_no_decision_is_unresolved() -> None:
    (one,) = links(names()).of_trades([recorded()])
    assert (one.kind, one.found) == ("unresolved", f"{LONG} by 'd-1'")


def test_an_exit_is_an_approved_exit_of_the_pair() -> None:
    trade = recorded(exit_decision_id="d-2")
    chosen = links(names(trade))
    seen(chosen, entry(), outcome(), entry("d-2", tool="signal_exit"))
    assert list(chosen.of_trades([trade])) == []
    (one,) = chosen.of_trades([replace(trade, exit_decision_id="d-1")])
    assert (one.kind, one.expected) == ("unfit", f"{PAIR} signal_exit, approved")
    (one,) = chosen.of_trades([replace(trade, exit_decision_id="d-3")])
    assert one.kind == "unresolved"


def test_an_open_trade_has_no_exit_yet() -> None:
    trade = recorded(closed_at=None, exit_decision_id="d-2")
    chosen = links(names(trade), has_let_go=True)
    seen(chosen, entry(), outcome())
    assert kinds(list(chosen.of_trades([trade]))) == ["not kept"]


def test_a_decision_opens_one_trade_and_every_other_is_named_with_it() -> None:
    others = [recorded(trade_id=number, where=f"trades line {number}") for number in (8, 9)]
    chosen = links(names(recorded(), *others))
    seen(chosen, entry(), outcome(trade_id=None))
    found = list(chosen.of_trades([recorded(), *others]))
    assert kinds(found) == ["filled twice", "filled twice"]
    assert found[1].found == "'d-1' opened trades line 9"
    assert [one.expected for one in found] == ["only trades line 1"] * 2


def test_a_trade_is_the_one_its_decision_filled() -> None:
    chosen = links(TradeNames({}, []))
    seen(chosen, entry(), outcome(trade_id=8))
    (one,) = chosen.of_trades([recorded()])
    assert (one.kind, one.expected) == ("unfit", "that filled trade 8")


@pytest.mark.parametrize(
    ("seconds", "kind"), [(1, "not filled"), (0, "on its way"), (-1, "on its way")]
)
def test_a_trade_whose_entry_was_not_filled_is_remarked(seconds: int, kind: str) -> None:
    chosen = links(names(recorded()), young_since=OPENED_AT + timedelta(seconds=seconds))
    seen(chosen, entry(), outcome(outcome="aborted", trade_id=None))
    assert kinds(list(chosen.of_trades([recorded()]))) == [kind]


# Lessons


def lesson(**changes: Any) -> LessonRecord:
    values: dict[str, Any] = {
        "at": NOON,
        "mode": "sandbox",
        "trade_id": 7,
        "opened_at": OPENED_AT,
        "pair": PAIR,
        "model": "cheap",
        "text": "wait for the retest",
    }
    return LessonRecord(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"pair": ETH}, ["unfit"]),
        ({"trade_id": 8}, ["unresolved"]),
        ({"mode": "live"}, ["unresolved"]),
        ({"opened_at": OPENED_AT + timedelta(seconds=1)}, ["unresolved"]),
    ],
)
def test_a_lesson_names_a_trade_that_was_recorded(
    changes: dict[str, Any], found: list[str]
) -> None:
    known = {("sandbox", 7, OPENED_AT): PAIR}
    all_kept = Kept(has_let_go=False, oldest_at=None)
    assert kinds(list(check_lesson(lesson(**changes), known, "line 2", all_kept))) == found


def test_the_trade_of_a_lesson_may_have_been_let_go() -> None:
    (one,) = check_lesson(lesson(), {}, "line 2", Kept(has_let_go=True, oldest_at=None))
    assert (one.kind, one.where) == ("not kept", "line 2")

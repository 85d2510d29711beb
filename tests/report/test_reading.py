from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, a_closed_trade, a_decision_record, a_trade_record
from llm_modules.domain import ClosedTrade
from llm_modules.journal.records import (
    HaltRecord,
    LessonRecord,
    OutcomeRecord,
    Reason,
    Reflection,
)
from llm_modules.operations.records.journals import Journals
from llm_modules.report.decided import NEWEST_REFUSED, Decided
from llm_modules.report.reading import LINES_PER_REPORT, Facts, closed_trade, newest_mode, read
from llm_modules.report.span import Span
from report_weeks import append, recorded, write_lines

DAY = timedelta(days=1)
SPAN = Span("dry_run", NOON - DAY, NOON)


def a_halt(**changes: Any) -> HaltRecord:
    values: dict[str, Any] = {"at": NOON, "mode": "dry_run", "event": "halted", "text": "by hand"}
    return HaltRecord(**(values | {"equity": None} | changes))


def an_outcome(**changes: Any) -> OutcomeRecord:
    values: dict[str, Any] = {"decision_id": "d-1", "at": NOON, "pair": "BTC/USDT:USDT"}
    return OutcomeRecord(**(values | {"tool": "signal_exit", "outcome": "filled"} | changes))


def a_lesson(**changes: Any) -> LessonRecord:
    trade = a_trade_record()
    values: dict[str, Any] = {
        "at": NOON,
        "mode": "dry_run",
        "trade_id": trade.trade_id,
        "opened_at": trade.opened_at,
        "pair": trade.pair,
        "model": "test-model",
        "text": "wait for the close",
    }
    return LessonRecord(**(values | changes))


def decided(*lines: Any) -> Decided:
    found = Decided(SPAN)
    for line in lines:
        found.take(line)
    return found


def a_decision(**changes: Any) -> Any:
    return a_decision_record(**({"mode": "dry_run", "at": NOON} | changes))


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "llm_decisions.jsonl", tmp_path / "trade_experience.jsonl")


def facts(journals: Journals, span: Span = SPAN) -> Facts:
    return read(journals, span, lambda _file, _count: None)


@pytest.mark.parametrize(
    ("mode", "at", "counts"),
    [
        ("dry_run", NOON, True),
        ("dry_run", NOON - DAY, True),
        ("dry_run", NOON + timedelta(seconds=1), False),
        ("dry_run", NOON - DAY - timedelta(seconds=1), False),
        ("sandbox", NOON, False),
        ("live", NOON, False),
    ],
)
def test_only_records_of_the_mode_and_the_days_count(mode: Any, at: Any, counts: Any) -> None:
    found = decided(a_decision(mode=mode, at=at), a_halt(mode=mode, at=at))
    assert (found.n, len(found.halts)) == (counts, counts)


def test_outcomes_are_no_decisions() -> None:
    assert decided(an_outcome()).n == 0


def test_decisions_are_counted_by_tool_and_verdict() -> None:
    found = decided(
        a_decision(tool="signal_wait"),
        a_decision(tool="signal_wait"),
        a_decision(tool="signal_entry_long", status="refused"),
        a_decision(tool=None, default_tool="signal_hold", status="failed"),
        a_decision(tool=None, status="failed"),
    )
    assert found.verdicts == {
        ("signal_wait", "approved"): 2,
        ("signal_entry_long", "refused"): 1,
        ("signal_hold", "failed"): 1,
        ("none", "failed"): 1,
    }
    assert (found.count("failed"), found.count("approved"), found.count("skipped")) == (2, 2, 0)


def test_a_check_is_counted_by_what_it_did_and_quoted_as_it_spoke_last() -> None:
    first = (Reason(code="STAKE", kind="refusal", text="too much"),)
    later = (
        Reason(code="STAKE", kind="clamp", text="cut"),
        Reason(code="TREND", kind="remark", text="hm"),
    )
    found = decided(
        a_decision(at=NOON - DAY, status="refused", reasons=first),
        a_decision(reasons=later),
    )
    assert found.checks["STAKE"].counts == {"refusal": 1, "clamp": 1}
    assert (found.checks["STAKE"].newest, found.checks["STAKE"].text) == (NOON, "cut")
    assert found.checks["TREND"].counts == {"remark": 1}


def test_of_refused_decisions_the_newest_are_kept() -> None:
    many = [
        a_decision(decision_id=f"d-{number}", status="refused")
        for number in range(NEWEST_REFUSED + 1)
    ]
    found = decided(*many, a_decision())
    assert [one.decision_id for one in found.refused] == [one.decision_id for one in many[1:]]


def test_the_account_is_taken_where_it_is_known() -> None:
    found = decided(a_decision(equity=None), a_decision(equity=990.5))
    assert found.equity == [(int(NOON.timestamp() * 1000), 990.5)]


def test_the_newest_timeframe_that_is_told_is_that_of_the_report() -> None:
    found = decided(a_decision(timeframe="1m"), a_decision(timeframe="30m"), a_decision())
    assert found.timeframe == "30m"


def test_pairs_and_models_are_named() -> None:
    found = decided(a_decision(model="a", pair="X"), a_decision(model="b"), a_decision(model="b"))
    assert found.models == {"a": 1, "b": 2}
    assert found.pairs == {"X", "BTC/USDT:USDT"}


def test_without_journals_there_is_no_mode_and_nothing_to_report(journals: Journals) -> None:
    assert newest_mode(journals) is None
    assert facts(journals).is_empty


def test_the_newest_line_names_the_mode(journals: Journals) -> None:
    write_lines(journals.decisions, [a_decision(mode="sandbox"), an_outcome()])
    assert newest_mode(journals) == "sandbox"
    write_lines(journals.trades, [a_trade_record(mode="backtest", at=NOON + 2 * DAY)])
    assert newest_mode(journals) == "sandbox"
    later = a_trade_record(mode="live", at=NOON + DAY)
    write_lines(journals.trades, [later, a_lesson(at=NOON - DAY)])
    assert newest_mode(journals) == "live"


@pytest.mark.parametrize(
    ("decisions", "trades"),
    [([a_decision()], []), ([a_halt()], []), ([], [a_trade_record(mode="dry_run")])],
)
def test_anything_in_these_days_is_something_to_report(
    journals: Journals, decisions: Any, trades: Any
) -> None:
    write_lines(journals.decisions, decisions)
    write_lines(journals.trades, trades)
    assert not facts(journals).is_empty


def test_trades_come_in_the_order_of_their_closing_each_once(journals: Journals) -> None:
    late = a_trade_record(mode="dry_run", trade_id=1, closed_at=NOON)
    early = a_trade_record(mode="dry_run", trade_id=2, closed_at=NOON - DAY)
    write_lines(journals.trades, [late, early, late])
    assert [one.trade_id for one in facts(journals).trades] == [2, 1]


def test_memory_holds_what_closed_before_these_days_and_nothing_after(journals: Journals) -> None:
    times = {1: NOON - 9 * DAY, 2: NOON - DAY, 3: NOON, 4: NOON + DAY}
    trades = [
        a_trade_record(mode="dry_run", trade_id=number, closed_at=at, opened_at=at - DAY)
        for number, at in times.items()
    ]
    write_lines(journals.trades, [*trades, a_trade_record(mode="sandbox", trade_id=5)])
    found = facts(journals)
    assert [one.trade_id for one in found.trades] == [2, 3]
    assert [one.trade_id for one in found.past] == [1, 2, 3]
    assert [one.trade_id for one in found.lately] == [2, 3]


def test_a_lesson_is_told_as_a_model_worded_it_or_by_the_rules_or_as_a_summary(
    journals: Journals,
) -> None:
    worded = a_trade_record(mode="dry_run")
    ruled = a_trade_record(mode="dry_run", trade_id=8)
    summed = a_trade_record(
        mode="dry_run", trade_id=9, reflection=Reflection(summary="a small win", lessons=())
    )
    write_lines(
        journals.trades, [worded, a_lesson(), a_lesson(mode="live", text="no"), ruled, summed]
    )
    found = facts(journals)
    assert [found.lesson(one) for one in found.trades] == [
        "wait for the close",
        "keep the stop",
        "a small win",
    ]
    assert found.lesson(a_closed_trade(trade_id=77)) is None


def test_torn_and_foreign_lines_are_counted_and_passed_over(journals: Journals) -> None:
    write_lines(journals.decisions, [a_decision()])
    append(journals.decisions, '{"kind": "decision", "at"\nnonsense\n{"kind": "dec')
    write_lines(journals.trades, [a_trade_record(mode="dry_run")])
    append(journals.trades, "\x00\x00\n")
    found = facts(journals)
    assert list(found.bad_lines.values()) == [2, 1]
    assert (found.decided.n, len(found.trades)) == (1, 1)


def test_a_long_journal_tells_how_far_it_is(journals: Journals) -> None:
    line = f"{an_outcome().model_dump_json(by_alias=True)}\n"
    journals.decisions.write_text(line * (LINES_PER_REPORT + 1), encoding="utf-8")
    told: list[tuple[str, int]] = []
    read(journals, SPAN, lambda *said: told.append(said))
    assert told == [("llm_decisions.jsonl", LINES_PER_REPORT)]


def test_a_record_becomes_the_trade_it_is_about() -> None:
    trade = a_closed_trade(liquidation_price=None)
    assert closed_trade(recorded(trade)) == trade
    unexplained = replace(trade, thesis=None)
    assert closed_trade(recorded(unexplained)) == unexplained


def test_nothing_of_a_trade_is_forgotten_but_what_no_record_holds() -> None:
    assert {one.name for one in fields(ClosedTrade)} >= {"thesis", "liquidation_price"}
    assert closed_trade(a_trade_record(exit_facts={"rsi": 71.0})).exit_facts == {"rsi": 71.0}

from datetime import timedelta
from pathlib import Path

import pytest

from backtest_report_scenes import an_outcome, some_trades, write_journals, write_lines
from builders import NOON, a_closed_trade, a_decision_record, a_trade_record
from llm_modules.backtest.report.journals import read
from llm_modules.journal.records import HaltRecord, LessonRecord, Reflection


def test_a_run_without_journals_tells_nothing(tmp_path: Path) -> None:
    found = read(an_outcome(tmp_path))
    assert (found.statuses, found.costs, found.unpriced, found.bad_lines) == ({}, (), 0, 0)
    assert found.reliability.n == 0


def test_costs_keep_their_time_and_order(tmp_path: Path) -> None:
    write_journals(tmp_path)
    found = read(an_outcome(tmp_path))
    assert found.costs == tuple((NOON + timedelta(hours=hour), 0.3) for hour in range(5))


def test_a_question_without_a_price_is_unpriced_unless_nothing_was_sent(tmp_path: Path) -> None:
    records = [
        a_decision_record(decision_id="d-1", attempts=2, cost=None),
        a_decision_record(decision_id="d-2", attempts=0, cost=None, status="failed"),
        a_decision_record(decision_id="d-3", attempts=1, cost=0.0),
    ]
    write_lines(tmp_path / "llm_decisions.jsonl", records)
    found = read(an_outcome(tmp_path))
    assert found.unpriced == 1
    assert [cost for _, cost in found.costs] == [0.0]


def test_a_halt_is_no_decision(tmp_path: Path) -> None:
    halt = HaltRecord(at=NOON, mode="backtest", event="halted", text="by hand", equity=None)
    write_lines(tmp_path / "llm_decisions.jsonl", [halt, a_decision_record()])
    assert read(an_outcome(tmp_path)).statuses == {"approved": 1}


def test_confidence_is_held_against_results(tmp_path: Path) -> None:
    write_journals(tmp_path, some_trades())
    whole = read(an_outcome(tmp_path)).reliability
    assert (whole.n, whole.wins) == (3, 2)
    assert whole.mean_confidence == pytest.approx((0.70 + 0.83 + 0.70) / 3)


def test_a_trade_has_the_first_lesson_the_rules_drew(tmp_path: Path) -> None:
    write_journals(tmp_path, some_trades())
    found = read(an_outcome(tmp_path))
    assert [found.lesson(trade) for trade in some_trades()] == [
        "lesson of trade 1",
        "lesson of trade 2",
        "lesson of trade 3",
    ]


def test_a_trade_that_taught_nothing_has_its_summary(tmp_path: Path) -> None:
    record = a_trade_record(reflection=Reflection(summary="won 5.8 %", lessons=()))
    write_lines(tmp_path / "trade_experience.jsonl", [record])
    assert read(an_outcome(tmp_path)).lesson(a_closed_trade()) == "won 5.8 %"


def test_a_lesson_that_a_model_worded_takes_the_place_of_the_rules(tmp_path: Path) -> None:
    record = a_trade_record()
    worded = LessonRecord(
        at=NOON,
        mode="backtest",
        trade_id=record.trade_id,
        opened_at=record.opened_at,
        pair=record.pair,
        model="m",
        text="in its own words",
    )
    write_lines(tmp_path / "trade_experience.jsonl", [record, worded])
    assert read(an_outcome(tmp_path)).lesson(a_closed_trade()) == "in its own words"


def test_a_trade_of_the_same_number_and_another_time_is_another(tmp_path: Path) -> None:
    write_lines(tmp_path / "trade_experience.jsonl", [a_trade_record()])
    other = a_closed_trade(opened_at=NOON - timedelta(days=30))
    assert read(an_outcome(tmp_path)).lesson(other) is None


def test_unreadable_lines_of_both_journals_are_counted(tmp_path: Path) -> None:
    write_journals(tmp_path, some_trades())
    for journal in ("llm_decisions.jsonl", "trade_experience.jsonl"):
        with (tmp_path / journal).open("a", encoding="utf-8") as file:
            file.write("no record\n")
    found = read(an_outcome(tmp_path))
    assert found.bad_lines == 2
    assert (sum(found.statuses.values()), found.reliability.n) == (6, 3)

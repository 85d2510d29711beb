import math
from datetime import timedelta
from typing import Any

import pytest

from builders import NOON, a_booking, a_decision_record
from llm_modules.backtest.tally import MOST_FAILURES, Tally
from llm_modules.engine.recording import outcome_record
from llm_modules.errors import BacktestError


def failed(fault: str) -> Any:
    return a_decision_record(status="failed", tool=None, call={}, approved=None, fault=fault)


def test_decisions_are_counted_and_those_asked_for_apart() -> None:
    tally = Tally()
    for status in ("approved", "refused", "skipped"):
        tally.heard(a_decision_record(status=status, attempts=0))
    tally.heard(outcome_record(a_booking(), "filled", NOON, trade_id=1))
    assert (tally.decided, tally.asked) == (3, 2)


def test_costs_are_summed_until_one_is_unknown() -> None:
    tally = Tally()
    assert tally.cost == 0.0
    tally.heard(a_decision_record(attempts=1, cost=0.25))
    tally.heard(a_decision_record(attempts=2, cost=0.5))
    assert tally.cost == 0.75
    tally.heard(a_decision_record(attempts=1, cost=None))
    tally.heard(a_decision_record(attempts=1, cost=1.0))
    assert tally.cost is None


@pytest.mark.parametrize("costs", [[0.1] * 10, [1e-320, 0.3, 1e9, 0.1, 0.1], [0.001234567] * 99])
def test_what_a_run_costs_is_the_sum_to_the_last_bit(costs: list[float]) -> None:
    tally = Tally()
    for number, cost in enumerate(costs, start=1):
        tally.heard(a_decision_record(attempts=1, cost=cost))
        assert tally.cost == math.fsum(costs[:number])


def test_what_was_never_asked_has_no_unknown_price() -> None:
    tally = Tally()
    tally.heard(a_decision_record(status="skipped", attempts=0, cost=None))
    tally.heard(a_decision_record(status="failed", attempts=0, cost=None))
    assert tally.cost == 0.0


def test_the_account_is_kept_candle_by_candle() -> None:
    tally = Tally()
    tally.stood(NOON, 1000.0)
    tally.stood(NOON + timedelta(minutes=30), 990.0)
    start = int(NOON.timestamp() * 1000)
    assert tally.equity.at.tolist() == [start, start + 1_800_000]
    assert tally.equity.values.tolist() == [1000.0, 990.0]


def test_a_model_that_fails_now_and_then_is_no_reason_to_stop() -> None:
    tally = Tally()
    for _ in range(3):
        for _ in range(MOST_FAILURES - 1):
            tally.heard(failed("connection: refused"))
        tally.demand_sense(NOON)
        tally.heard(a_decision_record())
    tally.demand_sense(NOON)


def test_a_model_that_is_gone_ends_the_run() -> None:
    tally = Tally()
    for _ in range(MOST_FAILURES):
        tally.heard(failed("connection: refused"))
    with pytest.raises(BacktestError, match="12:00 UTC: connection: refused"):
        tally.demand_sense(NOON)


@pytest.mark.parametrize("fault", ["over_budget: spent", "unauthorised: wrong key"])
def test_what_no_other_answer_can_mend_ends_the_run_at_once(fault: str) -> None:
    tally = Tally()
    tally.heard(failed(fault))
    tally.heard(a_decision_record())
    with pytest.raises(BacktestError, match=f"stopped at 2026-01-15 12:00 UTC: {fault}"):
        tally.demand_sense(NOON)


def test_an_answer_that_is_not_on_the_tape_names_the_command_that_asks() -> None:
    tally = Tally()
    tally.heard(failed("not_on_tape: the tape holds 3 requests"))
    with pytest.raises(BacktestError, match=r"\./manage\.sh backtest asks the model, after"):
        tally.demand_sense(NOON)


def test_what_is_left_at_the_end_replaces_the_last_look() -> None:
    tally = Tally()
    tally.stood(NOON, 1000.0)
    tally.stood(NOON + timedelta(minutes=30), 990.0)
    tally.ended(NOON + timedelta(minutes=30), 989.5)
    assert tally.equity.values.tolist() == [1000.0, 989.5]


def test_a_run_without_a_candle_has_its_end_alone() -> None:
    tally = Tally()
    tally.ended(NOON, 1000.0)
    assert tally.equity.values.tolist() == [1000.0]

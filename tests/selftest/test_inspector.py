"""The inspector notices each broken promise by itself, and nothing where none was broken."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import a_booking
from llm_modules.selftest.bench import Parts
from llm_modules.selftest.inspector import Inspector
from llm_modules.selftest.orders import Order
from llm_modules.selftest.stage import PAIR, Stage
from shipped import shipped_config


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(shipped_config(), tmp_path, Parts())
    yield stage
    stage.close()


def broken(inspector: Inspector) -> list[str]:
    return [breach.invariant for breach in inspector.breaches]


def an_order(stage: Stage, **changes: Any) -> Order:
    order = Order(
        "case-1", "entry", "signal_entry_long", PAIR, "long", 1.0, 50.0, None, stage.now, 100.0
    )
    return replace(order, **changes)


def approved(stage: Stage) -> Order:
    """An approved entry, and the order that carries it out as it was approved."""
    record = stage.booked_entry()
    assert record.approved is not None
    return an_order(
        stage,
        decision_id=record.decision_id,
        leverage=record.approved.leverage,
        stake=record.approved.stake_amount,
    )


def test_an_approved_order_breaks_nothing(stage: Stage) -> None:
    stage.enter()
    stage.next_candle()
    stage.say("adjust_position", adjustment_pct=50)
    stage.act()
    inspector = stage.inspector
    assert inspector.breaches == []
    assert (inspector.orders, inspector.fills) == (2, 2)
    assert inspector.statuses == {"approved": 2}
    assert inspector.checked["I3"] == inspector.checked["I7"] == 2
    assert inspector.worst["max_leverage"].value == 1.0


def test_an_order_nobody_decided_on(stage: Stage) -> None:
    stage.inspector.ordered(an_order(stage, decision_id=""), None)
    assert broken(stage.inspector) == ["I3"]


@pytest.mark.parametrize(
    ("tag", "invariants"), [("emergency_stop", []), ("halt", []), ("whim", ["I3"])]
)
def test_an_exit_without_a_decision_has_to_be_a_forced_one(
    stage: Stage, tag: str, invariants: list[str]
) -> None:
    forced = an_order(stage, decision_id="", kind="exit", tag=tag, stake=0.0)
    stage.inspector.ordered(forced, None)
    assert broken(stage.inspector) == invariants


def test_a_forced_exit_may_not_add(stage: Stage) -> None:
    stage.inspector.ordered(an_order(stage, decision_id="", tag="halt"), None)
    assert broken(stage.inspector) == ["I3"]


def test_an_order_whose_decision_was_never_approved(stage: Stage) -> None:
    stage.inspector.ordered(an_order(stage, decision_id="made up"), a_booking())
    assert broken(stage.inspector) == ["I3"]


@pytest.mark.parametrize("field", ["stake", "leverage"])
def test_an_order_larger_than_it_was_approved(stage: Stage, field: str) -> None:
    order = approved(stage)
    larger: dict[str, Any] = {field: getattr(order, field) * 1.001}
    stage.inspector.ordered(replace(order, **larger), a_booking())
    assert broken(stage.inspector) == ["I3"]


def test_a_retry_with_other_numbers(stage: Stage) -> None:
    order = approved(stage)
    stage.inspector.ordered(order, a_booking())
    stage.inspector.ordered(order, a_booking())
    assert broken(stage.inspector) == []
    stage.inspector.ordered(order, a_booking(leverage=10.0))
    assert broken(stage.inspector) == ["I7"]


def test_a_decision_carried_out_a_second_time(stage: Stage) -> None:
    order = approved(stage)
    stage.act()
    stage.inspector.ordered(order, None)
    assert broken(stage.inspector) == ["I3", "I7"]


def test_an_order_while_halted(stage: Stage) -> None:
    order = approved(stage)
    stage.inspector.halted = True
    stage.inspector.ordered(replace(order, kind="exit", stake=0.0), a_booking())
    assert broken(stage.inspector) == []
    stage.inspector.ordered(order, a_booking())
    assert broken(stage.inspector) == ["I5"]


def test_an_approval_while_halted(stage: Stage) -> None:
    stage.inspector.halted = True
    stage.booked_entry()
    assert broken(stage.inspector) == ["I5"]


def test_a_desk_that_does_not_know_of_a_halt(stage: Stage) -> None:
    account = stage.account.state(stage.rates)
    stage.bench.switch.flatten.touch()
    stage.inspector.looked(account, stage.now)
    assert (stage.inspector.halted, broken(stage.inspector)) == (True, ["I5"])


@pytest.mark.parametrize("equity", [float("nan"), float("inf"), 0.0, -1.0])
def test_an_equity_nobody_knows_halts(stage: Stage, equity: float) -> None:
    account = replace(stage.account.state(stage.rates), equity=equity)
    stage.inspector.looked(account, stage.now)
    assert stage.inspector.halted


@pytest.mark.parametrize(
    ("limits", "equity", "halted"),
    [
        ({"emergency_stop_loss": -0.1, "emergency_day_loss": None}, 9_000.0, False),
        ({"emergency_stop_loss": -0.1, "emergency_day_loss": None}, 8_900.0, True),
        ({"emergency_stop_loss": -0.9, "emergency_day_loss": None}, 8_900.0, False),
        ({"emergency_stop_loss": -0.9, "emergency_day_loss": -0.1}, 8_900.0, True),
    ],
)
def test_a_fall_seen_three_times_has_to_halt(
    tmp_path: Path, limits: dict[str, Any], equity: float, halted: bool
) -> None:
    stage = Stage(shipped_config(**limits), tmp_path, Parts())
    account = replace(stage.account.state(stage.rates), equity=equity)
    for _ in range(2):
        stage.inspector.looked(account, stage.now)
        assert not stage.inspector.halted
    stage.inspector.looked(account, stage.now)
    assert stage.inspector.halted is halted
    # Once tripped it stays so, whatever the equity, until someone resumes.
    risen = replace(account, equity=20_000.0)
    stage.inspector.looked(risen, stage.now)
    assert stage.inspector.halted is halted
    stage.inspector.resumed()
    stage.inspector.looked(risen, stage.now)
    assert not stage.inspector.halted
    stage.close()


def test_two_breaches_and_a_recovery_are_no_trip(stage: Stage) -> None:
    account = stage.account.state(stage.rates)
    for equity in (5_000.0, 5_000.0, 10_000.0, 5_000.0, 5_000.0):
        stage.inspector.looked(replace(account, equity=equity), stage.now)
        assert not stage.inspector.halted


def test_a_new_day_has_a_peak_of_its_own(stage: Stage) -> None:
    account = stage.account.state(stage.rates)
    for _ in range(5):
        stage.inspector.looked(replace(account, equity=8_900.0), stage.now + timedelta(days=1))
    assert not stage.inspector.halted


def test_a_position_without_a_stop(stage: Stage) -> None:
    stage.inspector.protected(stage.enter(), None)
    assert broken(stage.inspector) == ["I6"]


@pytest.mark.parametrize("side", ["long", "short"])
def test_a_stop_that_moved_away(stage: Stage, side: str) -> None:
    holding = stage.enter(side)
    stage.inspector.protected(holding, holding.stop)
    assert broken(stage.inspector) == []
    stage.inspector.protected(holding, holding.stop - holding.sign * 0.01)
    assert broken(stage.inspector) == ["I6"]


def test_a_stop_farther_than_configured(stage: Stage) -> None:
    holding = replace(stage.enter(), trade_id=99)
    stage.inspector.protected(holding, holding.open_rate * 0.95)
    assert broken(stage.inspector) == []
    stage.inspector.protected(replace(holding, trade_id=100), holding.open_rate * 0.949)
    assert broken(stage.inspector) == ["I1"]


def test_more_held_than_all_stakes_may_be(stage: Stage) -> None:
    stage.enter()
    stage.account.enter("ETH/USDT:USDT", "long", 1.0, 7_500.0, 100.0, stage.now)
    stage.inspector.settled()
    assert broken(stage.inspector) == ["I2"]


def test_more_value_held_than_all_positions_may_have(stage: Stage) -> None:
    stage.enter()
    stage.account.enter("ETH/USDT:USDT", "long", 100.0, 500.0, 100.0, stage.now)
    stage.inspector.settled()
    assert broken(stage.inspector) == ["I2"]


def test_before_the_first_approval_sums_have_nothing_to_be_held_to(stage: Stage) -> None:
    stage.account.enter("ETH/USDT:USDT", "long", 1.0, 9_000.0, 100.0, stage.now)
    stage.inspector.settled()
    assert broken(stage.inspector) == []


def test_more_positions_than_slots(stage: Stage) -> None:
    stage.account.pending_entries |= {"A", "B", "C", "D"}
    stage.inspector.settled()
    assert broken(stage.inspector) == []
    stage.account.pending_entries.add("E")
    stage.inspector.settled()
    assert broken(stage.inspector) == ["I1"]


@pytest.mark.parametrize(
    ("minutes", "profit_ratio", "invariants"),
    [(4, 0.1, ["I1"]), (6, 0.1, []), (4, 0.0, []), (4, -0.1, [])],
)
def test_a_profit_left_before_its_time(
    stage: Stage, minutes: int, profit_ratio: float, invariants: list[str]
) -> None:
    holding = stage.enter()
    stage.next_candle(timedelta(days=1))
    record = stage.say("signal_exit")
    assert record.approved is not None
    opened_at = stage.candle_at - timedelta(minutes=minutes)
    position = replace(holding.position(101.0), opened_at=opened_at, profit_ratio=profit_ratio)
    question = stage.question()
    question = replace(question, world=replace(question.world, positions={PAIR: position}))
    stage.inspector.judged(question, record)
    assert broken(stage.inspector) == invariants


def test_the_worst_use_of_a_limit_is_kept(stage: Stage) -> None:
    for count in (2, 4, 1):
        stage.account.pending_entries = {str(number) for number in range(count)}
        stage.inspector.settled()
    assert stage.inspector.worst["max_open_trades"].value == 4


def test_the_worst_use_of_a_floor_is_the_lowest(stage: Stage) -> None:
    for confidence in (60, 40, 80):
        stage.next_candle()
        stage.say("signal_entry_long", confidence_score=confidence)
    assert stage.inspector.worst["min_confidence"].value == 40


def test_what_the_gate_said_is_counted(stage: Stage) -> None:
    stage.say("signal_entry_long", confidence_score=1, leverage=100)
    assert stage.inspector.counts["MIN_CONFIDENCE", "refusal"] == 1
    assert stage.inspector.counts["MAX_LEVERAGE", "clamp"] == 1
    assert stage.inspector.statuses == {"refused": 1}

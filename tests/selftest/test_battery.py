"""The battery passes on sound parts whatever the settings, and fails on each broken one."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ConfigDict

from builders import a_booking
from llm_modules.config import RiskConfig
from llm_modules.domain import Side
from llm_modules.engine.book import Booking, DecisionBook
from llm_modules.engine.desk import Desk
from llm_modules.gate.checker import DecisionChecker
from llm_modules.gate.emergency import EmergencyStop, Standing
from llm_modules.gate.proposal import propose
from llm_modules.gate.verdict import GateState, Verdict
from llm_modules.selftest import battery
from llm_modules.selftest.battery import CASES, run_case, run_cases, time_the_gate
from llm_modules.selftest.bench import Parts
from llm_modules.selftest.market import CANDLE, WINDOW_ROWS, recorded_market
from llm_modules.selftest.replay import Replay
from llm_modules.selftest.stage import Case, Seen, Stage
from llm_modules.tools.calls import ToolCall
from shipped import DATA, shipped_config

STRANGE: dict[str, dict[str, Any]] = {
    "the model chooses nothing": {"allow_model_freedom": False},
    "wide open": {
        "max_leverage": 125,
        "max_position_pct": 100,
        "max_total_stake_pct": 100,
        "max_total_notional_pct": 12_500,
        "max_correlated_pct": 100,
        "risk_per_trade_pct": 100,
    },
    "leverage 125 for everyone": {
        "max_leverage": 125,
        "default_leverage": 125,
        "allow_model_freedom": False,
    },
    "one slot, one entry an hour": {"max_open_trades": 1, "max_entries_per_hour": 1},
    "tiny limits": {
        "max_leverage": 1,
        "default_leverage": 1,
        "max_position_pct": 0.01,
        "max_total_stake_pct": 0.01,
        "max_total_notional_pct": 0.1,
        "risk_per_trade_pct": 0.01,
        "max_stop_pct": 0.1,
        "max_price_drift_pct": 0.001,
    },
    "every claim refused, long pauses, few hours": {
        "trading_hours_utc": "22:00-02:00",
        "max_funding_rate_pct": 0,
        "rsi_tolerance": 0,
        "min_confidence": 100,
        "trend_claim": "refuse",
        "levels_claim": "refuse",
        "cooldown_candles_after_loss": 1000,
        "max_loss_streak": 1,
        "loss_streak_pause_candles": 1000,
        "min_holding_candles": 1000,
        "daily_loss_limit_pct": 0.1,
    },
    "sized by ATR, trailing, a nervous emergency stop": {
        "position_sizing": "atr",
        "trailing_activate_pct": 0.1,
        "trailing_give_back_pct": 0.1,
        "emergency_stop_loss": -0.001,
        "emergency_day_loss": None,
    },
}


@pytest.mark.parametrize("limits", STRANGE.values(), ids=STRANGE)
def test_the_battery_passes_whatever_the_limits(limits: dict[str, Any]) -> None:
    results = list(run_cases(shipped_config(**limits), Parts()))
    assert [result for result in results if not result.passed] == []
    assert len(results) == len(CASES) + 1


@pytest.mark.parametrize("limits", STRANGE.values(), ids=STRANGE)
def test_a_reckless_model_stays_within_whatever_limits(
    tmp_path: Path, limits: dict[str, Any]
) -> None:
    replay = played(tmp_path, Parts(), candles=60, **limits)
    assert replay.inspector.breaches == []


# What follows proves that the battery can fail: one broken part per invariant.


class ApprovesEverything(DecisionChecker):
    def judge(self, call: ToolCall, state: GateState) -> Verdict:
        return Verdict(propose(call, state, self._risk), (), "none")


class FailsOpen(DecisionChecker):
    """Takes a check that failed for one that had nothing to say."""

    def judge(self, call: ToolCall, state: GateState) -> Verdict:
        verdict = super().judge(call, state)
        if all(reason.code == "GATE_INTERNAL_ERROR" for reason in verdict.reasons):
            return Verdict(propose(call, state, self._risk), (), "none")
        return verdict


class ForgetsPromises(DecisionBook):
    def promised(self, version: int) -> tuple[Booking, ...]:
        return ()


class HandsOutTwice(DecisionBook):
    """Keeps a booking after its order was filled."""

    def settle(self, pair: str, tool: str, version: int) -> Booking | None:
        booking = super().settle(pair, tool, version)
        if booking is not None:
            self.put(booking)
        return booking


class ChangesItsNumbers(DecisionBook):
    """Gives the retry of an order another leverage, as the reference system did."""

    looks = 0

    def look(self, pair: str, kind: Any, now: datetime) -> Booking | None:
        booking = super().look(pair, kind, now)
        self.looks += 1
        # Three looks make an attempt, so that the next one finds another size.
        smaller = 1 + self.looks % 2
        return booking and replace(booking, stake_amount=booking.stake_amount / smaller)


class MakesThingsUp(Desk):
    """Finds an entry where nothing was approved."""

    def entry(self, pair: str, now: datetime) -> Booking | None:
        return a_booking(pair=pair, valid_until=now + CANDLE, lowest_price=0.0, highest_price=1e9)

    def confirm_entry(self, pair: str, side: Side, price: float, now: datetime) -> bool:
        return True


class IgnoresHalts(EmergencyStop):
    def observe(self, equity: float, open_trades: int, now: datetime) -> Standing:
        standing = super().observe(equity, open_trades, now)
        return replace(standing, halted=False, exit_tag=None, day_start_equity=1e-9)

    def is_halted_now(self) -> bool:
        return False


class LoosensStops(Desk):
    """Moves every stop a little further away each time it is asked."""

    asked = 0

    def stop_price(self, trade_id: int) -> float | None:
        stop = super().stop_price(trade_id)
        position = self._tracker.get(trade_id)
        if stop is None or position is None:
            return None
        self.asked += 1
        away = 1e-5 * self.asked * (1 if position.side == "long" else -1)
        return stop * (1 - away)


class ForgetsStops(Desk):
    def stop_price(self, trade_id: int) -> float | None:
        return None


class Slow(DecisionChecker):
    def judge(self, call: ToolCall, state: GateState) -> Verdict:
        time.sleep(battery.MOST_MS / 1000)
        return super().judge(call, state)


BROKEN: list[tuple[str, Parts]] = [
    ("I1", Parts(checker=ApprovesEverything)),
    ("I3", Parts(desk=MakesThingsUp)),
    ("I4", Parts(checker=FailsOpen)),
    ("I5", Parts(emergency=IgnoresHalts)),
    ("I6", Parts(desk=LoosensStops)),
    ("I6", Parts(desk=ForgetsStops)),
    ("I7", Parts(book=HandsOutTwice)),
    ("I7", Parts(book=ChangesItsNumbers)),
]


@pytest.mark.parametrize(("invariant", "parts"), BROKEN)
def test_a_broken_part_makes_its_invariant_fail(invariant: str, parts: Parts) -> None:
    config = shipped_config()
    shown = [case for case in CASES if case.invariant == invariant]
    results = [run_case(case, config, parts) for case in shown]
    failed = [result for result in results if not result.passed]
    assert invariant in {result.invariant for result in failed}


@pytest.mark.parametrize(
    ("invariant", "parts"),
    [
        *(item for item in BROKEN if item[0] != "I4"),
        ("I2", Parts(book=ForgetsPromises)),
    ],
)
def test_the_replay_alone_notices_a_broken_part(
    tmp_path: Path, invariant: str, parts: Parts
) -> None:
    limits = {
        "max_total_stake_pct": 25,
        "max_correlated_pct": 100,
        "max_leverage": 3,
        "risk_per_trade_pct": 100,
    }
    replay = played(tmp_path, parts, candles=400, **limits)
    assert invariant in {breach.invariant for breach in replay.inspector.breaches}


def test_a_slow_gate_fails_and_a_fast_one_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(battery, "TIMED_VERDICTS", 3)
    slow = time_the_gate(shipped_config(), Parts(checker=Slow))
    assert (slow.invariant, slow.passed, slow.tried) == ("I8", False, 3)
    monkeypatch.setattr(battery, "MOST_MS", 1e6)
    assert time_the_gate(shipped_config(), Parts()).passed


def test_the_disk_can_only_be_full_where_there_is_such_a_journal() -> None:
    (case,) = (case for case in CASES if "disk full" in case.name)
    result = run_case(replace(case, part=lambda parts: parts), shipped_config(), Parts())
    assert "needs the journal that can be full" in result.detail


def test_limits_that_can_be_changed_in_place_are_noticed() -> None:
    class Melted(RiskConfig):
        model_config = ConfigDict(frozen=False)

    config = shipped_config()
    melted = Melted.model_validate(config.risk_management.model_dump())
    (case,) = (case for case in CASES if "changed in memory" in case.name)
    config = config.model_copy(update={"risk_management": melted})
    result = run_case(case, config, Parts())
    assert result.detail == "BrokenPromiseError: max_leverage could be changed in place"


def a_case(attempt: Callable[[Stage], Seen]) -> Case:
    return Case("a scene", "I3", attempt)


def test_a_case_that_raises_is_a_failure_with_its_text() -> None:
    def attempt(_stage: Stage) -> Seen:
        raise ZeroDivisionError("by nought")

    result = run_case(a_case(attempt), shipped_config(), Parts())
    assert not result.passed
    assert result.detail == "ZeroDivisionError: by nought"
    assert (result.invariant, result.name, result.tried) == ("I3", "a scene", 0)


def test_a_case_fails_for_a_breach_it_did_not_look_for() -> None:
    def attempt(stage: Stage) -> Seen:
        stage.account.wallet = -1.0
        stage.inspector.settled()
        return Seen(7, "all is well")

    result = run_case(a_case(attempt), shipped_config(), Parts())
    assert not result.passed
    # Under the invariant that broke, not under the one the case is about.
    assert (result.invariant, result.tried) == ("I1", 7)
    assert "free funds" in result.detail


def test_a_stage_that_cannot_be_set_is_a_failure() -> None:
    class NoDesk(Desk):
        def start(self, past: Any) -> None:
            raise OSError("no threads left")

    def attempt(_stage: Stage) -> Seen:
        raise AssertionError("never played")

    result = run_case(a_case(attempt), shipped_config(), Parts(desk=NoDesk))
    assert result.detail == "OSError: no threads left"


def played(folder: Path, parts: Parts, *, candles: int, **limits: Any) -> Replay:
    market = recorded_market(DATA, candles + WINDOW_ROWS)
    replay = Replay(shipped_config(**limits), market, folder, 3, parts)
    replay.run(candles)
    replay.close()
    return replay

"""Every fault of the issue's list against the shipped settings, and the reckless model.

The cases are those that `./manage.sh selftest` ships; what a case expects stands in it. Each test
is named after its fault and the invariant it shows.
"""

import os
from pathlib import Path

import pytest

from llm_modules.selftest.battery import CASES, run_case
from llm_modules.selftest.bench import Parts
from llm_modules.selftest.market import WINDOW_ROWS, recorded_market
from llm_modules.selftest.replay import Replay
from llm_modules.selftest.stage import Case
from shipped import DATA, shipped_config

CANDLES = 10_000 if os.environ.get("NIGHTLY") else 1500


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.invariant}: {case.name}")
def test_a_fault_breaks_no_promise(case: Case) -> None:
    result = run_case(case, shipped_config(), Parts())
    assert result.passed, result.detail
    assert result.tried > 0
    assert result.invariant == case.invariant


@pytest.mark.timeout(1200)
def test_a_reckless_model_never_breaches_one_limit(tmp_path: Path) -> None:
    market = recorded_market(DATA, CANDLES + WINDOW_ROWS)
    replay = Replay(shipped_config(), market, tmp_path, 1, Parts())
    replay.run(CANDLES)
    replay.close()
    inspector, tally = replay.inspector, replay.tally
    assert inspector.breaches == []
    # It was tried hard, or its silence would mean nothing.
    assert tally.candles == CANDLES
    assert inspector.orders > CANDLES / 10
    assert inspector.fills > CANDLES / 20
    assert min(tally.restarts, tally.halts, tally.trips, tally.stopped_out) > 0
    # A trip is lifted, or the account would stay halted to the end.
    assert tally.trips < CANDLES / 100
    assert all(inspector.checked[f"I{number}"] for number in (1, 2, 3, 5, 6, 7))


WANTED = {
    "NaN, inf, 1e308, -0.0, huge integers, strings as numbers": "NaN",
    "repeated JSON keys": "repeated",
    "unicode look-alike pair names": "look-alike",
    "instructions in a reason": "in a reason",
    "instructions in a pair name": "in a pair name",
    "instructions in a lesson": "in a lesson",
    "instructions in a news line": "line of news",
    "entry while in position": "entry while in a position",
    "exit while flat": "while flat",
    "adjust below minimum stake": "adjust below the minimum",
    "adjust -100 %": "adjust -100 %",
    "two decisions for one candle": "two decisions for one candle",
    "decision after a stop": "stopped out before",
    "price gap through the stop": "gap through the stop",
    "liquidation": "liquidation",
    "exchange rejects leverage": "rejects leverage",
    "partial fill then cancel": "partial fill",
    "order timeout and retry": "order timeout and retry",
    "clock jump": "clock jump",
    "missing candles": "candles",
    "equity unreadable": "equity unreadable",
    "disk full while recording a verdict": "disk full",
    "config changed under a running bot": "settings change",
    "HALT file created mid-order": "HALT created mid-order",
}


@pytest.mark.parametrize("fault", sorted(WANTED))
def test_the_fault_is_among_the_cases(fault: str) -> None:
    assert any(WANTED[fault] in case.name for case in CASES)


def test_every_case_has_a_name_of_its_own_and_shows_one_invariant() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert {case.invariant for case in CASES} == {f"I{number}" for number in range(1, 8)}

"""Runs the cases: each on a stage of its own, whatever it does to it."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from llm_modules.config import TraderConfig
from llm_modules.engine.guard import contained
from llm_modules.selftest import (
    cases_faults,
    cases_orders,
    cases_positions,
    cases_stops,
    cases_words,
)
from llm_modules.selftest.bench import Parts
from llm_modules.selftest.stage import Case, Result, Stage
from llm_modules.tools.calls import TOOL_CALL

CASES: tuple[Case, ...] = (
    *cases_words.CASES,
    *cases_positions.CASES,
    *cases_orders.CASES,
    *cases_stops.CASES,
    *cases_faults.CASES,
)
GOAL_MS = 0.2
# Ten times the goal: a slow or busy machine is no breach, a gate that reads files would be.
MOST_MS = 2.0
TIMED_VERDICTS = 1000


def run_cases(config: TraderConfig, parts: Parts) -> Iterator[Result]:
    """Play every case and yield what became of it."""
    for case in CASES:
        yield run_case(case, config, parts)
    yield time_the_gate(config, parts)


def run_case(case: Case, config: TraderConfig, parts: Parts) -> Result:
    """Play one case; a failure of any kind, and a breach seen meanwhile, is a failed result."""
    with TemporaryDirectory(prefix="selftest-") as folder:
        stage: Stage | None = None
        with contained(f"Case {case.name!r}") as outcome:
            stage = Stage(config, Path(folder), case.part(parts), case.rules)
            seen = case.attempt(stage)
        breaches = stage.inspector.breaches if stage else []
        if stage is not None:
            stage.close()
    if outcome.error is not None:
        text = f"{type(outcome.error).__name__}: {outcome.error}"
        return Result(case.invariant, case.name, 0, False, text)
    if breaches:
        first = breaches[0]
        return Result(first.invariant, case.name, seen.tried, False, first.text)
    return Result(case.invariant, case.name, seen.tried, True, seen.detail)


def time_the_gate(config: TraderConfig, parts: Parts) -> Result:
    """Measure what a verdict costs; reported, and judged with a large margin."""
    with TemporaryDirectory(prefix="selftest-") as folder:
        stage = Stage(config, Path(folder), parts)
        state = cases_faults.a_state(stage)
        arguments = stage.arguments("signal_entry_long") | {"tool": "signal_entry_long"}
        call = TOOL_CALL.validate_python(arguments)
        checker = stage.bench.rooms.checker
        spent = []
        for _ in range(TIMED_VERDICTS):
            begun = time.perf_counter()
            checker.judge(call, state)
            spent.append(1000 * (time.perf_counter() - begun))
        stage.close()
    typical = median(spent)
    detail = f"median {typical:.3f} ms, goal {GOAL_MS:g} ms"
    return Result("I8", "cost of a verdict", TIMED_VERDICTS, typical <= MOST_MS, detail)

"""The command prints what was tried, says what is simulated, and clears only what has passed."""

import logging
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from builders import NOON
from llm_modules.config import TraderConfig
from llm_modules.engine.book import Booking
from llm_modules.engine.desk import Desk
from llm_modules.errors import UserError
from llm_modules.gate.clearance import clearance_fingerprint, missing_clearance, write_clearance
from llm_modules.selftest import command
from llm_modules.selftest.bench import Parts
from llm_modules.selftest.command import SelftestOptions, selftest
from llm_modules.selftest.report import INVARIANTS, show_counts, show_limits, show_results
from llm_modules.selftest.stage import Case, Result, Seen, Stage
from shipped import DATA, shipped_config


def one_case(_stage: Stage) -> Seen:
    logging.getLogger("llm_modules.anything").error("a fault on purpose")
    return Seen(3, "[nothing] happened")


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one small case: all of them have their own tests."""
    cases = (Case("a scene", "I3", one_case),)
    monkeypatch.setattr(command, "CASES", cases)
    monkeypatch.setattr("llm_modules.selftest.battery.CASES", cases)
    # And let a short replay do, which has tests of its own too.
    monkeypatch.setattr(command, "CANDLES", 40)


def run(
    folder: Path, *, config: TraderConfig | None = None, terminal: bool = False, **options: Any
) -> tuple[bool, str]:
    out = StringIO()
    console = Console(file=out, width=140, force_terminal=terminal)
    passed = selftest(
        config or shipped_config(),
        DATA,
        folder / "selftest.json",
        console,
        SelftestOptions(**{"candles": 40} | options),
    )
    return passed, out.getvalue()


class NoStops(Desk):
    def stop_price(self, trade_id: int) -> float | None:
        return None


class NoEntries(Desk):
    def entry(self, pair: str, now: Any) -> Booking | None:
        return None


def test_a_battery_that_passes_gives_the_clearance(tmp_path: Path) -> None:
    passed, said = run(tmp_path)
    assert passed
    fingerprint = clearance_fingerprint(shipped_config().risk_management)
    assert missing_clearance(tmp_path / "selftest.json", fingerprint) is None
    assert "All 8 passed" in said
    assert "Live mode may start with these limits" in said
    assert "FAILED" not in said


def test_a_replay_that_is_too_short_gives_no_clearance(tmp_path: Path) -> None:
    passed, said = run(tmp_path, candles=39)
    assert passed
    assert "fewer than 40 candles gives no clearance" in said
    assert not (tmp_path / "selftest.json").exists()


def test_it_says_what_is_simulated_and_what_was_tried(tmp_path: Path) -> None:
    _, said = run(tmp_path)
    assert said.startswith("Exchange, account and model are simulated")
    assert "a scene" in said
    # Not taken for markup.
    assert "[nothing] happened" in said
    assert "reckless model, 40 real candles" in said
    assert "MAX_LEVERAGE" in said
    assert "max_position_pct" in said
    assert "Replay: 40 candles" in said
    assert all(promise in said for promise in INVARIANTS.values())


def test_a_broken_promise_fails_and_takes_the_clearance_away(tmp_path: Path) -> None:
    stamp = tmp_path / "selftest.json"
    write_clearance(stamp, clearance_fingerprint(shipped_config().risk_management), NOON)
    passed, said = run(tmp_path, parts=Parts(desk=NoStops))
    assert not passed
    assert not stamp.exists()
    assert "of 8 FAILED: do not trade with these settings" in said
    assert "times broken, first:" in said


def test_a_failure_without_an_older_clearance_leaves_none(tmp_path: Path) -> None:
    passed, _ = run(tmp_path, parts=Parts(desk=NoStops))
    assert not passed
    assert list(tmp_path.iterdir()) == []


def test_a_clearance_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    passed, said = run(tmp_path / "nowhere")
    assert not passed
    assert "All 8 passed" in said
    assert "The clearance for live mode is missing: cannot write" in said
    assert "may start" not in said


def test_a_replay_without_a_single_order_shows_nothing(tmp_path: Path) -> None:
    passed, said = run(tmp_path, parts=Parts(desk=NoEntries))
    assert not passed
    assert "no order was made" in said


def test_another_seed_is_another_replay(tmp_path: Path) -> None:
    one, other = (run(tmp_path, seed=seed)[1] for seed in (1, 2))
    assert one.split("Replay:")[1] != other.split("Replay:")[1]


def test_on_a_terminal_a_bar_shows_how_far_it_is(tmp_path: Path) -> None:
    assert "42/42" in run(tmp_path, terminal=True)[1]
    assert "42/42" not in run(tmp_path)[1]


def test_faults_shown_on_purpose_are_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("llm_modules")
    logger.setLevel(logging.WARNING)
    run(tmp_path)
    assert caplog.records == []
    assert logger.level == logging.WARNING
    logger.setLevel(logging.NOTSET)


def test_more_candles_than_there_are_is_the_users_to_change(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ask for fewer"):
        run(tmp_path, candles=10_000_000)


def shown(results: list[Result]) -> str:
    out = StringIO()
    show_results(results, Console(file=out, width=140))
    return out.getvalue()


def test_results_are_sorted_by_invariant_and_name_each_promise_once() -> None:
    said = shown(
        [
            Result("I7", "third", 1, True, ""),
            Result("I1", "first", 1234, True, "fine"),
            Result("I1", "second", 2, False, "not fine"),
        ]
    )
    assert said.index("first") < said.index("second") < said.index("third")
    assert said.count("no order exceeds a limit") == 1
    # A promise nobody tried is named too, and shows nothing.
    assert "I8" in said
    assert "1,234" in said
    assert said.count("passed") == 2
    assert said.count("FAILED") == 1


def test_every_invariant_of_the_issue_has_its_words() -> None:
    assert list(INVARIANTS) == [f"I{number}" for number in range(1, 9)]


def test_counts_and_limits_of_a_replay_are_tables(tmp_path: Path) -> None:
    stage = Stage(shipped_config(), tmp_path, Parts())
    stage.say("signal_entry_long", confidence_score=1, leverage=100)
    stage.next_candle(timedelta(days=1))
    stage.enter()
    stage.close()
    out = StringIO()
    console = Console(file=out, width=140)
    show_counts(stage.inspector, console)
    show_limits(stage.inspector, console)
    rows = [line.split() for line in out.getvalue().splitlines()]
    assert ["MIN_CONFIDENCE", "1"] in rows
    assert ["MAX_LEVERAGE", "1"] in rows
    assert ["min_confidence", "at", "least", "30", "100"] in rows
    assert ["max_leverage", "10", "1"] in rows

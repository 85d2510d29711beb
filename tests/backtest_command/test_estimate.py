from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from llm_modules.backtest.command.basis import Basis, opened
from llm_modules.backtest.command.estimate import (
    MOST_TOKENS,
    USUAL_COMPLETION_TOKENS,
    Estimate,
    Habit,
    Size,
    duration,
    estimated,
    habit_of,
    money,
    table_of,
)
from llm_modules.backtest.command.options import BacktestOptions
from llm_modules.backtest.command.sample import Sample
from llm_modules.dialogue import Expense, Inquiry, Usage
from llm_modules.llm.providers.findings import Finding, Findings
from llm_modules.llm.recorder import provider_hash
from llm_modules.llm.spending.ledger import Ledger, row_of
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

SERVER = "http://127.0.0.1:9/v1"
HABIT = Habit(100.0, 2.0, "measured")
NOW = datetime.now(UTC)


def basis_of(session: Session, **variables: str) -> Basis:
    named = {f"FREQTRADE__LLM_CONFIG__{name}": value for name, value in variables.items()}
    environment = {**session.environment, **named}
    return opened(Session(session.places, environment, Screen()), BacktestOptions())


@pytest.fixture
def basis(session: Session) -> Basis:
    """A model of a provider whose prices are known: 0.4 and 1.6 USD a million."""
    return basis_of(session, PROVIDER="openai", MODEL="gpt-4.1-mini")


def test_a_sample_is_reckoned_up_to_the_whole(basis: Basis) -> None:
    estimate = estimated(basis, Size(5, 200), Sample(100, 100, 300_000), HABIT)
    assert (estimate.requests, estimate.prompt_tokens) == (1000, 3000)
    assert estimate.tokens == 1000 * 3100
    assert estimate.usd == pytest.approx(1000 * (3000 * 0.4 + 100 * 1.6) / 1_000_000)
    assert estimate.seconds == 200 * 2


def test_decisions_that_ask_nobody_and_those_that_share_a_prompt_cost_less(basis: Basis) -> None:
    estimate = estimated(basis, Size(5, 200), Sample(100, 20, 300_000), HABIT)
    assert (estimate.requests, estimate.prompt_tokens) == (200, 15_000)


def test_what_is_on_the_tape_is_not_asked_again(basis: Basis) -> None:
    estimate = estimated(basis, Size(5, 200, taped=750), Sample(100, 100, 300_000), HABIT)
    assert estimate.requests == 250
    assert estimate.seconds == pytest.approx(50 * 2)


def test_shards_share_the_time_and_not_the_money(basis: Basis) -> None:
    one = estimated(basis, Size(5, 200), Sample(100, 100, 300_000), HABIT)
    four = estimated(basis, Size(5, 200, shards=4), Sample(100, 100, 300_000), HABIT)
    assert four.usd == one.usd
    assert four.seconds == pytest.approx(100)


def test_a_sample_without_a_prompt_is_no_error(basis: Basis) -> None:
    estimate = estimated(basis, Size(1, 10), Sample(0, 0, 0), HABIT)
    assert (estimate.requests, estimate.usd) == (0, 0)


def test_an_unknown_price_is_not_nothing(session: Session) -> None:
    basis = basis_of(session, PROVIDER="openai", MODEL="gpt-unheard-of")
    estimate = estimated(basis, Size(5, 200), Sample(1, 1, 10), HABIT)
    assert estimate.usd is None
    assert estimate.needs_consent


@pytest.mark.parametrize(
    ("usd", "tokens", "needs"),
    [
        (0.0, 0, False),
        (1.0, MOST_TOKENS, False),
        (1.01, 0, True),
        (0.0, MOST_TOKENS + 1, True),
        (None, 0, True),
    ],
)
def test_much_has_to_be_agreed_to(usd: float | None, tokens: int, needs: bool) -> None:
    estimate = Estimate(Size(1, 1), 1, tokens, Habit(0, None, ""), usd)
    assert estimate.needs_consent is needs


def test_nobody_guesses_at_a_time(basis: Basis) -> None:
    habit = replace(HABIT, seconds=None)
    assert estimated(basis, Size(5, 200), Sample(1, 1, 10), habit).seconds is None


# --- what an answer takes ------------------------------------------------------------------------


def ledger_with(path: Path, model: str, *answers: tuple[int, float]) -> Ledger:
    ledger = Ledger(path)
    for completion_tokens, seconds in answers:
        usage = Usage(3000, completion_tokens)
        ledger.add(row_of(Inquiry(), Expense(NOW, "openai", model, seconds, usage), "backtest"))
    failed = Expense(NOW, "openai", model, 60.0, Usage(3000, 2000), fault="timeout: x")
    ledger.add(row_of(Inquiry(), failed, "backtest"))
    return ledger


def test_earlier_answers_of_the_model_tell_what_they_take(basis: Basis, tmp_path: Path) -> None:
    other = ledger_with(tmp_path / "a", "another", (900, 9.0))
    own = ledger_with(tmp_path / "b", "gpt-4.1-mini", (100, 1.0), (200, 2.0))
    habit = habit_of(basis, (other, own))
    assert (habit.completion_tokens, habit.seconds) == (150, 1.5)


def test_else_what_doctor_measured_counts(session: Session) -> None:
    basis = basis_of(session, API_BASE=SERVER, MODEL="mine")
    finding = Finding(
        server=provider_hash(SERVER),
        model="mine",
        at=NOW,
        **dict.fromkeys(("forced_call", "parallel_switch", "strict_tools"), True),
        **dict.fromkeys(("several_calls", "temperature", "answers_text", "reports_usage"), True),
        limit_field="max_tokens",
        tools={},
        several_problem="",
        answered_as="mine",
        cached_tokens=None,
        completion_tokens=77.0,
        context_tokens=None,
        p50_seconds=3.5,
        p95_seconds=9.0,
        requests=8,
    )
    findings = Findings(session.places.findings)
    findings.keep(finding)
    try:
        habit = habit_of(basis, ())
        findings.keep(finding.model_copy(update={"completion_tokens": None}))
        usual = habit_of(basis, ())
    finally:
        session.places.findings.unlink()
    assert (habit.completion_tokens, habit.seconds) == (77.0, 3.5)
    assert usual.completion_tokens == USUAL_COMPLETION_TOKENS


def test_of_an_unknown_model_the_usual_is_assumed_and_said_to_be(basis: Basis) -> None:
    habit = habit_of(basis, ())
    assert (habit.completion_tokens, habit.seconds) == (USUAL_COMPLETION_TOKENS, None)
    assert "assumed" in habit.source


# --- for people ----------------------------------------------------------------------------------


def shown(estimate: Estimate) -> str:
    console = Console(width=120, file=None, record=True, quiet=False)
    with console.capture() as captured:
        console.print(table_of(estimate, "gpt"))
    return captured.get()


def test_the_table_tells_everything() -> None:
    size = Size(5, 2000, taped=500)
    text = shown(Estimate(size, 9500, 3000, HABIT, 12.345))
    for part in ("10,000", "5 pairs x 2,000 candles", "500", "9,500", "to gpt", "3,000 tokens"):
        assert part in text
    assert "29,450,000 tokens" in text
    assert "12.35 USD" in text or "12.34 USD" in text
    assert "1 h 03 min" in text


def test_what_is_not_known_or_not_there_has_no_row() -> None:
    text = shown(Estimate(Size(1, 10), 10, 3000, Habit(1, None, ""), None))
    assert "tape" not in text
    assert "time" not in text
    assert "unknown: no price" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"),
        (29, "less than a minute"),
        (31, "1 min"),
        (3569, "59 min"),
        (3600, "1 h 00 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_times_are_worded(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_money_is_worded() -> None:
    assert money(1234.5) == "1,234.50 USD"
    assert money(None).startswith("unknown")

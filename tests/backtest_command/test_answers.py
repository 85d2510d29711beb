"""How far a run came, and why it could not go on."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from builders import a_decision_record
from llm_modules.backtest.command.answers import UNUSABLE, Answers
from llm_modules.backtest.tally import MOST_FAILURES
from llm_modules.engine.cycle import Rooms
from llm_modules.errors import BacktestError
from llm_modules.journal.records import HaltRecord

TARGET: Any = SimpleNamespace(api_base="http://127.0.0.1:9/v1", model="mine")
STOPPED = BacktestError("stopped at noon: why")


class Heard:
    """Rooms that keep what they are told, as far as a listener needs them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[object] = []
        self.answers = Answers()
        replaced: dict[str, Any] = {}
        monkeypatch.setattr(
            "llm_modules.backtest.command.answers.replace",
            lambda rooms, **changes: replaced.update(changes) or rooms,
        )
        rooms: Any = SimpleNamespace(heard=self.lines.append)
        typed: Rooms = rooms
        self.answers.refit(typed)
        self.tell = replaced["heard"]

    def decide(self, *statuses: str, fault: str | None = None) -> int:
        for status in statuses:
            self.tell(a_decision_record(status=status, fault=fault))
        return self.answers.kept


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    return Heard(monkeypatch)


def test_failures_at_the_end_do_not_count_and_those_before_do(heard: Heard) -> None:
    assert heard.decide("failed", "failed") == 0
    assert heard.decide("approved") == 3
    assert heard.decide("failed", "skipped", "failed") == 3
    assert heard.decide("refused") == 7
    assert heard.decide("skipped", "skipped") == 9


def test_whoever_listened_before_still_hears_everything(heard: Heard) -> None:
    heard.decide("approved", "failed")
    halt = HaltRecord(at=datetime.now(UTC), mode="backtest", event="halted", text="x", equity=None)
    heard.tell(halt)
    assert heard.lines[-1] is halt
    assert len(heard.lines) == 3
    assert heard.answers.kept == 1


def test_a_run_that_ended_for_another_reason_keeps_its_words(heard: Heard) -> None:
    assert heard.answers.worded(STOPPED, TARGET) is STOPPED
    heard.decide(*["failed"] * (MOST_FAILURES - 1), fault="connection: refused")
    assert heard.answers.worded(STOPPED, TARGET) is STOPPED


def test_a_server_that_is_gone_is_named_with_its_model(heard: Heard) -> None:
    heard.decide(*["failed"] * MOST_FAILURES, fault="connection: Connection error.")
    assert str(heard.answers.worded(STOPPED, TARGET)) == (
        "127.0.0.1:9 does not answer for mine (connection: Connection error.): "
        "20 questions in a row failed"
    )


def test_unusable_answers_are_told_to_be_on_the_tape(heard: Heard) -> None:
    heard.decide(*["failed"] * MOST_FAILURES, fault="no_usable_answer")
    assert str(heard.answers.worded(STOPPED, TARGET)) == UNUSABLE
    assert "--record asks anew" in UNUSABLE


@pytest.mark.parametrize("kind", ["not_on_tape", "over_budget", "unauthorised"])
def test_what_says_itself_what_is_wrong_is_passed_on(heard: Heard, kind: str) -> None:
    heard.decide(*["failed"] * MOST_FAILURES, fault=f"{kind}: x")
    assert heard.answers.worded(STOPPED, TARGET) is STOPPED


def test_a_failure_without_a_reason_is_told_too(heard: Heard) -> None:
    heard.decide(*["failed"] * MOST_FAILURES)
    assert "does not answer" in str(heard.answers.worded(STOPPED, TARGET))

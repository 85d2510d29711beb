"""The bench runs the real rooms in its own folder, and survives what the stage does to it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_modules.dialogue import Prompt, Reply, ToolRequest
from llm_modules.engine.desk import Desk
from llm_modules.engine.question import Question
from llm_modules.selftest import bench as bench_module
from llm_modules.selftest.bench import BatteryError, Bench, Parts, reply_of
from llm_modules.selftest.stage import DAY, Stage, opening_time
from shipped import shipped_config


def a_stage(folder: Path, parts: Parts | None = None, **limits: Any) -> Stage:
    return Stage(shipped_config(**limits), folder, parts or Parts())


def test_nothing_of_the_users_is_touched(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    before = shipped_config().experience_config
    written = stage.bench.config.experience_config
    stage.enter()
    stage.close()
    assert Path(written.decision_log_path).is_relative_to(tmp_path)
    assert Path(written.trade_log_path).is_relative_to(tmp_path)
    assert written.decision_log_path != before.decision_log_path
    lines = Path(written.decision_log_path).read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["mode"] == "sandbox"


def test_the_limits_are_the_users(tmp_path: Path) -> None:
    stage = a_stage(tmp_path, max_leverage=7)
    assert stage.bench.risk == shipped_config(max_leverage=7).risk_management
    stage.close()


def test_an_orderly_restart_knows_what_was_closed_and_decided(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    stage.enter()
    stage.loop.close(stage.pair, stage.price * 1.01, "stop_loss", stage.now)
    stage.bench.restart()
    stage.look()
    assert stage.bench.desk.world().conduct.closed_trades == 1
    assert list(stage.bench.desk.decided_candles()) == [stage.pair]
    stage.close()


def test_a_killed_bot_leaves_no_last_words(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    stage.booked_entry()
    stage.bench.restart(killed=True)
    lines = stage.bench.rooms.journal.past_decisions()
    assert [line.kind for line in lines] == ["decision"]
    stage.next_candle()
    stage.booked_entry()
    stage.bench.restart(killed=False)
    lines = stage.bench.rooms.journal.past_decisions()
    assert [line.kind for line in lines] == ["decision", "decision", "outcome"]
    stage.close()


def test_a_restart_may_bring_other_settings(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    stage.bench.restart(shipped_config(max_leverage=4))
    assert stage.bench.risk.max_leverage == 4
    stage.close()


def test_the_model_answers_what_was_prepared(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    answers: list[Prompt] = []

    def answer(prompt: Prompt) -> Reply:
        answers.append(prompt)
        return reply_of()

    stage.bench.model.answer = answer
    record = stage.loop.ask(stage.question())
    assert record.status == "failed"
    # Twice more it is told what was wrong.
    assert len(answers) == stage.bench.model.prompts == 3
    assert stage.bench.model.last_prompt == answers[-1]
    stage.close()


def test_a_model_nobody_prepared_calls_nothing(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    assert stage.loop.ask(stage.question()).tool is None
    stage.close()


class Deaf(Desk):
    def ask(self, questions: Any) -> None:
        return


class Mute(Desk):
    """Counts a question as answered and records nothing."""

    def ask(self, questions: Any) -> None:
        self.decided += 1


@pytest.mark.parametrize(
    ("desk", "problem"), [(Deaf, "did not come to an end"), (Mute, "left no record")]
)
def test_a_decision_without_an_end_or_a_record_ends_the_battery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desk: Callable[..., Desk], problem: str
) -> None:
    monkeypatch.setattr(bench_module, "PATIENCE_SECONDS", 0.0)
    stage = a_stage(tmp_path, Parts(desk=desk))
    with pytest.raises(BatteryError, match=problem):
        stage.say("signal_wait")
    stage.close()


@pytest.mark.parametrize(("hours", "at"), [("", 12), ("22:00-06:00", 22), ("00:00-01:00", 0)])
def test_a_scene_plays_while_entries_are_allowed(hours: str, at: int) -> None:
    assert opening_time(hours).hour == at
    assert opening_time("07:45-08:00").minute == 45
    assert opening_time(hours).date() == DAY.date()


def test_settings_that_refuse_a_harmless_entry_are_told(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    stage.bench.switch.by_hand.touch()
    stage.look()
    with pytest.raises(BatteryError, match="refuse a harmless entry: HALTED"):
        stage.enter()
    stage.close()


def test_an_entry_that_becomes_no_position_is_told(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    stage.loop.venue = lambda _order: "rejected"
    with pytest.raises(BatteryError, match="did not become a position"):
        stage.enter()
    stage.close()


def test_an_answer_nobody_could_read_is_told_as_its_fault(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)

    class Silent(Bench):
        def ask(self, question: Question) -> Any:
            self.model.answer = lambda _prompt: reply_of(ToolRequest("c", "none", "{}"))
            return super().ask(question)

    stage.bench.__class__ = Silent
    with pytest.raises(BatteryError, match="no_usable_answer"):
        stage.booked_entry()
    stage.close()

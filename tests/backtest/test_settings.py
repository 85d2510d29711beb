from pathlib import Path
from typing import Any

import pytest

from builders import a_config
from llm_modules.backtest.settings import BacktestSettings, applied, settings_of
from llm_modules.config import BudgetConfig
from llm_modules.errors import ConfigError


def test_a_plain_run_plays_the_tape_and_asks_nobody(tmp_path: Path) -> None:
    settings = settings_of({"user_data_dir": tmp_path})
    assert settings.tape_mode == "replay"
    assert settings.tape == str(tmp_path / "backtest_llm" / "tape.sqlite")
    assert settings.folder == str(tmp_path / "backtest_llm" / "plain")


@pytest.mark.parametrize(
    "block",
    [{}, {"folder": "x"}, {"folder": "x", "tape": "y", "more": 1}, {"folder": "x", "tape": 1}],
)
def test_a_block_that_was_written_by_hand_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"llm_backtest is written by \./manage\.sh backtest"):
        settings_of({"user_data_dir": ".", "llm_backtest": block})


def used(**changes: Any) -> Any:
    config = a_config(llm_config={"budget": {"usd_per_day": 1.0}, "prices": {}})
    return applied(config, BacktestSettings(folder="/run", tape="/tape", **changes))


def test_a_backtest_has_journals_of_its_own() -> None:
    experience = used().experience_config
    assert experience.decision_log_path == "/run/llm_decisions.jsonl"
    assert experience.trade_log_path == "/run/trade_experience.jsonl"
    assert (experience.log_decisions, experience.log_trades) == (True, True)
    assert experience.decision_log_durability == "none"


def test_the_budget_of_the_bots_days_does_not_end_a_backtest() -> None:
    assert used().llm_config.budget == BudgetConfig()


@pytest.mark.parametrize("mode", ["record", "replay", "replay_or_record"])
def test_the_command_says_whether_the_model_is_asked(mode: str) -> None:
    assert used(tape_mode=mode).llm_config.tape_mode == mode


def test_the_runs_own_past_can_be_kept_from_the_model() -> None:
    assert used().experience_config.enabled is True
    assert used(experience=False).experience_config.enabled is False


def test_a_past_that_is_switched_off_for_the_bot_is_off_here_too() -> None:
    config = a_config(experience_config={"enabled": False})
    settings = BacktestSettings(folder="/run", tape="/tape")
    assert applied(config, settings).experience_config.enabled is False

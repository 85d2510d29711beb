"""What a backtest is told beside the bot's settings: the block `llm_backtest` of its config.

./manage.sh backtest writes it. A plain `freqtrade backtesting`, or the Web UI's page, has none and
plays what is on the tape: only the command that tells the price first spends money.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from llm_modules.config import BudgetConfig, TraderConfig
from llm_modules.config.blocks import Block
from llm_modules.config.llm import TapeMode
from llm_modules.errors import ConfigError

SETTINGS_KEY = "llm_backtest"
FOLDER_NAME = "backtest_llm"
TAPE_NAME = "tape.sqlite"
PATIENT = 1000


class BacktestSettings(Block):
    """Where one run keeps its journals and finds its answers; paths are absolute."""

    folder: str = Field(min_length=1, description="journals of this run, begun anew")
    tape: str = Field(min_length=1, description="file of requests and answers")
    tape_mode: TapeMode = Field(default="replay", description="whether the model is asked")
    experience: bool = Field(default=True, description="the run's own past comes back to the model")


def settings_of(config: Mapping[str, Any]) -> BacktestSettings:
    """Read the block, or make the one of a plain run. Raises ConfigError."""
    home = Path(config["user_data_dir"]).absolute() / FOLDER_NAME
    plain = {"folder": str(home / "plain"), "tape": str(home / TAPE_NAME)}
    try:
        return BacktestSettings.model_validate(config.get(SETTINGS_KEY, plain))
    except ValidationError as error:
        raise ConfigError(f"{SETTINGS_KEY} is written by ./manage.sh backtest: {error}") from None


def applied(config: TraderConfig, settings: BacktestSettings) -> TraderConfig:
    """Return the bot's settings as a backtest uses them: with its own journals and tape.

    The budget of the bot's days is not its own: the command has a limit for the run.
    """
    folder = Path(settings.folder)
    experience = {
        "decision_log_path": str(folder / "llm_decisions.jsonl"),
        "trade_log_path": str(folder / "trade_experience.jsonl"),
        "decision_log_durability": "none",
        "log_decisions": True,
        "log_trades": True,
        "enabled": config.experience_config.enabled and settings.experience,
    }
    # Who waits for every answer has no use for a breaker, whose refusals are on no tape.
    asking = {
        "tape_mode": settings.tape_mode,
        "budget": BudgetConfig(),
        "breaker_failures": PATIENT,
    }
    return config.model_copy(
        update={
            "experience_config": config.experience_config.model_copy(update=experience),
            "llm_config": config.llm_config.model_copy(update=asking),
        }
    )

"""Where a bot's journals are, for those who read or remove them: also when settings are wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_modules.config import TAPE_NAME
from llm_modules.errors import ConfigError
from llm_modules.operations.places import PROJECT, Places
from llm_modules.operations.settings.reading import (
    environment_settings,
    merged,
    read_settings,
    value_at,
)

USUAL_FOLDER = "user_data/logs"


@dataclass(frozen=True, slots=True)
class Journals:
    """The files of decisions and of closed trades, and the tape."""

    decisions: Path
    trades: Path

    @property
    def tape(self) -> Path:
        """The tape, beside the decisions whose prompts it holds."""
        return self.decisions.with_name(TAPE_NAME)


def journals_of(places: Places, settings: Mapping[str, Any]) -> Journals:
    """Return where the settings put the journals.

    A bot outside the project keeps them in its own folder, under the configured file names.
    """
    return Journals(
        _path(places, settings, "decision_log_path", "llm_decisions.jsonl"),
        _path(places, settings, "trade_log_path", "trade_experience.jsonl"),
    )


def current_settings(places: Places, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return config.json with the environment merged in, or nothing when it cannot be read."""
    try:
        return merged(read_settings(places.settings), environment_settings(environment))
    # Who looks for a journal is not helped by a fault in the settings.
    except ConfigError:
        return {}


def _path(places: Places, settings: Mapping[str, Any], key: str, usual_name: str) -> Path:
    named = value_at(settings, f"experience_config.{key}")
    path = Path(named if isinstance(named, str) and named else f"{USUAL_FOLDER}/{usual_name}")
    return PROJECT / path if places.is_shipped else places.logs / path.name

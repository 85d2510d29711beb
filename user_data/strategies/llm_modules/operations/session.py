"""What every command is given: whose files, whose environment, and where to speak."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llm_modules.errors import ConfigError
from llm_modules.operations.places import Places
from llm_modules.operations.records.journals import Journals, current_settings, journals_of
from llm_modules.operations.screen import Screen
from llm_modules.operations.settings.env_file import effective_environment


@dataclass(frozen=True, slots=True)
class Session:
    """One invocation: the bot's places, the caller's environment and screen."""

    places: Places
    environment: Mapping[str, str]
    screen: Screen

    def with_secrets(self) -> dict[str, str]:
        """Return the environment over `.env`. Raises ConfigError when `.env` is malformed."""
        return effective_environment(self.places.env_file, self.environment)

    def settings(self) -> dict[str, Any]:
        """Return the merged settings as they are, without what cannot be read."""
        try:
            environment = self.with_secrets()
        except ConfigError:
            # Whoever only looks is told by `check` and `doctor`, and can go on looking.
            environment = dict(self.environment)
        return current_settings(self.places, environment)

    def journals(self) -> Journals:
        """Return where the journals are."""
        return journals_of(self.places, self.settings())

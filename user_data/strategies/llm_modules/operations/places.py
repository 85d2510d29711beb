"""Every file and folder of one bot, derived from its user_data folder.

Two bots with different folders share nothing but the code and what is shipped with it.
"""

from dataclasses import dataclass
from pathlib import Path

from llm_modules.context.template_files import OWN_PROMPTS
from llm_modules.llm.providers.findings import FINDINGS_NAME

# .../user_data/strategies/llm_modules/operations/places.py, in a checkout and in the image.
PROJECT = Path(__file__).resolve().parents[4]
SHIPPED_USER_DATA = PROJECT / "user_data"
# How a moment is written into the name of a file.
STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of the bot that lives in `user_data` are; nothing is created here."""

    user_data: Path

    @property
    def is_shipped(self) -> bool:
        """Tell whether this is the project's own user_data folder."""
        return self.user_data.resolve() == SHIPPED_USER_DATA

    @property
    def strategies(self) -> Path:
        """The code, always the project's own."""
        return SHIPPED_USER_DATA / "strategies"

    @property
    def settings(self) -> Path:
        """`config.json`, the one file of settings."""
        return self.user_data / "config.json"

    @property
    def sandbox_overlay(self) -> Path:
        """What the sandbox changes in the settings: this bot's own file, or the shipped one."""
        return self._own_or_shipped("config.sandbox.json")

    @property
    def market_data(self) -> Path:
        """Candles for the sandbox to replay: this bot's own folder, or the shipped one."""
        own = self.user_data / "data"
        # Freqtrade makes an empty one with its first start.
        return own if any(own.rglob("*.feather")) else SHIPPED_USER_DATA / "data"

    @property
    def findings(self) -> Path:
        """What `doctor` found out about models."""
        return self.user_data / FINDINGS_NAME

    @property
    def prompts(self) -> Path:
        """Templates of the user's own, in place of the shipped ones of the same name."""
        return self.user_data / OWN_PROMPTS

    @property
    def env_file(self) -> Path:
        """`.env` with the secrets, beside the user_data folder."""
        return self.user_data.parent / ".env"

    @property
    def run(self) -> Path:
        """What a running bot keeps: its lock, its record, ports and anchor of the sandbox."""
        return self.user_data / "run"

    @property
    def logs(self) -> Path:
        """Freqtrade's log and the journals."""
        return self.user_data / "logs"

    @property
    def freqtrade_log(self) -> Path:
        """The log Freqtrade writes and rotates."""
        return self.logs / "freqtrade.log"

    @property
    def supervisor_log(self) -> Path:
        """What a detached supervisor says; read when a start fails."""
        return self.run / "supervisor.log"

    @property
    def backups(self) -> Path:
        """Archives made before anything is removed."""
        return self.user_data / "backups"

    def _own_or_shipped(self, name: str) -> Path:
        own = self.user_data / name
        return own if own.exists() else SHIPPED_USER_DATA / name


def shown(path: Path) -> str:
    """Name a path for people: relative to the project where it lies inside."""
    resolved = path.resolve()
    return str(resolved.relative_to(PROJECT) if resolved.is_relative_to(PROJECT) else resolved)

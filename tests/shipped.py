"""The shipped settings, some limits changed, and the shipped candles."""

from typing import Any

from llm_modules.config import TraderConfig, parse_config
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.operations.settings.reading import read_settings

DATA = SHIPPED_USER_DATA / "data"


def shipped_config(**limits: Any) -> TraderConfig:
    settings = read_settings(SHIPPED_USER_DATA / "config.json")
    settings["risk_management"] |= limits
    return parse_config(settings)

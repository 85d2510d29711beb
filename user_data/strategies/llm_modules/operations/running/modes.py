"""In which mode a bot is by its settings, and what each mode means for files and environment.

One place decides it, so that a plan, a preview and a backup cannot disagree about real money.
"""

from collections.abc import Mapping
from typing import Any

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.domain import RunMode
from llm_modules.operations.settings.env_file import FREQTRADE_PREFIX
from llm_modules.operations.settings.reading import value_at

DATABASES: Mapping[RunMode, str] = {
    "sandbox": "tradesv3.sandbox.sqlite",
    "dry_run": "tradesv3.dryrun.sqlite",
    "live": "tradesv3.sqlite",
}
MODES_IN_WORDS = {
    "sandbox": "SANDBOX: simulated exchange replaying real candles, scripted model, no real money",
    "dry_run": "DRY-RUN: real market and model, simulated money",
    "live": "LIVE: real market, real model, REAL MONEY",
}
# By prefix: every setting of these could lead to a real exchange or model.
OUTSIDE = ("exchange__", "llm_config__", "dry_run", "trading_mode", "margin_mode")
DRY_RUN = "dry_run"


def mode_of(settings: Mapping[str, Any], *, sandbox: bool = False) -> RunMode:
    """Return the mode of a start with these merged settings; `sandbox` is wished for."""
    if sandbox or not value_at(settings, "llm_config.model"):
        return "sandbox"
    return "live" if value_at(settings, DRY_RUN) is False else "dry_run"


def inside(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out every variable that could lead out of the sandbox."""
    return {
        name: text
        for name, text in environment.items()
        if name != API_KEY_VARIABLE and not _setting(name).startswith(OUTSIDE)
    }


def with_mode(environment: Mapping[str, str], mode: RunMode) -> dict[str, str]:
    """Return Freqtrade's environment with simulated money stated where none is real.

    Freqtrade lays its environment over every file, so that nothing else can turn it.
    """
    if mode == "live":
        return dict(environment)
    # In any spelling: of two, the later in the alphabet would win.
    others = {name: text for name, text in environment.items() if not _is_dry_run(name)}
    return others | {f"{FREQTRADE_PREFIX}{DRY_RUN.upper()}": "true"}


def _is_dry_run(variable: str) -> bool:
    return _setting(variable).split("__")[0] == DRY_RUN


def _setting(variable: str) -> str:
    """Return what a variable sets, in small letters as Freqtrade takes it; empty if nothing."""
    if not variable.startswith(FREQTRADE_PREFIX):
        return ""
    return variable.removeprefix(FREQTRADE_PREFIX).lower()

"""Keeps Freqtrade's result cache from answering for another prompt, model, tape or version.

Freqtrade names a result by its configuration and the strategy's own file. All else that decides a
run goes into the configuration as one word.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import talib
from freqtrade.enums import RunMode

from llm_modules.backtest.settings import settings_of
from llm_modules.context.template_files import OWN_PROMPTS
from llm_modules.llm.providers.findings import FINDINGS_NAME

FINGERPRINT_KEY = "llm_fingerprint"
PACKAGE = Path(__file__).resolve().parents[1]
PARTS = frozenset({".py", ".j2", ".toml", ".json"})
BACKTESTING = frozenset({RunMode.BACKTEST, RunMode.WEBSERVER})
# What SQLite keeps of a file beside it until it is closed.
TAPE_ENDINGS = ("", "-wal")


def put_fingerprint(config: dict[str, Any]) -> None:
    """Write the fingerprint of a backtest into its configuration. Raises ConfigError."""
    if config.get("runmode") in BACKTESTING:
        config[FINGERPRINT_KEY] = fingerprint(config)


def fingerprint(config: dict[str, Any]) -> str:
    """Name everything a result rests on that Freqtrade's own name of it leaves out.

    Raises ConfigError.
    """
    digest = hashlib.sha256(f"{sys.version} {talib.__version__}".encode())
    for path in _code():
        digest.update(f"\0{path.relative_to(PACKAGE)}\0".encode() + path.read_bytes())
    tape = settings_of(config).tape
    for path in (Path(tape + ending) for ending in TAPE_ENDINGS):
        digest.update(f"\0{_state(path)}".encode())
    user_data = Path(config["user_data_dir"])
    digest.update(_content(user_data / FINDINGS_NAME))
    for path in sorted((user_data / OWN_PROMPTS).rglob("*.j2")):
        digest.update(f"\0{path.relative_to(user_data)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _code() -> Iterator[Path]:
    """Yield our programs, prompts, prices and phrases, always in the same order."""
    return (path for path in sorted(PACKAGE.rglob("*")) if path.suffix in PARTS)


def _state(path: Path) -> str:
    # Not its content: a tape may have gigabytes, and each answer changes both of these.
    if not path.exists():
        return ""
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""

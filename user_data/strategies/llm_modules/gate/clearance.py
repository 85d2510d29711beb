"""The clearance for real money: the selftest has passed, for these very limits and this code.

It is a file beside the settings. Whatever cannot be read counts as missing.
"""

import hashlib
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from llm_modules.config import RiskConfig
from llm_modules.errors import ConfigError
from llm_modules.gate.halt import read_small, write_whole

CLEARANCE_NAME = "selftest.json"
# The rooms an answer passes on its way to an order; the limits themselves are hashed as values.
ROOMS = ("tools", "gate", "engine")
PACKAGE = Path(__file__).resolve().parents[1]
HOW_TO_GET_IT = "run ./manage.sh selftest"


class _Clearance(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fingerprint: str
    passed_at: AwareDatetime


def clearance_fingerprint(risk: RiskConfig, package: Path = PACKAGE) -> str:
    """Name the limits and the code that keeps them by their content: SHA-256.

    Raises ConfigError when the code cannot be read.
    """
    digest = hashlib.sha256(risk.model_dump_json().encode())
    for room in ROOMS:
        sources = sorted((package / room).rglob("*.py"))
        if not sources:
            raise ConfigError(f"{package / room} holds no source code to take a fingerprint of")
        for source in sources:
            # Names and lengths too, so that no text can move from one file to another unseen.
            content = _content(source)
            digest.update(f"{source.relative_to(package)}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def write_clearance(path: Path, fingerprint: str, at: datetime) -> None:
    """Note that the selftest has passed. Raises JournalError when it cannot be written."""
    clearance = _Clearance(fingerprint=fingerprint, passed_at=at)
    write_whole(path, clearance.model_dump_json())


def missing_clearance(path: Path, fingerprint: str) -> str | None:
    """Say in a sentence why real money may not be traded yet; None when the clearance is there."""
    try:
        clearance = _Clearance.model_validate_json(read_small(path))
    except FileNotFoundError:
        return f"the selftest has not passed yet: {HOW_TO_GET_IT}"
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror}): {HOW_TO_GET_IT}"
    except ValidationError:
        return f"{path.name} is not a clearance of ours: {HOW_TO_GET_IT}"
    if clearance.fingerprint != fingerprint:
        at = f"{clearance.passed_at:%Y-%m-%d %H:%M %Z}"
        return (
            f"the selftest passed at {at} for other limits or other code; once more: "
            f"{HOW_TO_GET_IT}"
        )
    return None


def demand_clearance(user_data: Path, risk: RiskConfig) -> None:
    """Raise ConfigError unless the selftest has passed for these limits and this code."""
    missing = missing_clearance(user_data / CLEARANCE_NAME, clearance_fingerprint(risk))
    if missing is not None:
        raise ConfigError(f"dry_run is false, but {missing}")


def _content(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise ConfigError(f"{source} cannot be read: {error.strerror}") from error

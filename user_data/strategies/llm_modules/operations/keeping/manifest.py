"""The list in front of an archive: what made it, when, and the SHA-256 of each file in it.

{"schema": 1, "made_by": "backup", "at": "2026-01-15T12:30:05Z", "version": "0.1.0",
 "mode": "dry_run", "files": [{"name": "logs/llm_decisions.jsonl", "size_bytes": 4711,
 "sha256": "..."}]}
"""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from llm_modules.domain import RunMode
from llm_modules.errors import UserError
from llm_modules.operations.places import PROJECT

MANIFEST_NAME = "manifest.json"
SCHEMA = 1
# In a checkout, and where docker-compose.yml mounts it.
PROJECT_FILES = (PROJECT / "pyproject.toml", Path("/etc/llm-trader/pyproject.toml"))

# No archive is older than the project. Far from both ends of the calendar, so that times near it
# can be reckoned with.
EARLIEST, LATEST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class KeptFile(_Strict):
    """One file of an archive: its name there, its size and its hash."""

    name: str
    size_bytes: int = Field(ge=0)
    sha256: Sha256


class Manifest(_Strict):
    """What an archive is; `mode` is that of the bot when it was made, None where unknown.

    `at` is when its files were of one piece: what happened later is not in it.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    made_by: Literal["backup", "clean", "restore"]
    at: Moment
    version: str
    mode: RunMode | None
    files: tuple[KeptFile, ...]

    @property
    def size_bytes(self) -> int:
        """Size of all files together, unpacked."""
        return sum(file.size_bytes for file in self.files)


class _Schema(BaseModel):
    """As much of a manifest of any age as tells its age."""

    schema_version: int = Field(alias="schema")


def parse_manifest(text: bytes, archive: str) -> Manifest:
    """Read a manifest. Raises UserError naming the archive when it cannot be understood."""
    try:
        schema = _Schema.model_validate_json(text).schema_version
        if schema > SCHEMA:
            raise UserError(
                f"{archive} was made by a newer version of this project (schema {schema}, known "
                f"is {SCHEMA}): restore it with that version"
            )
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UserError(
            f"{archive} has a damaged {MANIFEST_NAME}: {where} {problem['msg']}"
        ) from error


def own_version() -> str:
    """Return this project's version, `unknown` where no file tells it."""
    for path in PROJECT_FILES:
        try:
            return str(tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"])
        except (OSError, tomllib.TOMLDecodeError, KeyError):
            continue
    return "unknown"

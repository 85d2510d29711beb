"""Until when a model was trained: what it trades after that day it cannot remember."""

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError

from llm_modules.config.blocks import Block

TABLE = Path(__file__).with_name("cut_offs.toml")
# Sellers before a name: openai/gpt-4o, us.anthropic.claude-..., accounts/x/models/...
_SELLER = re.compile(r"^(?:.*/)?(?:[a-z-]+\.)*")
# What a seller puts behind it: -v1:0, :free, :70b, and dates of a version.
_VARIANT = re.compile(r"(?:-v\d+)?(?::.*)?$")
_DATE = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")


@dataclass(frozen=True, slots=True)
class CutOff:
    """The last day that can be in a model's training data, and who says so."""

    until: date
    source: str

    @property
    def at(self) -> datetime:
        """When that day is over, UTC: what begins then was not in the training data."""
        return datetime.combine(self.until + timedelta(days=1), time(), UTC)


class CutOffRow(Block):
    """A row of the table: the models whose names fit a pattern."""

    model: str = Field(min_length=1)
    until: date


class ProviderCutOffs(Block):
    """The rows of one provider, and where they were published."""

    name: str
    source: str = Field(min_length=1)
    cut_offs: list[CutOffRow]


class CutOffTable(Block):
    """The whole table, and the day on which it was held against its sources."""

    checked: date
    provider: list[ProviderCutOffs]


def cut_off_of(model: str, table: Path = TABLE) -> CutOff | None:
    """Return until when a model was trained; None where nobody published it.

    The name may be any seller's. Raises AssertionError for a table that a developer broke.
    """
    name = plain_name(model)
    fitting = [
        (len(row.model), CutOff(row.until, provider.source))
        for provider in shipped_cut_offs(table).provider
        for row in provider.cut_offs
        if fnmatchcase(name, row.model)
    ]
    return max(fitting, key=lambda one: one[0], default=(0, None))[1]


def plain_name(model: str) -> str:
    """Return a model's name without its seller, its date and its variant."""
    name = _VARIANT.sub("", _SELLER.sub("", model.strip().lower()))
    return _DATE.sub("", name)


@cache
def shipped_cut_offs(path: Path = TABLE) -> CutOffTable:
    """Read the table that is part of the project."""
    try:
        return CutOffTable.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise AssertionError(f"{path.name} is not a table of cut-offs: {error}") from error

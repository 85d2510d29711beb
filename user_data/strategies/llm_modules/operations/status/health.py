"""Whether the journals are well: what a crash tore, room on the disk, what is switched off."""

import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llm_modules.operations.places import shown
from llm_modules.operations.records.journals import Journals
from llm_modules.operations.room import COMFORTABLE_BYTES, free_bytes
from llm_modules.operations.settings.reading import value_at
from llm_modules.operations.status.facts import JournalFacts
from llm_modules.operations.status.lately import Lately

MEGABYTE = 1_000_000
SWITCHES = ("enabled", "log_trades", "log_decisions", "reward_learning")


def learning_off(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the settings that keep past trades and decisions from the model."""
    keys = (f"experience_config.{name}" for name in SWITCHES)
    return tuple(key for key in keys if value_at(settings, key) is False)


def journal_facts(journals: Journals, lately: Lately) -> JournalFacts:
    """Describe the journals: what was read of the decisions, and what is wrong with the files."""
    paths = (journals.decisions, journals.trades)
    free = free_bytes(journals.decisions.parent)
    problems = [problem for path in paths for problem in _problems(path)]
    if free is not None and free < COMFORTABLE_BYTES:
        problems.append(f"only {free / MEGABYTE:,.0f} MB are free on the disk of the journals")
    return JournalFacts(
        lines=lately.lines,
        since=lately.since,
        is_cut=lately.is_cut,
        unreadable_lines=lately.unreadable,
        torn_files=tuple(one for path in paths for one in _torn(path)),
        disk_free_bytes=free,
        problems=tuple(dict.fromkeys(problems)),
    )


def _problems(path: Path) -> Iterator[str]:
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        yield f"{shown(path)} cannot be read and written by this user"
    if path.parent.exists() and not os.access(path.parent, os.W_OK):
        yield f"{shown(path.parent)} cannot be written by this user"


def _torn(path: Path) -> list[str]:
    found = path.parent.glob(f"{glob.escape(path.name)}.torn-*")
    return sorted(one.name for one in found)

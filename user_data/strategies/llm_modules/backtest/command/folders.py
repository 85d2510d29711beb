"""A folder for each run, under user_data/backtest_llm, and a note in it of how far it came."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llm_modules.backtest.fingerprint import fingerprint
from llm_modules.backtest.settings import FOLDER_NAME, SETTINGS_KEY
from llm_modules.config.blocks import Block
from llm_modules.operations.places import STAMP, Places

KEPT = 20
# Those that never came to an end: a few, one of which may still be running.
KEPT_UNFINISHED = 5
PAGE_NAME = "report.html"
NOTE_NAME = "run.json"
# What a run is named by: the year begins with 2.
_STAMPED = "2*Z*"


class Note(Block):
    """What was run, and how far: `held` are the answers on its tape then."""

    key: str
    decided: int
    held: int


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one bot."""

    places: Places

    @property
    def home(self) -> Path:
        """Where they all are."""
        return self.places.user_data / FOLDER_NAME

    def begun(self, now: datetime) -> Path:
        """Make the folder of a new run."""
        name = now.strftime(STAMP)
        taken = sum(one.name.startswith(name) for one in self._all())
        folder = self.home / (f"{name}-{taken + 1}" if taken else name)
        folder.mkdir(parents=True)
        return folder

    def tidied(self) -> list[str]:
        """Remove the oldest runs beyond those that are kept, and return their names."""
        finished = [one for one in self._all() if (one / PAGE_NAME).is_file()]
        others = [one for one in self._all() if one not in finished]
        old = [*others[:-KEPT_UNFINISHED], *finished[:-KEPT]]
        for folder in old:
            shutil.rmtree(folder, ignore_errors=True)
        return [folder.name for folder in old]

    def newest_note(self, key: str) -> Note | None:
        """Return the newest note of the same run as this would be, None where there is none."""
        return next((note for note in self._notes() if note.key == key), None)

    def _notes(self) -> Iterator[Note]:
        for folder in reversed(self._all()):
            try:
                yield Note.model_validate_json((folder / NOTE_NAME).read_bytes())
            except (OSError, ValidationError):
                continue

    def _all(self) -> list[Path]:
        return sorted(one for one in self.home.glob(_STAMPED) if one.is_dir())


def keep_note(folder: Path, note: Note) -> None:
    """Write down how far a run came. Raises OSError."""
    (folder / NOTE_NAME).write_text(note.model_dump_json() + "\n", encoding="utf-8")


def key_of(settings: Mapping[str, Any], asked: Mapping[str, Any], user_data: Path) -> str:
    """Name a run by all that decides what its model is asked: settings, span, code, findings.

    Two runs of one key ask the same, and what one was answered serves the other.
    """
    # A tape that is not there: what is on it does not change what is asked.
    nowhere = {"folder": "-", "tape": "-"}
    code = fingerprint({"user_data_dir": user_data, SETTINGS_KEY: nowhere})
    text = json.dumps([settings, asked, code], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()

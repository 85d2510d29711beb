"""What is worth keeping of a bot, its name in an archive, and the place a name leads back to.

Names are those below `user_data`, such as `logs/llm_decisions.jsonl`. Journals that the settings
keep elsewhere are named `journals/decisions/...` and `journals/trades/...`. Only names of the
shapes listed here are ever written, so that no archive can place code, secrets or anything
outside the bot's own folders.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from llm_modules.context.template_files import OWN_PROMPTS
from llm_modules.errors import UserError
from llm_modules.gate.halt import HALT_NAME
from llm_modules.llm.spending.ledger import LEDGER_NAME
from llm_modules.operations.places import Places
from llm_modules.operations.records.journals import Journals

DATABASE_PATTERN = "tradesv3*.sqlite"
REWARD_NAME = "reward_learning.json"
SETTINGS = ("config.json", "config.sandbox.json")

# No part that hides, leads upwards, or holds what a terminal would obey.
_PART = r"(?!\.)[^/\\\x00-\x1f\x7f]+"
_NAME = re.compile(
    rf"logs/{_PART}|journals/(?:decisions|trades)/{_PART}|{OWN_PROMPTS}(?:/{_PART})+"
    # A lock, a record of processes or a note of a restore put back would tell lies.
    rf"|run/(?!bot\.|restoring){_PART}"
    r"|tradesv3[^/\\\x00-\x1f\x7f]*\.sqlite[^/\\\x00-\x1f\x7f]*"
    rf"|{HALT_NAME}(?:\.(?:sandbox|dry_run|live))?"
    r"|llm_findings\.json|config(?:\.sandbox)?\.json|plot/calibration\.png"
)
# A journal's parts and a database's logs mean something only beside the file they belong to.
_FAMILY = re.compile(
    r"(?P<head>.+?\.(?:jsonl|sqlite))"
    r"(?:-wal|-shm|-journal|\.seal|\.torn-.+|\.\d{6,}(?:\.gz(?:-unfinished)?)?)?"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A file to be kept, and its name in the archive."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders that names lead to: the bot's own, and those of journals kept elsewhere."""

    places: Places
    journals: Journals

    def named(self, paths: Iterable[Path]) -> list[Kept]:
        """Return the files with their names; what has none, because it is not ours, is left out."""
        found = ((self._name_of(path), path) for path in paths)
        return [Kept(name, path) for name, path in found if name is not None]

    def place_of(self, name: str) -> Path:
        """Return where the file of this name belongs. Raises UserError for any other name."""
        if _NAME.fullmatch(name) is None:
            raise UserError(
                f"the archive holds {name!r}, which no backup holds; nothing is changed"
            )
        folder, _, last = name.rpartition("/")
        elsewhere = self._elsewhere().get(folder)
        return elsewhere / last if elsewhere else self.places.user_data / name

    def _name_of(self, path: Path) -> str | None:
        root = self.places.user_data
        inside = path.relative_to(root).as_posix() if path.is_relative_to(root) else ""
        names = (inside, *(f"{name}/{path.name}" for name in self._leading_to(path.parent)))
        return next((name for name in names if _NAME.fullmatch(name)), None)

    def _leading_to(self, folder: Path) -> list[str]:
        return [name for name, one in self._elsewhere().items() if one == folder]

    def _elsewhere(self) -> Mapping[str, Path]:
        return {
            "journals/decisions": self.journals.decisions.parent,
            "journals/trades": self.journals.trades.parent,
        }


def databases(places: Places) -> list[Path]:
    """Return Freqtrade's databases."""
    return _files(places.user_data.glob(DATABASE_PATTERN))


def tapes(journals: Journals) -> list[Path]:
    """Return the tape, and the ledger of what asking cost."""
    return _files((journals.tape, journals.tape.with_name(LEDGER_NAME)))


def small_files(folders: Folders) -> list[Path]:
    """Return rewards, peaks, halts, findings, the sandbox's anchor and the user's prompts."""
    places, journals = folders.places, folders.journals
    return _files(
        (
            *journals.trades.parent.glob(f"{REWARD_NAME}*"),
            *places.logs.glob("risk_state.*.json*"),
            *places.user_data.glob(f"{HALT_NAME}*"),
            *places.user_data.glob(f"{OWN_PROMPTS}/**/*"),
            places.run / "sandbox.json",
            places.findings,
        )
    )


def settings_files(places: Places) -> list[Path]:
    """Return the files of settings that are there."""
    return _files(places.user_data / name for name in SETTINGS)


def relatives(path: Path) -> list[Path]:
    """Return the file and all that is read together with it, as far as they are there.

    A database beside the log of its successor, or a journal beside parts of it, is damaged.
    """
    family = _family(path)
    if family is None:
        return _files((path,))
    return _files(one for one in path.parent.iterdir() if _family(one) == family)


def _family(path: Path) -> str | None:
    found = _FAMILY.fullmatch(path.name)
    return found["head"] if found else None


def _files(paths: Iterable[Path]) -> list[Path]:
    return sorted({path for path in paths if path.is_file()})

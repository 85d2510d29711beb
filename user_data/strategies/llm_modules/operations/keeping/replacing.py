"""Files put in the place of others, all of them or, when one fails, none.

Each file waits in a hidden folder beside its place, so that every step is a rename within one
disk. What was there waits in another until all are in place.
"""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from llm_modules.operations.keeping.contents import relatives

COMING = ".restoring"
LEAVING = ".replaced"


@dataclass(frozen=True, slots=True)
class Replacement:
    """The places by name, and every file that leaves: the same ones and what belongs to them."""

    places: Mapping[str, Path]

    @property
    def leaving(self) -> list[Path]:
        """Files that are there now and will not be, or not as they are."""
        return sorted({one for place in self.places.values() for one in _there(place)})

    def waiting(self, name: str) -> Path:
        """Return where the file of this name waits, in a folder that is made."""
        return _beside(self.places[name], COMING)

    def carry_out(self) -> None:
        """Put every waiting file in its place. Raises OSError with everything as it was."""
        with ExitStack() as undo:
            # What leaves goes first: a new database must not meet the log of the old one.
            for there in self.leaving:
                _move(there, _beside(there, LEAVING), undo)
            for name, place in self.places.items():
                _move(self.waiting(name), place, undo)
            # All are in place: nothing is to be taken back any more.
            undo.pop_all()

    def tidy(self) -> None:
        """Remove the hidden folders with whatever is left in them."""
        for folder in {place.parent for place in self.places.values()}:
            for name in (COMING, LEAVING):
                shutil.rmtree(folder / name, ignore_errors=True)


def hand_over(paths: Iterable[Path], owner_of: Path) -> None:
    """Give the files to whom the bot's folder belongs, where root put them there."""
    if os.geteuid() != 0:
        return
    owner = owner_of.stat()
    for path in paths:
        with suppress(OSError):
            os.chown(path, owner.st_uid, owner.st_gid)


def _there(place: Path) -> Sequence[Path]:
    return relatives(place) if place.parent.is_dir() else ()


def _beside(place: Path, folder: str) -> Path:
    (place.parent / folder).mkdir(parents=True, exist_ok=True)
    return place.parent / folder / place.name


def _move(before: Path, after: Path, undo: ExitStack) -> None:
    before.rename(after)
    undo.callback(after.rename, before)

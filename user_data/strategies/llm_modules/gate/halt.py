"""The files that halt trading, in the user_data folder.

`HALT` halts every mode, `HALT.<mode>` is what the emergency stop leaves behind in its own mode,
`FLATTEN` asks once to close everything. A file counts because it is there, whatever it is and
holds: the switch has to work when nothing else does.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError

from llm_modules.domain import RunMode, TradingMode
from llm_modules.errors import JournalError
from llm_modules.whole_files import put_in_place

HALT_NAME = "HALT"
FLATTEN_NAME = "FLATTEN"
MODES: tuple[TradingMode, ...] = get_args(TradingMode)
# A file larger than this is not ours; whoever made it must not make the bot read for minutes.
READ_BYTES = 65_536
TEXT_LENGTH = 300


def legible(text: str) -> str:
    """Return foreign text as one line of bounded length that no terminal obeys."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())[:TEXT_LENGTH]


class HaltNote(BaseModel):
    """What we write into such a file: why, when, and by whom."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    reason: Annotated[str, AfterValidator(legible)]
    at: AwareDatetime
    by: Annotated[str, AfterValidator(legible)]


@dataclass(frozen=True, slots=True)
class HaltFile:
    """A file that was found; `note` is None, and `problem` says why, when it is not readable."""

    path: Path
    note: HaltNote | None
    problem: str = ""

    @property
    def reason(self) -> str:
        """Why it was written, or that the file does not say."""
        if self.note is None:
            return f"{self.path.name} was found but not readable ({self.problem})"
        return self.note.reason or "no reason given"

    @property
    def words(self) -> str:
        """The reason, and who wrote it when."""
        if self.note is None:
            return self.reason
        return f"{self.reason} (by {self.note.by}, {self.note.at:%Y-%m-%d %H:%M %Z})"


@dataclass(frozen=True, slots=True)
class Seen:
    """Which files are there; None where the system did not let us look."""

    by_hand: bool | None
    tripped: bool | None
    flatten: bool | None


class HaltSwitch:
    """The three files that concern a bot running in one mode."""

    def __init__(self, user_data: Path, mode: RunMode) -> None:
        self.by_hand = user_data / HALT_NAME
        self.tripped = user_data / f"{HALT_NAME}.{mode}"
        self.flatten = user_data / FLATTEN_NAME

    def look(self) -> Seen:
        """Look which files are there: a few system calls, cheap enough for every loop."""
        return Seen(is_there(self.by_hand), is_there(self.tripped), is_there(self.flatten))

    def trip(self, reason: str, now: datetime) -> None:
        """Leave behind that the emergency stop tripped. Raises JournalError."""
        write_note(self.tripped, HaltNote(reason=reason, at=now, by="the emergency stop"))


def halt_paths(user_data: Path) -> tuple[Path, ...]:
    """Return every path whose existence halts some mode."""
    return (user_data / HALT_NAME, *(user_data / f"{HALT_NAME}.{mode}" for mode in MODES))


def found_halts(user_data: Path) -> tuple[HaltFile, ...]:
    """Return the files that halt some mode now, read for people."""
    # What cannot be looked at counts, as it does for the bot.
    return tuple(read_halt(path) for path in halt_paths(user_data) if is_there(path) is not False)


def is_there(path: Path) -> bool | None:
    """Tell whether anything has this name, also a dangling link; None when that is not known."""
    try:
        path.lstat()
    except FileNotFoundError:
        # Without its folder, as on a disk that went away, a file has not been removed.
        return False if path.parent.is_dir() else None
    except OSError:
        return None
    return True


def read_halt(path: Path) -> HaltFile:
    """Read what one of the files says; never fails."""
    try:
        content = read_small(path)
    except OSError as error:
        return HaltFile(path, None, error.strerror or type(error).__name__)
    try:
        return HaltFile(path, HaltNote.model_validate_json(content))
    except ValidationError:
        return HaltFile(path, None, "not a note of ours" if content.strip() else "empty")


def read_small(path: Path) -> bytes:
    """Return the first bytes of a file, without ever waiting for them. Raises OSError."""
    # A pipe of that name would hold the bot until someone writes into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, READ_BYTES)
    finally:
        os.close(descriptor)


def write_note(path: Path, note: HaltNote) -> None:
    """Write one of the files; on a full disk at least an empty one. Raises JournalError."""
    try:
        write_whole(path, note.model_dump_json())
    except JournalError:
        try:
            path.touch()
        except OSError as error:
            raise JournalError(f"cannot write {path}: {error.strerror}") from error


def write_whole(path: Path, text: str) -> None:
    """Put a file in place in one step, on disk when this returns. Raises JournalError."""
    try:
        put_in_place(path, text)
    except OSError as error:
        raise JournalError(f"cannot write {path}: {error.strerror}") from error


def remove(path: Path) -> None:
    """Remove a file, a link or an empty folder; a missing one is fine. Raises JournalError."""
    try:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise JournalError(f"cannot remove {path}: {error.strerror}") from error

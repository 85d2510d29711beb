"""Several files replaced together: all of them, or none."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from llm_modules.errors import UserError
from llm_modules.operations.places import shown
from llm_modules.whole_files import OWNER_ONLY, write_new


@dataclass(frozen=True, slots=True)
class Change:
    """A file's text before and after. With `is_secret` it is its owner's alone to read."""

    path: Path
    before: str | None
    after: str
    is_secret: bool = False

    @property
    def target(self) -> Path:
        """The file itself, where the path is a link to it."""
        return self.path.resolve()

    @property
    def staged(self) -> Path:
        """Where the new text waits."""
        return self.target.with_name(f"{self.target.name}.new")


@contextmanager
def refuse_loss() -> Iterator[None]:
    """Turn a full disk or a missing right into a sentence that says nothing is lost.

    Raises UserError.
    """
    try:
        yield
    except OSError as error:
        where = f" {shown(Path(error.filename))}" if isinstance(error.filename, str) else ""
        cause = error.strerror or str(error)
        raise UserError(f"nothing was changed:{where} cannot be written: {cause}") from error


def write_all(changes: Sequence[Change], backups: Path, stamp: str) -> tuple[Path, ...]:
    """Back up the former files, replace all of them, and return the backups.

    Raises OSError, with every file as it was, when one cannot be written, and UserError when one
    is no longer what was read.
    """
    for change in changes:
        _refuse_changed(change)
    kept = tuple(_backed_up(change, backups, stamp) for change in changes if change.before)
    try:
        # What can fail for want of space or rights comes before the first file is replaced.
        for change in changes:
            _stage(change)
        _replace(changes)
    finally:
        for change in changes:
            change.staged.unlink(missing_ok=True)
    return kept


def _replace(changes: Sequence[Change]) -> None:
    done: list[Change] = []
    try:
        for change in changes:
            change.staged.replace(change.target)
            done.append(change)
    except OSError:
        for change in done:
            _restore(change)
        raise


def _restore(change: Change) -> None:
    if change.before is None:
        change.target.unlink()
    else:
        _stage(Change(change.path, change.before, change.before, change.is_secret))
        change.staged.replace(change.target)


def _stage(change: Change) -> None:
    mode = OWNER_ONLY if change.is_secret else change.target.stat().st_mode & 0o777
    write_new(change.staged, change.after, mode=OWNER_ONLY)
    change.staged.chmod(mode)


def _backed_up(change: Change, backups: Path, stamp: str) -> Path:
    backups.mkdir(parents=True, exist_ok=True)
    # A second run within the second must not replace what the first one kept.
    marks = ("", *(f"-{number}" for number in itertools.islice(itertools.count(2), 998)))
    names = (backups / f"{stamp}{mark}.{change.path.name.lstrip('.')}" for mark in marks)
    path = next(name for name in names if not name.exists())
    write_new(path, change.before or "", mode=OWNER_ONLY)
    return path


def _refuse_changed(change: Change) -> None:
    try:
        now = change.target.read_bytes().decode("utf-8")
    except FileNotFoundError:
        now = None
    if now != change.before:
        raise UserError(
            f"{shown(change.path)} was changed meanwhile, so nothing was written; run it again"
        )

"""Copies of everything worth keeping, in an order in which nothing names what is missing."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from llm_modules.errors import ConfigError
from llm_modules.operations.keeping.contents import (
    Folders,
    Kept,
    databases,
    settings_files,
    small_files,
    tapes,
)
from llm_modules.operations.keeping.copying import Tell, copy_database, copy_file, copy_journal
from llm_modules.operations.places import shown
from llm_modules.operations.settings.key_move import blanked
from llm_modules.operations.settings.likely_secrets import likely_secrets
from llm_modules.operations.settings.reading import parse_text, read_text
from llm_modules.operations.settings.secret_keys import literal_secrets, refuse_ccxt_secrets

PREFIX = ".backup-"
# No copy takes so long: what is older was left by one that was killed.
ABANDONED_SECONDS = 86_400


@dataclass(slots=True)
class Staged:
    """The copies, with their names in the archive, and what the user should know of them."""

    files: list[Kept] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@contextmanager
def staging_folder(beside: Path) -> Iterator[Path]:
    """Make a folder for copies on the same disk as the archive; it goes whatever happens."""
    for abandoned in beside.glob(f"{PREFIX}*"):
        if time.time() - abandoned.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(abandoned, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stage(folders: Folders, folder: Path, also: Sequence[Path], tell: Tell) -> Staged:
    """Copy everything worth keeping, and `also`, into the folder.

    What is read later knows all that was named before: trades name decisions, and these the
    answers on the tape. Raises OSError, or JournalError for a database that cannot be copied now.
    """
    staged, journals = Staged(), folders.journals

    def journal(path: Path) -> Iterable[Path]:
        into = _into(folders, folder, path)
        return copy_journal(path, into, tell) if into else ()

    def database(path: Path) -> Iterable[Path]:
        into = _into(folders, folder, path)
        files, remark = copy_database(path, into, tell) if into else ([], None)
        staged.remarks += [f"copied as it stands, no reader opens it: {remark}"] if remark else []
        return files

    def plain(path: Path) -> Iterable[Path]:
        into = _into(folders, folder, path)
        if into is None or (into / path.name).exists():
            return
        copy_file(path, into / path.name, tell)
        yield into / path.name

    def settings(path: Path) -> Iterable[Path]:
        target = folder / path.name
        staged.remarks += _copy_settings(path, target)
        return [target] if target.exists() else []

    steps: tuple[tuple[Callable[[Path], Iterable[Path]], Sequence[Path]], ...] = (
        (journal, [journals.trades]),
        (database, databases(folders.places)),
        (journal, [journals.decisions]),
        (database, tapes(journals)),
        (plain, small_files(folders)),
        (settings, settings_files(folders.places)),
        (plain, also),
    )
    for copy, paths in steps:
        for path in paths:
            for one in copy(path):
                staged.files.append(Kept(one.relative_to(folder).as_posix(), one))
    return staged


def _into(folders: Folders, folder: Path, path: Path) -> Path | None:
    """Return the folder for the copy of a file; None for one that no archive has a name for."""
    for kept in folders.named([path]):
        into = (folder / kept.name).parent
        into.mkdir(parents=True, exist_ok=True)
        return into
    return None


def _copy_settings(source: Path, target: Path) -> list[str]:
    """Copy settings without their secrets; return what is to be said about that.

    Where secrets cannot be told from the rest, nothing is copied.
    """
    name = shown(source)
    try:
        text = read_text(source)
        settings = parse_text(text, name)
        refuse_ccxt_secrets(settings, name)
    except ConfigError as error:
        return [f"{name} is NOT in it, for it may hold secrets that cannot be taken out: {error}"]
    likely = (".".join(one.path) for one in likely_secrets(text))
    # Each once, in the order in which they are found.
    keys = tuple(dict.fromkeys((*literal_secrets(settings), *likely)))
    target.write_text(blanked(text, keys), encoding="utf-8")
    return [f"{name}: left out {', '.join(keys)}; comments are as they are"] if keys else []

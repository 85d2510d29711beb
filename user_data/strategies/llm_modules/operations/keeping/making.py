"""One archive made of a bot as it is now: staged, listed, packed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from llm_modules.domain import RunMode
from llm_modules.operations.keeping.archive import list_file, write_archive
from llm_modules.operations.keeping.contents import DATABASE_PATTERN, Folders, Kept
from llm_modules.operations.keeping.manifest import Manifest, own_version
from llm_modules.operations.keeping.progress import Meter
from llm_modules.operations.keeping.staging import stage, staging_folder
from llm_modules.operations.places import STAMP
from llm_modules.operations.running.bot_record import is_running, read_record
from llm_modules.operations.running.modes import mode_of
from llm_modules.operations.session import Session

MadeBy = Literal["backup", "clean", "restore"]


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that was written, and what the user should know of it."""

    path: Path
    manifest: Manifest
    remarks: tuple[str, ...] = ()


def free_name(folder: Path, now: datetime) -> Path:
    """Return a name for an archive of this second that no other has."""
    folder.mkdir(parents=True, exist_ok=True)
    names = (f"{now:{STAMP}}{f'-{number}' * (number > 1)}.tar.gz" for number in range(1, 1000))
    return next(folder / name for name in names if not (folder / name).exists())


def make_archive(
    session: Session, path: Path, made_by: MadeBy, also: Sequence[Path] = ()
) -> Archive:
    """Pack everything worth keeping, and `also`, into a new archive.

    Works while the bot runs. Raises OSError or JournalError, with no archive made.
    """
    folders = Folders(session.places, session.journals())
    total_bytes = sum(one.stat().st_size for one in _sources(folders))
    with staging_folder(path.parent) as folder:
        staged = stage(folders, folder, also, Meter(session.screen, "Copying", total_bytes))
        archive = pack(session, path, made_by, staged.files)
    return Archive(archive.path, archive.manifest, tuple(staged.remarks))


def pack(session: Session, path: Path, made_by: MadeBy, files: Sequence[Kept]) -> Archive:
    """Pack files that nobody writes to, with their list in front; raises OSError."""
    manifest = Manifest(
        schema=1,
        made_by=made_by,
        at=datetime.now(UTC),
        version=own_version(),
        mode=_mode(session),
        files=tuple(list_file(kept) for kept in files),
    )
    write_archive(path, manifest, files, Meter(session.screen, "Packing", manifest.size_bytes))
    return Archive(path, manifest)


def _mode(session: Session) -> RunMode | None:
    places = session.places
    record = read_record(places) if is_running(places) else None
    if record is not None:
        return record.mode
    # Nothing where none could be read.
    settings = session.settings()
    return mode_of(settings) if settings else None


def _sources(folders: Folders) -> list[Path]:
    """Return what a copy is going to read, as far as that can be told beforehand."""
    logs = {folders.journals.decisions.parent, folders.journals.trades.parent}
    found = [one for folder in logs for one in folder.glob("*") if one.is_file()]
    return [*found, *folders.places.user_data.glob(DATABASE_PATTERN)]

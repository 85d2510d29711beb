"""`manage.sh backup`: everything a bot knows in one file, made while it runs, or a list of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.table import Table

from llm_modules.errors import UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping.archive import read_manifest
from llm_modules.operations.keeping.making import Archive, free_name, make_archive
from llm_modules.operations.keeping.progress import sized
from llm_modules.operations.places import shown
from llm_modules.operations.session import Session

NO_SECRETS = "Secrets are not in it, as far as names tell them; comments are. Keep .env yourself."


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """Where to put it, the usual folder where None; or only to list what is there."""

    now: datetime
    out: Path | None = None
    list_only: bool = False


def back_up(session: Session, options: BackupOptions) -> ExitStatus:
    """Make an archive of journals, databases, states and settings, or list those there are.

    Raises UserError for a place that cannot be used.
    """
    if options.list_only:
        return list_archives(session)
    path = _path(session, options)
    try:
        archive = make_archive(session, path, "backup")
    except KeyboardInterrupt:
        session.screen.complain("Interrupted: no backup was made.")
        return ExitStatus.FAILED
    except OSError as error:
        session.screen.complain(f"No backup was made: {error.strerror or error} ({shown(path)})")
        return ExitStatus.FAILED
    _say(session, archive)
    return ExitStatus.DONE


def list_archives(session: Session) -> ExitStatus:
    """Show the archives in the usual folder, newest first."""
    paths = sorted(session.places.backups.glob("*.tar.gz"), reverse=True)
    if not paths:
        session.screen.say("There is no backup yet: ./manage.sh backup makes one.")
        return ExitStatus.DONE
    table = Table("archive", "made at (UTC)", "by", "mode", "files", "size", box=None)
    for path in paths:
        table.add_row(path.name, *_described(path))
    session.screen.table(table)
    session.screen.say(f"They are in {shown(session.places.backups)}.")
    return ExitStatus.DONE


def _described(path: Path) -> Iterator[str]:
    try:
        manifest = read_manifest(path)
    except UserError:
        yield from ("-", "unknown", "-", "-")
    else:
        yield f"{manifest.at:%Y-%m-%d %H:%M}"
        yield manifest.made_by
        yield (manifest.mode or "unknown").replace("_", "-")
        yield str(len(manifest.files))
    yield sized(path.stat().st_size)


def _path(session: Session, options: BackupOptions) -> Path:
    if options.out is None:
        return free_name(session.places.backups, options.now)
    path = options.out.absolute()
    if path.is_dir():
        return free_name(path, options.now)
    if path.exists():
        raise UserError(f"{path} is there already: name another file, or move that one away")
    if not path.parent.is_dir():
        raise UserError(f"{path.parent} is no folder: make it first, or name another")
    return path


def _say(session: Session, archive: Archive) -> None:
    screen, manifest = session.screen, archive.manifest
    size = sized(archive.path.stat().st_size)
    screen.say(f"{shown(archive.path)}: {len(manifest.files)} files, {size}.")
    for remark in archive.remarks:
        screen.complain(remark)
    screen.say(f"{NO_SECRETS} ./manage.sh restore {shown(archive.path)} puts it back.")

"""`backup` and `restore` as commands of manage.sh."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from llm_modules.operations.command import Command, Options
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping.backing_up import BackupOptions, back_up
from llm_modules.operations.keeping.restoring import RestoreOptions, restore
from llm_modules.operations.session import Session


def _add_backup(command: argparse.ArgumentParser) -> None:
    either = command.add_mutually_exclusive_group()
    either.add_argument("--out", type=Path, metavar="FILE", help="default: in user_data/backups")
    either.add_argument("--list", action="store_true", help="show the archives there are")


def _add_restore(command: argparse.ArgumentParser) -> None:
    command.add_argument("archive", type=Path, metavar="FILE", help="an archive of backup or clean")
    command.add_argument("--yes", action="store_true", help="do not ask")


def _back_up(session: Session, options: Options) -> ExitStatus:
    return back_up(session, BackupOptions(datetime.now(UTC), options.out, options.list))


def _restore(session: Session, options: Options) -> ExitStatus:
    return restore(session, RestoreOptions(options.archive, datetime.now(UTC), options.yes))


BACKUP = Command("pack journals, databases and settings into one file", _back_up, _add_backup)
RESTORE = Command("put back what a backup holds, after a check", _restore, _add_restore)

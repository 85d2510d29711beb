"""The commands around a bot: cleaning, secrets moved to where they belong."""

import sys
from datetime import datetime

from llm_modules.errors import UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping.cleaning import leftovers, remove
from llm_modules.operations.keeping.contents import Folders
from llm_modules.operations.keeping.making import free_name, pack
from llm_modules.operations.places import STAMP, shown
from llm_modules.operations.running.bot_record import AlreadyRunningError, bot_lock, orphans
from llm_modules.operations.running.halting import halts
from llm_modules.operations.session import Session
from llm_modules.operations.settings.env_file import completed
from llm_modules.operations.settings.key_move import move_keys
from llm_modules.operations.settings.secret_keys import VARIABLES


def clean(session: Session, now: datetime, *, confirmed: bool) -> ExitStatus:
    """Back up and remove what runs left behind; asks unless `confirmed`.

    Raises AlreadyRunningError while the bot runs, or programs that a killed supervisor left.
    """
    places, screen = session.places, session.screen
    # Before the lock: letting go of it removes the record that names them.
    if left := orphans(places):
        names = ", ".join(f"{one.name} {one.pid}" for one in left)
        raise AlreadyRunningError(f"a killed supervisor left running: {names}")
    # Locked until all is removed, so that no bot starts on files that are about to go.
    with bot_lock(places):
        journals = session.journals()
        found = leftovers(places, (journals.decisions, journals.trades, journals.tape))
        # What no archive has a name for is none of ours, and stays.
        kept = Folders(places, journals).named(found)
        files = [one.path for one in kept]
        if not files:
            screen.say("There is nothing to clean.")
            return ExitStatus.DONE
        screen.say("To be backed up and removed:")
        for path in files:
            screen.say(f"  {shown(path)}")
        if not confirmed and not screen.agreed():
            screen.say("Nothing was removed.")
            return ExitStatus.FAILED
        try:
            archive = pack(session, free_name(places.backups, now), "clean", kept).path
        except OSError as error:
            raise UserError(f"no backup, so nothing was removed: {error}") from error
        remove(files)
    screen.say(
        f"Removed {len(files)} files; the backup is {shown(archive)}; "
        "./manage.sh restore puts it back."
    )
    for name, words in halts(places):
        screen.say(f"Stays: {name.lower()} {words}")
    return ExitStatus.DONE


def move_secrets(session: Session, now: datetime) -> ExitStatus:
    """Move literal secrets from config.json into .env; no value is ever printed."""
    keys = move_keys(session.places, now.strftime(STAMP))
    if not keys:
        session.screen.say("config.json holds no secrets.")
        return ExitStatus.DONE
    for key in keys:
        session.screen.say(f"{key} -> {VARIABLES[key]} in {shown(session.places.env_file)}")
    session.screen.say(f"The former config.json is kept in {shown(session.places.backups)}.")
    return ExitStatus.DONE


def complete_env() -> ExitStatus:
    """Copy a `.env` from standard input to standard output, generated secrets added."""
    sys.stdout.write(completed(sys.stdin.read()))
    return ExitStatus.DONE

"""The commands that halt trading, lift a halt, or have everything closed once.

They write and remove files and ask nobody: neither Freqtrade's API nor config.json is needed.
"""

import getpass
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llm_modules.gate.halt import (
    FLATTEN_NAME,
    HALT_NAME,
    MODES,
    HaltFile,
    HaltNote,
    found_halts,
    is_there,
    legible,
    read_halt,
    remove,
    write_note,
)
from llm_modules.gate.risk_state import StateUnreadableError, read_state, state_name
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import STAMP, Places, shown
from llm_modules.operations.running.bot_record import is_running
from llm_modules.operations.session import Session

HALTED_RUNNING = (
    "The running bot closes every position within seconds and opens nothing until "
    "./manage.sh resume."
)
HALTED_STOPPED = (
    "The bot is not running: open positions stay as they are, with their stops. It will start "
    "halted, close what is open, and open nothing until ./manage.sh resume."
)
NOTHING_TO_FLATTEN = (
    "The bot is not running, so nothing can be closed now: positions stay, with their stops. On a "
    "live exchange close them there by hand, or start the bot first."
)
FLATTENING = (
    "The running bot closes every position once, within seconds, and opens nothing meanwhile. "
    "Then it trades on; ./manage.sh halt keeps it from that."
)


@dataclass(frozen=True, slots=True)
class HaltingState:
    """A saved state that halts with no HALT file beside it, and why."""

    path: Path
    reason: str


def halt(session: Session, reason: str, now: datetime) -> ExitStatus:
    """Halt trading in every mode: close everything, open nothing. Raises JournalError."""
    path = session.places.user_data / HALT_NAME
    note = read_halt(path).note
    # A second halt without words leaves the words of the first.
    if reason or note is None or not note.reason:
        write_note(path, HaltNote(reason=reason, at=now, by=_who()))
    session.screen.say(f"Halted: {_shown(path)} is written.")
    session.screen.say(HALTED_RUNNING if is_running(session.places) else HALTED_STOPPED)
    return ExitStatus.DONE


def resume(session: Session, now: datetime, *, confirmed: bool) -> ExitStatus:
    """Show what halts trading and lift it; asks unless `confirmed`. Raises JournalError."""
    places, screen = session.places, session.screen
    files, states = found_halts(places.user_data), halting_states(places)
    for line in (
        *(_described(file, places) for file in files),
        *(f"{_shown(one.path)}\n  {one.reason}" for one in states),
    ):
        screen.say(line)
    for _, words in _pending(places):
        screen.say(f"{FLATTEN_NAME} is pending and stays: {words}")
    if not files and not states:
        screen.say("Nothing is halted.")
        return ExitStatus.DONE
    if not confirmed and not screen.agreed():
        screen.say("Trading stays halted.")
        return ExitStatus.FAILED
    for state in states:
        # Kept for whoever wants to know what was in it.
        state.path.rename(state.path.with_name(f"{state.path.name}.{now:{STAMP}}"))
    for file in files:
        remove(file.path)
    goes_on = "now" if is_running(places) else "with the next start"
    screen.say(f"Trading goes on {goes_on}.")
    if states or any(file.path.name != HALT_NAME for file in files):
        screen.say("The emergency stop measures from a new peak.")
    return ExitStatus.DONE


def flatten(session: Session, now: datetime, *, confirmed: bool) -> ExitStatus:
    """Have the running bot close everything once; asks unless `confirmed`. Raises JournalError."""
    path, screen = session.places.user_data / FLATTEN_NAME, session.screen
    if not is_running(session.places):
        screen.complain(NOTHING_TO_FLATTEN)
        return ExitStatus.NOT_RUNNING
    if not confirmed:
        screen.say("Every open position will be closed at the market's price.")
        if not screen.agreed():
            screen.say("Nothing is closed.")
            return ExitStatus.FAILED
    write_note(path, HaltNote(reason="./manage.sh flatten", at=now, by=_who()))
    screen.say(FLATTENING)
    return ExitStatus.DONE


def halts(places: Places) -> tuple[tuple[str, str], ...]:
    """Return what halts trading or is about to close everything, as rows of name and words."""
    return (
        *(("Halted", f"{_scope(file)}: {file.words}") for file in found_halts(places.user_data)),
        *(("Halted", state.reason) for state in halting_states(places)),
        *_pending(places),
    )


def halting_states(places: Places) -> tuple[HaltingState, ...]:
    """Return the saved states that halt by themselves: unreadable, or tripped without its file."""
    found = []
    for mode in MODES:
        path = places.logs / state_name(mode)
        try:
            state = read_state(path)
        except StateUnreadableError as error:
            found.append(HaltingState(path, str(error)))
            continue
        if state is not None and state.halts_by_itself:
            found.append(HaltingState(path, f"in {mode}: {legible(state.tripped_because)}"))
    return tuple(found)


def _described(file: HaltFile, places: Places) -> str:
    """Describe a file: why, by whom and when, from the saved state where it does not tell."""
    lines = [f"{_shown(file.path)} ({_scope(file)})", f"  why  {file.reason}"]
    if file.note is not None:
        lines += [f"  by   {file.note.by}", f"  at   {file.note.at:%Y-%m-%d %H:%M:%S %Z}"]
    elif because := _saved_reason(file, places):
        lines.append(f"  why  {because}")
    return "\n".join(lines)


def _saved_reason(file: HaltFile, places: Places) -> str:
    for mode in MODES:
        if file.path.suffix == f".{mode}":
            try:
                state = read_state(places.logs / state_name(mode))
            except StateUnreadableError:
                return ""
            return legible(state.tripped_because) if state else ""
    return ""


def _scope(file: HaltFile) -> str:
    return f"in {file.path.suffix[1:]}" if file.path.suffix else "in every mode"


def _pending(places: Places) -> tuple[tuple[str, str], ...]:
    path = places.user_data / FLATTEN_NAME
    return () if is_there(path) is False else (("Flatten", read_halt(path).words),)


def _shown(path: Path) -> str:
    # Not the path itself: a link of that name would be followed.
    return f"{shown(path.parent)}/{path.name}"


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return f"user {os.getuid()}"

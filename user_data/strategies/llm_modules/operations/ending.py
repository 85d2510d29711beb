"""How every program of ours ends: whatever is raised becomes one line and an exit status."""

import errno
import io
import os
import sys
from collections.abc import Callable

from llm_modules.errors import BacktestError, JournalError, UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.running.bot_record import AlreadyRunningError
from llm_modules.operations.screen import Screen

# What a shell tells of a program that Ctrl-C ended.
INTERRUPTED = 130
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
NO_RIGHTS = frozenset({errno.EACCES, errno.EPERM})


def ended(screen: Screen, act: Callable[[], int], *, interrupted: str = "") -> int:
    """Do it and return the exit status; `interrupted` is what is said after Ctrl-C."""
    _write_what_can_be_written()
    try:
        return int(act())
    except KeyboardInterrupt:
        if interrupted:
            screen.complain(interrupted)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output left, as `head` does; nothing more can be written there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.DONE
    except AlreadyRunningError as error:
        return _failed(screen, f"{error}: ./manage.sh stop ends it")
    except UserError as error:
        screen.complain(str(error))
        # It could not go on; nothing about how it was called was wrong.
        return ExitStatus.FAILED if isinstance(error, BacktestError) else ExitStatus.UNUSABLE
    except (OSError, JournalError) as error:
        # A full disk, a missing permission: one line says it, a traceback would hide it.
        return _failed(screen, _with_a_cure(error))


def until_interrupted(follow: Callable[[], ExitStatus]) -> ExitStatus:
    """Follow something until Ctrl-C, which is how following ends, and no failure."""
    try:
        return follow()
    except KeyboardInterrupt:
        return ExitStatus.DONE


def _failed(screen: Screen, why: str) -> ExitStatus:
    screen.complain(why)
    return ExitStatus.FAILED


def _with_a_cure(error: OSError | JournalError) -> str:
    if not isinstance(error, OSError):
        return str(error)
    named = [str(one) for one in (error.filename, error.filename2) if one]
    where = " -> ".join(named) + ": " if named else ""
    if error.errno in NO_ROOM:
        return f"{where}no room is left on the disk: make some and try again"
    if named and error.errno in NO_RIGHTS:
        return f"{where}this user has no right to it: `ls -l` tells whose it is"
    return str(error)


def _write_what_can_be_written() -> None:
    """Let a terminal that is not UTF-8 show ? for what it lacks: models write all there is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

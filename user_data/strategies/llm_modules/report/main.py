"""The entrance: reads the command line, makes the page, and says in a status how it ended."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from llm_modules.errors import JournalError, UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.report.command import report
from llm_modules.report.options import parsed

# What a shell tells of a program that Ctrl-C ended.
INTERRUPTED = 130


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Write a report and return the exit status."""
    options = parsed(arguments, datetime.now(UTC))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    session = Session(Places(options.user_data), environment, Screen())
    try:
        return int(report(session, options))
    except UserError as error:
        session.screen.complain(str(error))
        return ExitStatus.UNUSABLE
    except KeyboardInterrupt:
        session.screen.complain("Stopped; no page was written.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output left, as `head` does; the page is written by then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.DONE
    except (OSError, JournalError) as error:
        session.screen.complain(str(error))
        return ExitStatus.FAILED

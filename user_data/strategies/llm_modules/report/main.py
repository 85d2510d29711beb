"""The entrance: reads the command line, makes the page, and says in a status how it ended."""

import signal
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from llm_modules.operations.ending import ended
from llm_modules.operations.places import Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.report.command import report
from llm_modules.report.options import parsed


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Write a report and return the exit status."""
    options = parsed(arguments, datetime.now(UTC))
    # A shell that starts us in the background has it ignored, and the report could not be ended.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    session = Session(Places(options.user_data), environment, Screen())
    stopped = "Stopped; no page was written."
    return ended(session.screen, lambda: report(session, options), interrupted=stopped)

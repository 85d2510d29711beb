"""The entry of `status` in the table of commands."""

import argparse
import math

from llm_modules.operations.command import Command, Options
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from llm_modules.operations.status.showing import StatusOptions, show_status

USUAL_SECONDS = 5.0
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 3600.0


def add_status(command: argparse.ArgumentParser) -> None:
    """Add the options of `status`."""
    command.add_argument("--json", action="store_true", help="for programs")
    command.add_argument(
        "--watch",
        type=_seconds,
        nargs="?",
        const=USUAL_SECONDS,
        metavar="SECONDS",
        help="look again every so often (usual: 5), until Ctrl-C",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected 1 to 3600 seconds")
    return seconds


def _status(session: Session, options: Options) -> ExitStatus:
    return show_status(session, StatusOptions(options.json, options.watch))


STATUS = Command("show on one screen whether the bot runs and how it is", _status, add_status)

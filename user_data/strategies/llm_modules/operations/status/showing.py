"""`manage.sh status`: shown once, as JSON, or again and again on a screen of its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter
from rich.console import Group
from rich.live import Live
from rich.text import Text

from llm_modules.errors import UserError
from llm_modules.operations.ending import until_interrupted
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from llm_modules.operations.status.facts import StatusReport
from llm_modules.operations.status.gathering import gather
from llm_modules.operations.status.page import status_page

REPORT: TypeAdapter[StatusReport] = TypeAdapter(StatusReport)


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """How the status is wanted; `watch_seconds` is how often it is looked at anew, None once."""

    as_json: bool = False
    watch_seconds: float | None = None


def show_status(session: Session, options: StatusOptions) -> ExitStatus:
    """Show how the bot is; NOT_RUNNING when it does not run. Raises UserError."""
    if options.watch_seconds is not None:
        if options.as_json:
            raise UserError("--json is for programs, which ask again themselves: leave out --watch")
        if session.screen.console.is_terminal:
            seconds = options.watch_seconds
            return until_interrupted(lambda: watch(session, seconds))
        session.screen.complain("--watch needs a terminal; this is how it is now:")
    report = gather(session, datetime.now(UTC))
    if options.as_json:
        session.screen.raw(REPORT.dump_json(report).decode())
    else:
        for line in status_page(report, _width(session)):
            session.screen.say(line)
    return ExitStatus.DONE if report.bot.running else ExitStatus.NOT_RUNNING


def watch(
    session: Session, seconds: float, goes_on: Callable[[], bool] = lambda: True
) -> ExitStatus:
    """Show the status on a screen of its own until Ctrl-C, and leave the terminal as it was."""
    console = session.screen.console
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while goes_on():
            live.update(_screenful(session, seconds), refresh=True)
            time.sleep(seconds)
    return ExitStatus.DONE


def _screenful(session: Session, seconds: float) -> Group:
    now = datetime.now(UTC)
    lines = list(status_page(gather(session, now), _width(session)))
    said = Text(f"{now:%Y-%m-%d %H:%M:%S} UTC, every {seconds:g} s; Ctrl-C ends", style="dim")
    # What matters most stands first; the foot is kept on a screen of few lines.
    room = max(1, session.screen.console.height - 1)
    return Group(*lines[:room], said)


def _width(session: Session) -> int | None:
    console = session.screen.console
    return console.width if console.is_terminal else None

"""The commands that show a log or journal as it grows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.follow import ensure_file, followed, last_lines
from llm_modules.operations.places import shown
from llm_modules.operations.render import Render, decision_line, plain_line, trade_line
from llm_modules.operations.session import Session


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """How a file is shown: the last `count` lines first, then new ones if `follow`."""

    count: int = 10
    follow: bool = True
    raw: bool = False


def show_log(session: Session, options: ViewOptions) -> ExitStatus:
    """Show Freqtrade's log."""
    return show(session, session.places.freqtrade_log, plain_line, options)


def show_decisions(
    session: Session, options: ViewOptions, goes_on: Callable[[], bool] = lambda: True
) -> ExitStatus:
    """Show the decisions, while `goes_on()`."""
    return show(session, session.journals().decisions, decision_line, options, goes_on)


def show_trades(session: Session, options: ViewOptions) -> ExitStatus:
    """Show the closed trades."""
    return show(session, session.journals().trades, trade_line, options)


def show(
    session: Session,
    path: Path,
    render: Render,
    options: ViewOptions,
    goes_on: Callable[[], bool] = lambda: True,
) -> ExitStatus:
    """Show the last lines of a file and follow it until interrupted; a missing one is created."""
    screen = session.screen
    # On standard error, so that a pipe gets lines of the file and nothing else.
    if ensure_file(path) or not last_lines(path, 1):
        screen.complain(f"{shown(path)} is empty so far.")
    lines = (
        followed(path, options.count, goes_on)
        if options.follow
        else iter(last_lines(path, options.count))
    )
    for line in lines:
        if options.raw:
            screen.raw(line)
        else:
            screen.say(render(line))
    return ExitStatus.DONE

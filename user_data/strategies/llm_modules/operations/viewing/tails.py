"""The commands that show a log or journal as it grows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import shown
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.viewing.follow import ensure_file, followed, last_lines
from llm_modules.operations.viewing.newest import Seek, anything
from llm_modules.operations.viewing.render import Render, decision_line, plain_line, trade_line
from llm_modules.unsigned import unsigned

# A whole line is 85 wide before its reason begins; on less than this there is a shorter one.
WHOLE_WIDTH = 120


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """How a file is shown: the last `count` lines that are sought, then new ones if `follow`."""

    count: int = 10
    follow: bool = True
    raw: bool = False
    seek: Seek = anything


def show_log(session: Session, options: ViewOptions) -> ExitStatus:
    """Show Freqtrade's log."""
    return show(session, session.places.freqtrade_log, log_line, options)


def log_line(line: str, *, short: bool = False) -> Text:
    """Render a line of the log without the signatures that Freqtrade writes into some."""
    return plain_line(unsigned(line), short=short)


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
    is_empty = ensure_file(path) or not last_lines(path, 1)
    if is_empty:
        screen.complain(f"{shown(path)} is empty so far.")
    lines = (
        followed(path, options.count, goes_on, options.seek)
        if options.follow
        else iter(last_lines(path, options.count, options.seek))
    )
    found = 0
    for found, line in enumerate(lines, start=1):  # noqa: B007 - counted for what is said below
        _say(screen, line, render, raw=options.raw)
    if not (found or is_empty or options.seek is anything):
        screen.complain(f"No line of {shown(path)} fits.")
    return ExitStatus.DONE


def _say(screen: Screen, line: str, render: Render, *, raw: bool) -> None:
    """Write a line: as it is, whole, or as much of it as fits into a line of the terminal."""
    if raw:
        screen.raw(line)
        return
    console = screen.console
    if not console.is_terminal or render is log_line:
        screen.say(render(line))
        return
    # Asked each time: a window may have been made wider.
    text = render(line, short=console.width < WHOLE_WIDTH)
    text.truncate(console.width, overflow="ellipsis")
    screen.say(text)

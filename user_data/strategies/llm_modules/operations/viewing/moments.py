"""Times and tools as they are typed on the command line."""

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import get_args

from llm_modules.operations.viewing.choosing import Moment
from llm_modules.operations.viewing.render import short_tool
from llm_modules.tools.calls import ToolCall

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
AGO = re.compile(r"([0-9]{1,6})([mhdw])")
# What is meant by more is all of it.
LONGEST_AGO = timedelta(days=36_500)
TOOLS: tuple[str, ...] = tuple(call.model_fields["tool"].default for call in get_args(ToolCall))


def moment(text: str) -> Moment:
    """Read a time: so long ago, or one of the calendar, which is in UTC unless it says otherwise.

    Raises ArgumentTypeError.
    """
    ago = AGO.fullmatch(text)
    if ago is None:
        return _of_calendar(text)
    span = timedelta(**{UNITS[ago[2]]: int(ago[1])})
    if not timedelta() < span <= LONGEST_AGO:
        raise _unreadable(text)
    return span


def tool(text: str) -> str:
    """Read the name of a tool, whole or in short. Raises ArgumentTypeError."""
    for name in TOOLS:
        if text in (name, short_tool(name)):
            return name
    raise argparse.ArgumentTypeError(
        f"found {text!r}, expected one of {', '.join(map(short_tool, TOOLS))}"
    )


def _of_calendar(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _unreadable(text) from error


def _unreadable(text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(
        f"found {text!r}, expected so long ago, such as 30m, 2h, 3d or 1w, "
        "or a time such as 2026-01-31 or 2026-01-31T12:00 (UTC)"
    )

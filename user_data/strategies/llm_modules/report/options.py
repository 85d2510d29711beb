"""What can be asked for on the command line, and its grammar."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

from llm_modules.domain import TradingMode
from llm_modules.operations.grammar import days
from llm_modules.operations.places import SHIPPED_USER_DATA

USUAL_DAYS = 30


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """One call of the command; None stands for the mode of the newest line, and the usual file."""

    now: datetime
    user_data: Path = SHIPPED_USER_DATA
    days: int = USUAL_DAYS
    mode: TradingMode | None = None
    out: Path | None = None
    as_json: bool = False

    @property
    def since(self) -> datetime:
        """The earliest moment that counts."""
        return self.now - timedelta(days=self.days)


def parsed(arguments: Sequence[str], now: datetime) -> ReportOptions:
    """Read the command line; ends the program with status 2 on wrong usage."""
    found = parser().parse_args(arguments)
    return ReportOptions(
        now=now,
        user_data=found.user_data.absolute(),
        days=found.days,
        mode=found.mode,
        out=found.out,
        as_json=found.as_json,
    )


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command."""
    # What people typed, not what manage.sh made of it.
    command = argparse.ArgumentParser(
        prog="./manage.sh report",
        description="Write a page on the last days of trading. Asks no model, changes nothing.",
    )
    add = command.add_argument
    add(
        "--days",
        type=days,
        default=USUAL_DAYS,
        metavar="N",
        help=f"how many days back from now (default: {USUAL_DAYS})",
    )
    add(
        "--mode",
        choices=get_args(TradingMode),
        help="whose trades; default: the mode of the newest line in the journals",
    )
    add(
        "--out",
        type=Path,
        metavar="FILE",
        help="where the page goes (default: user_data/reports/<time>.html)",
    )
    add("--json", action="store_true", dest="as_json", help="say figures and path as JSON")
    add(
        "--user-data",
        type=Path,
        default=SHIPPED_USER_DATA,
        help="folder of the bot (default: the project's own)",
    )
    return command

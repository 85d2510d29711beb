"""The grammar of the command line: options of each command, and kinds of values they take."""

import argparse
from pathlib import Path
from typing import get_args

from llm_modules.domain import Side, TradingMode
from llm_modules.journal.records import DecisionStatus
from llm_modules.llm.spending.totals import Grouping
from llm_modules.operations.viewing.choosing import Result
from llm_modules.operations.viewing.moments import moment, tool

# Ten years: what is meant by more is all of them.
MOST_DAYS = 3650


def add_wishes(command: argparse.ArgumentParser) -> None:
    """Add what may be wished for beside the settings."""
    command.add_argument("--sandbox", action="store_true", help="simulate exchange and model")
    for name in ("exchange", "model", "api"):
        command.add_argument(f"--{name}-port", type=_port, help=f"port of the {name} on loopback")


def add_start(command: argparse.ArgumentParser) -> None:
    """Add the options of `start`."""
    add_wishes(command)
    command.add_argument("--detach", action="store_true", help="do not follow the decisions")


def add_log(command: argparse.ArgumentParser) -> None:
    """Add the options of what follows a log, which is never shown as it is: it has signatures."""
    command.add_argument(
        "-n", dest="count", type=_count, default=10, metavar="N", help="last lines shown first"
    )
    command.add_argument("--no-follow", action="store_true", help="end after those")


def add_view(command: argparse.ArgumentParser) -> None:
    """Add the options of what follows a journal."""
    add_log(command)
    command.add_argument("--raw", action="store_true", help="the lines as they are in the file")


def add_moments(command: argparse.ArgumentParser) -> None:
    """Add what decisions and trades can both be chosen by."""
    command.add_argument("--pair", metavar="P", help="only of this pair: BTC, or BTC/USDT:USDT")
    command.add_argument("--model", metavar="M", help="only of models whose name holds M")
    when = "30m, 2h, 3d, 1w ago, or 2026-01-31T12:00 (UTC)"
    command.add_argument("--since", type=moment, metavar="T", help=f"only from then on: {when}")
    command.add_argument("--until", type=moment, metavar="T", help="only before then; ends there")


def add_decisions(command: argparse.ArgumentParser) -> None:
    """Add the options of `decisions`."""
    add_view(command)
    add_moments(command)
    command.add_argument("--tool", type=tool, help="only calls of this tool, such as wait")
    command.add_argument("--verdict", choices=get_args(DecisionStatus), help="only these")
    instead = command.add_mutually_exclusive_group()
    instead.add_argument("--summary", action="store_true", help="count them all instead")
    instead.add_argument("--show", metavar="ID", help="one decision whole, prompt and answer too")


def add_trades(command: argparse.ArgumentParser) -> None:
    """Add the options of `trades`."""
    add_view(command)
    add_moments(command)
    command.add_argument("--side", choices=get_args(Side), help="only these")
    command.add_argument("--result", choices=get_args(Result), help="only these")
    instead = command.add_mutually_exclusive_group()
    instead.add_argument("--show", type=_count, metavar="N", help="the review of trade N")
    instead.add_argument("--review", action="store_true", help="the reviews of the last trades")
    instead.add_argument("--summary", action="store_true", help="statistics of the last days")
    command.add_argument("--days", type=days, metavar="N", help="of how many (summary; usual: 30)")
    command.add_argument("--mode", type=_mode, help="of which mode (summary)")


def add_calibration(command: argparse.ArgumentParser) -> None:
    """Add the options of `calibration`."""
    command.add_argument("--mode", type=_mode, help="default: the newest trade's")
    command.add_argument("--model", metavar="NAME", help="default: all")
    command.add_argument(
        "--png",
        type=_png,
        metavar="FILE",
        help="ends with .png, the one format; default: user_data/plot/calibration.png",
    )


def add_cost(command: argparse.ArgumentParser) -> None:
    """Add the options of `cost`."""
    command.add_argument(
        "--days", type=days, default=30, metavar="N", help="of how many (usual: 30)"
    )
    command.add_argument(
        "--by", choices=get_args(Grouping), default="day", help="a row for each (usual: day)"
    )
    command.add_argument("--json", action="store_true", help="for programs")


def add_doctor(command: argparse.ArgumentParser) -> None:
    """Add the options of `doctor`."""
    command.add_argument("--no-calls", action="store_true", help="ask no model anything")
    command.add_argument(
        "--again", action="store_true", help="ask also a model that was asked lately"
    )
    command.add_argument("--json", action="store_true", help="for programs")


def add_replay(command: argparse.ArgumentParser) -> None:
    """Add the options of `replay`."""
    command.add_argument("id", metavar="ID", help="id of a decision, or its beginning or end")
    command.add_argument("--model", metavar="M", help="ask this model, not the configured one")
    command.add_argument("--json", action="store_true", help="for programs")


def add_yes(command: argparse.ArgumentParser) -> None:
    """Add the option that answers every question."""
    command.add_argument("--yes", action="store_true", help="do not ask")


def add_halt(command: argparse.ArgumentParser) -> None:
    """Add the reason of a halt."""
    command.add_argument("reason", nargs="*", metavar="REASON", help="why, in your own words")


def _port(text: str) -> int:
    # As Freqtrade accepts them; digits that are no ASCII are none of its.
    if not (text.isascii() and text.isdigit() and 1024 <= int(text) <= 65_535):  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a port from 1024 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number, 0 or more")
    return int(text)


def days(text: str) -> int:
    """Read a number of days. Raises ArgumentTypeError."""
    found = _count(text)
    if not 1 <= found <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected 1 to {MOST_DAYS} days")
    return found


def _png(text: str) -> Path:
    if Path(text).suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected a name that ends with .png: no other format is drawn"
        )
    return Path(text)


def _mode(text: str) -> str:
    # As it is written for people: dry-run.
    mode = text.replace("-", "_")
    if mode not in get_args(TradingMode):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected sandbox, dry-run or live")
    return mode

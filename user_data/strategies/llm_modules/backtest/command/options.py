"""What can be asked for on the command line, and its grammar."""

import argparse
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from llm_modules.config import TIMEFRAMES
from llm_modules.config.llm import TapeMode
from llm_modules.operations.places import SHIPPED_USER_DATA

RANDOM_SEEDS = 200
MOST_SHARDS = 64
# A seed is a whole account: what is meant by more is no better known.
MOST_SEEDS = 10_000
MOST_CANDLES = 1_000_000
_RANGE = re.compile(r"(\d{8})?-(\d{8})?")


@dataclass(frozen=True, slots=True)
class Dates:
    """From the beginning of a day up to the beginning of another; None: as far as there is."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """One call of the command; None means as the settings say, or as far as there is."""

    user_data: Path = SHIPPED_USER_DATA
    sandbox: bool = False
    pairs: tuple[str, ...] | None = None
    dates: Dates = Dates()
    timeframe: str | None = None
    model: str | None = None
    wallet: float | None = None
    tape: Path | None = None
    tape_mode: TapeMode = "replay_or_record"
    shards: int = 1
    experience: bool = True
    mask: bool = False
    cut_off: datetime | None = None
    baselines: bool = True
    random_seeds: int = RANDOM_SEEDS
    max_cost: float | None = None
    yes: bool = False
    json: bool = False


@dataclass(frozen=True, slots=True)
class LookaheadOptions:
    """One call of `lookahead`: on how many candles the proof is made, None: as many as it likes."""

    user_data: Path = SHIPPED_USER_DATA
    sandbox: bool = False
    pairs: tuple[str, ...] | None = None
    dates: Dates = Dates()
    timeframe: str | None = None
    candles: int | None = None


def parsed(arguments: Sequence[str]) -> BacktestOptions | LookaheadOptions:
    """Read the command line; ends the program with status 2 on wrong usage."""
    found = vars(parser().parse_args(arguments))
    kind = LookaheadOptions if found.pop("command") == "lookahead" else BacktestOptions
    found["user_data"] = found["user_data"].absolute()
    found["pairs"] = tuple(found["pairs"]) if found["pairs"] else None
    return kind(**found)


def parser() -> argparse.ArgumentParser:
    """Return the grammar of both commands."""
    both = argparse.ArgumentParser(add_help=False)
    _add_market(both)
    # What people typed, not what manage.sh made of it.
    whole = argparse.ArgumentParser(prog="./manage.sh")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    purpose = "Try the model on recorded candles, with Freqtrade's own backtesting engine."
    backtest = commands.add_parser("backtest", parents=[both], description=purpose)
    _add_asking(backtest)
    _add_assessing(backtest)
    purpose = "Prove that no decision of a backtest sees what came after it."
    lookahead = commands.add_parser("lookahead", parents=[both], description=purpose)
    lookahead.add_argument(
        "--candles", type=_whole(1), metavar="N", help="prove it on so many candles"
    )
    return whole


def _add_market(command: argparse.ArgumentParser) -> None:
    """Add what is traded, and when."""
    add = command.add_argument
    add(
        "--user-data",
        type=Path,
        default=SHIPPED_USER_DATA,
        help="folder with the bot's settings, candles and results",
    )
    add("--sandbox", action="store_true", help="shipped candles, scripted model: no network")
    add(
        "--pairs",
        nargs="+",
        metavar="PAIR",
        help="such as BTC/USDT:USDT; default: those of config.json",
    )
    add(
        "--timerange",
        dest="dates",
        type=_dates,
        default=Dates(),
        metavar="YYYYMMDD-YYYYMMDD",
        help="from a day up to another, both at 00:00 UTC (default: all there is)",
    )
    add(
        "--timeframe",
        choices=TIMEFRAMES,
        metavar="T",
        help="length of a candle, such as 30m (default: config.json's)",
    )


def _add_asking(command: argparse.ArgumentParser) -> None:
    """Add who is asked, how, and what it may cost."""
    add = command.add_argument
    add("--model", metavar="M", help="ask this model of the configured server")
    add("--wallet", type=_amount, metavar="N", help="starting balance (default: dry_run_wallet)")
    _add_tape(command)
    add(
        "--shards",
        type=_whole(1, MOST_SHARDS),
        default=1,
        metavar="N",
        help="faster: N parts, each begun flat",
    )
    add(
        "--no-experience",
        dest="experience",
        action="store_false",
        help="the run's own past does not come back to the model",
    )
    add("--mask", action="store_true", help="hide names, dates and price levels from the model")
    add("--max-cost", type=_amount, metavar="USD", help="end, to be resumed, at so much money")
    add("--yes", action="store_true", help="do not ask, whatever it costs")


def _add_tape(command: argparse.ArgumentParser) -> None:
    """Add where requests and answers are kept, and which of them are made anew."""
    command.add_argument(
        "--tape",
        type=Path,
        metavar="FILE",
        help="requests and answers (default: backtest_llm/tape.sqlite)",
    )
    taping = command.add_mutually_exclusive_group()
    for name, words in (
        ("replay", "the tape alone: no model is asked"),
        ("record", "ask everything anew, whatever the tape has"),
    ):
        taping.add_argument(
            f"--{name}", dest="tape_mode", action="store_const", const=name, help=words
        )
    command.set_defaults(tape_mode="replay_or_record")


def _add_assessing(command: argparse.ArgumentParser) -> None:
    """Add what is made of the result."""
    add = command.add_argument
    add("--cut-off", type=_day, metavar="DATE", help="day the model's knowledge ends: YYYY-MM-DD")
    add(
        "--no-baselines",
        dest="baselines",
        action="store_false",
        help="compare with no hold, rules or chance",
    )
    add(
        "--random-seeds",
        type=_whole(0, MOST_SEEDS),
        default=RANDOM_SEEDS,
        metavar="N",
        help=f"accounts that trade by chance (default: {RANDOM_SEEDS})",
    )
    add("--json", action="store_true", help="the figures as one JSON object on standard output")


def _dates(text: str) -> Dates:
    found = _RANGE.fullmatch(text)
    wrong = argparse.ArgumentTypeError(f"found {text!r}, expected days such as 20260101-20260201")
    if found is None or text == "-":
        raise wrong
    try:
        start, end = (_at(day, "%Y%m%d") if day else None for day in found.groups())
    except ValueError:
        raise wrong from None
    if start is not None and end is not None and start >= end:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected an end after the start")
    return Dates(start, end)


def _day(text: str) -> datetime:
    try:
        return _at(text, "%Y-%m-%d")
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected YYYY-MM-DD") from None


def _at(text: str, form: str) -> datetime:
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 0 < amount < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected an amount above 0")
    return amount


def _whole(least: int, most: int = MOST_CANDLES) -> Callable[[str], int]:
    def whole(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else -1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(
                f"found {text!r}, expected a whole number from {least} to {most}"
            )
        return number

    return whole

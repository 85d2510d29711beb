"""The entrance: reads the command line, attacks the gate, and says in a status how it ended."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from llm_modules.config import parse_config
from llm_modules.gate.clearance import CLEARANCE_NAME
from llm_modules.operations.ending import ended
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import SHIPPED_USER_DATA, Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import environment_settings, merged, read_settings
from llm_modules.selftest.command import CANDLES, SEED, SelftestOptions, selftest

STOPPED = "Stopped; nothing was shown, and no clearance was given."


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the selftest under a bot's own settings and return the exit status."""
    options = _parser().parse_args(arguments)
    session = Session(Places(options.user_data.absolute()), environment, Screen())
    wishes = SelftestOptions(options.candles, options.seed)
    return ended(session.screen, lambda: _run(session, wishes), interrupted=STOPPED)


def _run(session: Session, options: SelftestOptions) -> ExitStatus:
    places = session.places
    settings = merged(read_settings(places.settings), environment_settings(session.with_secrets()))
    stamp = places.user_data / CLEARANCE_NAME
    console = session.screen.console
    passed = selftest(parse_config(settings), places.market_data, stamp, console, options)
    return ExitStatus.DONE if passed else ExitStatus.FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="selftest",
        description="Attack the risk gate under your own limits. No exchange, no model is asked.",
    )
    parser.add_argument(
        "--candles",
        type=_count,
        default=CANDLES,
        metavar="N",
        help=f"real candles to replay with a reckless model (default: {CANDLES})",
    )
    parser.add_argument(
        "--seed",
        type=_count,
        default=SEED,
        metavar="N",
        help=f"what the reckless model does; the same seed does the same (default: {SEED})",
    )
    parser.add_argument(
        "--user-data",
        type=Path,
        default=SHIPPED_USER_DATA,
        help="folder of the bot (default: the project's own)",
    )
    return parser


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 on")
    return count

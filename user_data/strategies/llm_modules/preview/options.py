"""What can be asked for on the command line, and its grammar."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_modules.operations.places import SHIPPED_USER_DATA


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """One call of the command: about which pair, and whether a position is to be shown."""

    pair: str
    in_position: bool = False
    json: bool = False
    sandbox: bool = False
    user_data: Path = SHIPPED_USER_DATA


def parsed(arguments: Sequence[str]) -> PreviewOptions:
    """Read the command line; ends the program with status 2 where it cannot be understood."""
    return PreviewOptions(**vars(parser().parse_args(arguments)))


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command."""
    # What people typed, not what manage.sh made of it.
    command = argparse.ArgumentParser(
        prog="./manage.sh prompt", description="Show what the model would see now. Asks nobody."
    )
    add = command.add_argument
    add("--pair", required=True, help="such as BTC, or BTC/USDT:USDT")
    add(
        "--in-position",
        action="store_true",
        help="with an open position: the real one, or a made-up one where there is none",
    )
    add("--json", action="store_true", help="for programs")
    add("--sandbox", action="store_true", help="in the sandbox, although a model is configured")
    add("--user-data", type=Path, default=SHIPPED_USER_DATA, help="folder of a bot")
    return command

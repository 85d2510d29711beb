"""What a command of manage.sh is: an entry in the table of cli/commands.py."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session

Options = argparse.Namespace


def no_options(_command: argparse.ArgumentParser) -> None:
    """Add nothing: the command has only the options all have."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what it is for, what it does, and its own options."""

    purpose: str
    act: Callable[[Session, Options], ExitStatus]
    add_options: Callable[[argparse.ArgumentParser], None] = no_options

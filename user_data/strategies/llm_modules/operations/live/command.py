"""`live` in the table of commands."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime

from llm_modules.operations.asking import paying
from llm_modules.operations.command import Command, Options
from llm_modules.operations.doctor.exchange_asking import asking_through_ccxt
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.live.going_live import (
    LiveWishes,
    Means,
    go_live,
    run_selftest,
    withdraw,
)
from llm_modules.operations.session import Session

Start = Callable[[Session, Options], ExitStatus]


def live_command(start: Start) -> Command:
    """Return the command; `start` is what it does in the end, as `start` itself does."""

    def act(session: Session, options: Options) -> ExitStatus:
        if options.withdraw:
            return withdraw(session)
        wishes = LiveWishes(options.amount, options.rights_checked, not options.no_start)
        means = Means(
            purse_of=paying.Paying(session),
            ask_exchange=asking_through_ccxt(session.environment),
            selftest=run_selftest,
            start=lambda: start(session, options),
            now=lambda: datetime.now(UTC),
        )
        return go_live(session, wishes, means)

    return Command("trade real money, after looking at everything", act, add_live)


def add_live(command: argparse.ArgumentParser) -> None:
    """Add the options of `live`."""
    command.add_argument("--amount", metavar="N", help="the amount at risk, instead of typing it")
    command.add_argument("--detach", action="store_true", help="do not follow the decisions")
    command.add_argument(
        "--rights-checked",
        action="store_true",
        help="the rights of a key that cannot be read were looked at by hand",
    )
    instead = command.add_mutually_exclusive_group()
    instead.add_argument("--no-start", action="store_true", help="note the consent, start nothing")
    instead.add_argument("--withdraw", action="store_true", help="take the consent back")
    # What `start` wants to know besides: never a sandbox, everything else as usual.
    command.set_defaults(sandbox=False, exchange_port=None, model_port=None, api_port=None)

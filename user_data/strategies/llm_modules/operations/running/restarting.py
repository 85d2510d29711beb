"""`restart`, which keeps what the running bot was started with, and what of that `deploy` asks."""

import itertools
from collections.abc import Callable

from llm_modules.operations import grammar
from llm_modules.operations.command import Command, Options
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.running import control
from llm_modules.operations.running.bot_record import BotRecord, is_running, read_record
from llm_modules.operations.running.plan import Wishes
from llm_modules.operations.session import Session

# Of those a start has; the others come from the settings each time anew.
PORTS = ("--exchange-port", "--model-port", "--api-port")

Start = Callable[[Session, Options], ExitStatus]
WishesOf = Callable[[Session, Options], Wishes]


def options_of(record: BotRecord) -> tuple[str, ...]:
    """Return the wishes the bot was started with, as its supervisor's own arguments tell them."""
    arguments = record.processes[0].arguments if record.processes else ()
    found = ["--sandbox"] if "--sandbox" in arguments else []
    for name, value in itertools.pairwise(arguments):
        if name in PORTS and value.isdigit():
            found += [name, value]
    return tuple(found)


def restart_command(start: Start, wishes_of: WishesOf) -> Command:
    """Return the command that stops and starts; `start` is the one of manage.sh."""

    def act(session: Session, options: Options) -> ExitStatus:
        kept = _kept(session)
        if kept:
            session.screen.say(f"As it was started before: {' '.join(kept)}")
        _keep(options, kept)
        # Before the stop: a typo must not leave positions without their bot.
        control.check(session, wishes_of(session, options))
        control.stop(session)
        return start(session, options)

    return Command("stop, then start as before", act, grammar.add_start)


def _say_kept(session: Session, _options: Options) -> ExitStatus:
    if not is_running(session.places):
        return ExitStatus.NOT_RUNNING
    session.screen.raw(" ".join(_kept(session)))
    return ExitStatus.DONE


def _kept(session: Session) -> tuple[str, ...]:
    record = read_record(session.places) if is_running(session.places) else None
    return options_of(record) if record else ()


def _keep(options: Options, kept: tuple[str, ...]) -> None:
    """Let what was typed now win over what was typed at the last start."""
    options.sandbox = options.sandbox or "--sandbox" in kept
    for name, value in itertools.pairwise(kept):
        key = name.removeprefix("--").replace("-", "_")
        if name in PORTS and getattr(options, key) is None:
            setattr(options, key, int(value))


KEPT_OPTIONS = Command("say what the running bot was started with", _say_kept)

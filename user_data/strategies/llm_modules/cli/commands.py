"""What manage.sh calls: `python -m llm_modules.cli COMMAND`.

Exit status: 0 done, 1 failed or refused, 2 wrong usage, settings or environment, 3 not running,
130 interrupted.
"""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from llm_modules.operations import grammar
from llm_modules.operations.asking import costing, paying, replaying
from llm_modules.operations.command import Command, Options
from llm_modules.operations.doctor import diagnosis, doctoring
from llm_modules.operations.ending import ended, until_interrupted
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping import upkeep
from llm_modules.operations.keeping.command import BACKUP, RESTORE
from llm_modules.operations.keeping.version_command import VERSION
from llm_modules.operations.live.command import live_command
from llm_modules.operations.places import SHIPPED_USER_DATA, Places
from llm_modules.operations.records import calibrating, verifying
from llm_modules.operations.running import control, halting
from llm_modules.operations.running.bot_record import is_running
from llm_modules.operations.running.last_words import why_it_ended
from llm_modules.operations.running.passing_on import PASSING_ON
from llm_modules.operations.running.plan import Wishes
from llm_modules.operations.running.restarting import KEPT_OPTIONS, restart_command
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.setup.command import MIGRATE, SETUP
from llm_modules.operations.status.command import STATUS
from llm_modules.operations.viewing import tails, view_commands

# How docker-compose.yml asks for --sandbox.
SANDBOX_VARIABLE = "LLM_TRADER_SANDBOX"
STILL_RUNNING = "The bot keeps running; ./manage.sh stop ends it."


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    # Absolute, because the programs run in the project's folder and not in the caller's.
    session = Session(Places(options.user_data.absolute()), environment, Screen())
    return ended(session.screen, lambda: COMMANDS[options.command].act(session, options))


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument(
        "--user-data",
        type=Path,
        default=SHIPPED_USER_DATA,
        help="folder of the bot (default: the project's own)",
    )
    # What people typed, not what manage.sh made of it.
    whole = argparse.ArgumentParser(prog="./manage.sh", description="What manage.sh calls.")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_options(
            commands.add_parser(
                name, parents=[everywhere], help=command.purpose, description=command.purpose
            )
        )
    return whole


def _now() -> datetime:
    return datetime.now(UTC)


def _wishes(session: Session, options: Options) -> Wishes:
    sandbox = options.sandbox or session.environment.get(SANDBOX_VARIABLE) == "1"
    return Wishes(sandbox, options.exchange_port, options.model_port, options.api_port)


def _passed_on(options: Options) -> list[str]:
    """Return the options of `start` as options of `run`."""
    arguments = ["--user-data", str(options.user_data.absolute())]
    if options.sandbox:
        arguments.append("--sandbox")
    for name in ("exchange", "model", "api"):
        port = getattr(options, f"{name}_port")
        if port is not None:
            arguments += [f"--{name}-port", str(port)]
    return arguments


def _start(session: Session, options: Options) -> ExitStatus:
    status = control.start(session, _wishes(session, options), _passed_on(options))
    if status is not ExitStatus.DONE or options.detach:
        return status
    try:
        tails.show_decisions(session, tails.ViewOptions(), lambda: is_running(session.places))
    except KeyboardInterrupt:
        session.screen.say(f"\n{STILL_RUNNING}")
        return ExitStatus.DONE
    session.screen.complain(f"The bot has ended. {why_it_ended(session.places)}")
    return ExitStatus.NOT_RUNNING


COMMANDS: Mapping[str, Command] = {
    "freqtrade": PASSING_ON,
    "setup": SETUP,
    "migrate": MIGRATE,
    "check": Command(
        "check the settings without starting anything",
        lambda session, options: control.check(session, _wishes(session, options)),
        grammar.add_wishes,
    ),
    "run": Command(
        "run the bot in the foreground",
        lambda session, options: control.run(session, _wishes(session, options)),
        grammar.add_wishes,
    ),
    "start": Command(
        "start the bot in the background and follow its decisions", _start, grammar.add_start
    ),
    "restart": restart_command(_start, _wishes),
    "kept-options": KEPT_OPTIONS,
    "announce": Command(
        "wait for a bot that is starting and say what runs",
        lambda session, _: control.announce(session, lambda: True),
    ),
    "stop": Command(
        "end the bot and everything it started", lambda session, _: control.stop(session)
    ),
    "status": STATUS,
    "halt": Command(
        "close every position and open nothing until resume",
        lambda session, options: halting.halt(session, " ".join(options.reason), _now()),
        grammar.add_halt,
    ),
    "resume": Command(
        "show why trading is halted and lift it",
        lambda session, options: halting.resume(session, _now(), confirmed=options.yes),
        grammar.add_yes,
    ),
    "flatten": Command(
        "close every position once and trade on",
        lambda session, options: halting.flatten(session, _now(), confirmed=options.yes),
        grammar.add_yes,
    ),
    "logs": Command(
        "show Freqtrade's log",
        lambda session, options: until_interrupted(
            lambda: tails.show_log(session, view_commands.view_options(options))
        ),
        grammar.add_log,
    ),
    "decisions": view_commands.DECISIONS,
    "trades": view_commands.TRADES,
    "calibration": Command(
        "show what the model's confidence was worth, and draw it",
        lambda session, options: calibrating.show_calibration(
            session, calibrating.CalibrationOptions(options.mode, options.model, options.png)
        ),
        grammar.add_calibration,
    ),
    "doctor": Command(
        "look at everything that could keep the model from answering",
        lambda session, options: doctoring.examine(
            session,
            diagnosis.DoctorOptions(not options.no_calls, options.again, options.json),
            paying.Paying(session),
        ),
        grammar.add_doctor,
    ),
    "live": live_command(_start),
    "replay": Command(
        "ask again what was asked for a decision, and compare both answers",
        lambda session, options: replaying.replay(
            session,
            replaying.ReplayOptions(options.id, options.model, options.json),
            paying.Paying(session),
        ),
        grammar.add_replay,
    ),
    "cost": Command(
        "show what asking the model costs, and what is left of the budget",
        lambda session, options: costing.show_costs(
            session, costing.CostOptions(_now(), options.days, options.by, options.json)
        ),
        grammar.add_cost,
    ),
    "verify": Command(
        "check journals, tape and Freqtrade's database against each other",
        lambda session, _: verifying.verify(session, _now()),
    ),
    "backup": BACKUP,
    "restore": RESTORE,
    "clean": Command(
        "back up and remove journals, databases and logs",
        lambda session, options: upkeep.clean(session, _now(), confirmed=options.yes),
        grammar.add_yes,
    ),
    "version": VERSION,
    "move-keys": Command(
        "move secrets from config.json into .env",
        lambda session, _: upkeep.move_secrets(session, _now()),
    ),
    "complete-env": Command(
        "copy a .env from input to output, generated secrets added",
        lambda _session, _options: upkeep.complete_env(),
    ),
}

"""The commands that check, run, start and stop a bot; each returns an exit status."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from llm_modules.errors import UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping.note import cut_short
from llm_modules.operations.places import PROJECT, shown
from llm_modules.operations.running import web_ui
from llm_modules.operations.running.api import Api
from llm_modules.operations.running.bot_record import (
    bot_lock,
    is_running,
    orphans,
    write_record,
)
from llm_modules.operations.running.halting import halts
from llm_modules.operations.running.last_words import NEXT, last_words, why_it_ended
from llm_modules.operations.running.launch import (
    banner,
    look,
    own_command,
    start_detached,
    wait_until_up,
)
from llm_modules.operations.running.modes import MODES_IN_WORDS
from llm_modules.operations.running.plan import Plan, Wishes, make_plan
from llm_modules.operations.running.stopping import stop_bot
from llm_modules.operations.running.supervisor import Supervisor
from llm_modules.operations.session import Session
from llm_modules.operations.settings.env_file import GENERATED, ensure_env_file
from llm_modules.operations.settings.reading import value_at
from llm_modules.operations.viewing.follow import last_lines
from llm_modules.operations.viewing.render import printable

# The supervisor itself gives up on its programs after 5 s; twice that means it is stuck.
STOP_SECONDS = 10.0
# The first start on a slow disk compiles and reads some thousand files.
START_SECONDS = 180.0
USERNAME_KEY = "api_server.username"
LOG_LINES = 15
STOPPED_ITSELF = (
    "The bot runs, but Freqtrade has stopped trading by itself; ./manage.sh logs says why, "
    "./manage.sh stop ends it."
)


def check(session: Session, wishes: Wishes) -> ExitStatus:
    """Check settings, secrets and ports without starting anything; a running bot has its ports."""
    wishes = replace(wishes, keeps_ports=is_running(session.places))
    plan = _ready_plan(session, wishes)
    session.screen.say(f"The settings are in order. {MODES_IN_WORDS[plan.mode]}")
    return ExitStatus.DONE


def run(session: Session, wishes: Wishes) -> ExitStatus:
    """Run the bot in the foreground until it is told to end or fails."""
    _end_orphans(session)
    with bot_lock(session.places):
        plan = _ready_plan(session, wishes)
        session.screen.say(MODES_IN_WORDS[plan.mode])
        return supervise(session, plan)


def supervise(session: Session, plan: Plan) -> ExitStatus:
    """Run the programs of a plan; say what went wrong if they did not end as told."""
    session.places.logs.mkdir(parents=True, exist_ok=True)
    started_at = datetime.now(UTC)

    def write_down(children: tuple[tuple[str, int], ...]) -> None:
        write_record(session.places, plan, started_at, children)

    # Before the first child: a stop that comes now has to find someone to ask.
    write_down(())
    screen = session.screen
    supervisor = Supervisor(plan.programs, PROJECT, on_started=write_down, on_line=screen.raw)
    ending = supervisor.run()
    if ending.problem is None:
        return ExitStatus.DONE
    said = last_words(ending.last_lines)
    screen.complain("\n".join([ending.problem, *(f"  {line}" for line in said), f"{NEXT}."]))
    return ExitStatus.FAILED


def start(session: Session, wishes: Wishes, arguments: Sequence[str]) -> ExitStatus:
    """Start the bot in the background, wait until it trades, and say what runs.

    `arguments` are the options of the command line, passed on to `run`.
    """
    if is_running(session.places):
        session.screen.say("The bot is already running.")
        return announce(session, lambda: is_running(session.places))
    _end_orphans(session)
    # Wrong settings are told here and now; the detached supervisor would only write them down.
    _ready_plan(session, wishes)
    interface = web_ui.begin(session.places, datetime.now(UTC))
    supervisor = start_detached(session.places, own_command(["run", *arguments]))
    # Two starts at once: the supervisor that lost the race for the lock has ended, the bot lives.
    status = announce(session, lambda: _lives(supervisor) or is_running(session.places))
    if status is not ExitStatus.DONE:
        session.screen.complain(why_it_ended(session.places))
    elif remark := interface.said():
        session.screen.say(remark)
    return status


def announce(session: Session, alive: Callable[[], bool]) -> ExitStatus:
    """Wait until the bot trades and print the banner; `alive` tells when to give up waiting."""
    settings = session.settings()
    username = str(value_at(settings, USERNAME_KEY))
    password = session.with_secrets().get(GENERATED[0], "")
    # Freqtrade itself stays stopped where no state is set.
    initial_state = str(value_at(settings, "initial_state") or "stopped")
    arrival = wait_until_up(
        session.places,
        alive,
        lambda record: look(Api(record.api_port, username, password), initial_state),
        START_SECONDS,
        lambda waited: session.screen.progress(f"Starting ... {waited:.0f} s"),
    )
    record = arrival.record
    if record is None or arrival.has_stopped:
        session.screen.complain(STOPPED_ITSELF if record else "The bot did not start.")
        if is_running(session.places):
            # Nobody else tells: the supervisor has no complaint about what still runs.
            _show_log(session)
        return ExitStatus.FAILED
    session.screen.say(banner(session.places, record, username))
    for name, words in halts(session.places):
        session.screen.say(f"{name}: {words}. ./manage.sh resume lifts it.")
    return ExitStatus.DONE


def stop(session: Session) -> ExitStatus:
    """End the bot and everything it started."""
    result = stop_bot(session.places, STOP_SECONDS)
    session.screen.say(result or "Nothing is running.")
    return ExitStatus.DONE


def _ready_plan(session: Session, wishes: Wishes) -> Plan:
    """Make the plan, with the generated secrets in place first.

    In a container they come with the environment, and no file is needed.
    """
    path = session.places.env_file
    if not all(session.environment.get(name) for name in GENERATED):
        try:
            if ensure_env_file(path):
                session.screen.say(f"Random secrets for the API were put into {shown(path)}.")
        except OSError as error:
            raise UserError(f"{shown(path)} cannot be written: {error.strerror}") from error
    if problem := cut_short(session.places):
        raise UserError(problem)
    return make_plan(session.places, session.environment, wishes)


def _end_orphans(session: Session) -> None:
    """End what a supervisor that was killed left running; it would hold ports and journals."""
    if orphans(session.places):
        stop_bot(session.places, STOP_SECONDS)
        session.screen.say("Ended what an earlier run had left behind.")


def _show_log(session: Session) -> None:
    for line in last_lines(session.places.freqtrade_log, LOG_LINES):
        session.screen.complain(f"  {printable(line)}")


def _lives(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None

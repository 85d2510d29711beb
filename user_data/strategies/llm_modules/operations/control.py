"""The commands that check, run, start, stop and describe a bot; each returns an exit status."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from llm_modules.errors import UserError
from llm_modules.operations.api import answers_ping, open_trades
from llm_modules.operations.bot_record import (
    BotRecord,
    bot_lock,
    is_running,
    living,
    orphans,
    read_record,
    write_record,
)
from llm_modules.operations.env_file import GENERATED, ensure_env_file
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.follow import last_lines
from llm_modules.operations.halting import halts
from llm_modules.operations.launch import (
    MODES_IN_WORDS,
    banner,
    own_command,
    start_detached,
    supervisor_said,
    wait_until_answering,
)
from llm_modules.operations.places import PROJECT, shown
from llm_modules.operations.plan import Plan, Wishes, make_plan
from llm_modules.operations.render import decision_line
from llm_modules.operations.session import Session
from llm_modules.operations.settings import value_at
from llm_modules.operations.stopping import stop_bot
from llm_modules.operations.supervisor import Supervisor

# The supervisor itself gives up on its programs after 5 s; twice that means it is stuck.
STOP_SECONDS = 10.0
# The first start on a slow disk compiles and reads some thousand files.
START_SECONDS = 180.0
USERNAME_KEY = "api_server.username"


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
    screen.complain("\n".join([ending.problem, *(f"  {line}" for line in ending.last_lines)]))
    return ExitStatus.FAILED


def start(session: Session, wishes: Wishes, arguments: Sequence[str]) -> ExitStatus:
    """Start the bot in the background, wait for its API, and say what runs.

    `arguments` are the options of the command line, passed on to `run`.
    """
    if is_running(session.places):
        session.screen.say("The bot is already running.")
        return announce(session, lambda: is_running(session.places))
    _end_orphans(session)
    # Wrong settings are told here and now; the detached supervisor would only write them down.
    _ready_plan(session, wishes)
    supervisor = start_detached(session.places, own_command(["run", *arguments]))
    # Two starts at once: the supervisor that lost the race for the lock has ended, the bot lives.
    status = announce(session, lambda: _lives(supervisor) or is_running(session.places))
    if status is not ExitStatus.DONE:
        session.screen.complain(supervisor_said(session.places))
    return status


def announce(session: Session, alive: Callable[[], bool]) -> ExitStatus:
    """Wait until the API answers and print the banner; `alive` tells when to give up waiting."""
    record = wait_until_answering(
        session.places,
        alive,
        START_SECONDS,
        lambda waited: session.screen.progress(f"Starting ... {waited:.0f} s"),
    )
    if record is None:
        session.screen.complain("The bot did not start.")
        return ExitStatus.FAILED
    username = str(value_at(session.settings(), USERNAME_KEY))
    session.screen.say(banner(session.places, record, username))
    for name, words in halts(session.places):
        session.screen.say(f"{name}: {words}. ./manage.sh resume lifts it.")
    return ExitStatus.DONE


def stop(session: Session) -> ExitStatus:
    """End the bot and everything it started."""
    result = stop_bot(session.places, STOP_SECONDS)
    session.screen.say(result or "Nothing is running.")
    return ExitStatus.DONE


def status(session: Session) -> ExitStatus:
    """Say whether the bot runs, how it is, and whether trading is halted."""
    record = read_record(session.places) if is_running(session.places) else None
    if record is None:
        session.screen.say("Not running. Start it with ./manage.sh start")
    rows = _state(session, record) if record else []
    for name, value in (*rows, *halts(session.places)):
        session.screen.say(f"{name:<14} {value}")
    return ExitStatus.DONE if record else ExitStatus.NOT_RUNNING


def _state(session: Session, record: BotRecord) -> list[tuple[str, str]]:
    uptime = datetime.now(UTC) - record.started_at
    answer = "answers" if answers_ping(record.api_port) else "is silent"
    username = str(value_at(session.settings(), USERNAME_KEY))
    password = session.with_secrets().get(GENERATED[0], "")
    trades = open_trades(record.api_port, username, password)
    return [
        ("Mode", MODES_IN_WORDS[record.mode]),
        ("Processes", ", ".join(f"{one.name} {one.pid}" for one in living(record))),
        ("Up for", str(timedelta(seconds=int(uptime.total_seconds())))),
        ("API", f"http://127.0.0.1:{record.api_port} {answer}"),
        ("Open trades", "unknown" if trades is None else str(trades)),
        ("Last decision", _last_decision(session)),
    ]


def _last_decision(session: Session) -> str:
    """Say how long ago the last line of the decision journal was written, and that line."""
    path = session.journals().decisions
    lines = last_lines(path, 1)
    if not lines:
        return "none yet"
    age_seconds = datetime.now(UTC).timestamp() - path.stat().st_mtime
    return f"{age_seconds:.0f} s ago: {decision_line(lines[0]).plain}"


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
    return make_plan(session.places, session.environment, wishes)


def _end_orphans(session: Session) -> None:
    """End what a supervisor that was killed left running; it would hold ports and journals."""
    if orphans(session.places):
        stop_bot(session.places, STOP_SECONDS)
        session.screen.say("Ended what an earlier run had left behind.")


def _lives(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None

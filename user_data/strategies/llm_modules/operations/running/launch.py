"""A bot started in the background: its supervisor detached, waited for, and announced."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from llm_modules.operations.places import Places, shown
from llm_modules.operations.running.api import Api
from llm_modules.operations.running.bot_record import BotRecord, is_running, read_record
from llm_modules.operations.running.modes import MODES_IN_WORDS

POLL_SECONDS = 0.2
UNKNOWN_SECONDS = 10.0
# silent: not there yet; unknown: there, but it does not tell us its state.
Look = Literal["up", "silent", "unknown", "stopped"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a start: the bot's record, None when it never came up."""

    record: BotRecord | None
    has_stopped: bool = False


def start_detached(places: Places, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own, so that it outlives terminal and shell.

    What it says goes to `supervisor.log`; the programs it runs keep logs of their own.
    """
    # Freqtrade logs to its own file, so its console output is dropped; only complaints are kept.
    places.run.mkdir(parents=True, exist_ok=True)
    with places.supervisor_log.open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own command, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )


def own_command(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the command that runs this program again with other arguments."""
    return sys.executable, "-m", "llm_modules.cli", *arguments


def look(api: Api, initial_state: str) -> Look:
    """Tell how far a bot has come on its way to trading."""
    if not api.answers():
        return "silent"
    state = api.state()
    if state is None:
        return "unknown"
    # Its API answers long before its first loop, in which most of what can fail fails.
    if state == "running":
        return "up" if api.has_looped() else "silent"
    # Freqtrade stops itself when a loop fails for good, and its API goes on answering.
    return "stopped" if state == "stopped" != initial_state else "up"


def wait_until_up(
    places: Places,
    alive: Callable[[], bool],
    look_at: Callable[[BotRecord], Look],
    seconds: float,
    tell: Callable[[float], None],
) -> Arrival:
    """Wait until the bot trades, stops itself, ends (`alive()`), or time is up.

    `tell` hears the seconds waited so far, for a line of progress.
    """
    started = time.monotonic()
    unknown_since = None
    while (waited := time.monotonic() - started) < seconds:
        record = read_record(places) if is_running(places) else None
        seen = look_at(record) if record else "silent"
        if record and seen in {"up", "stopped"}:
            return Arrival(record, has_stopped=seen == "stopped")
        # With a user name or password that changed since its start it never tells more.
        unknown_since = (unknown_since or waited) if seen == "unknown" else None
        if record and unknown_since and waited - unknown_since > UNKNOWN_SECONDS:
            return Arrival(record)
        # Asked last: a bot that has just ended may have answered before.
        if not alive():
            break
        tell(waited)
        time.sleep(POLL_SECONDS)
    return Arrival(None)


def banner(places: Places, record: BotRecord, username: str) -> str:
    """Say what runs, where to look at it, and what can be done next."""
    return "\n".join(
        [
            "",
            f"  {MODES_IN_WORDS[record.mode]}",
            "",
            f"  API and Web UI   http://127.0.0.1:{record.api_port}",
            f"  User name        {username}",
            f"  Password         FREQTRADE__API_SERVER__PASSWORD in {shown(places.env_file)}",
            "",
            "  ./manage.sh decisions   what the model decides, as it happens",
            "  ./manage.sh trades      closed trades and what they taught",
            "  ./manage.sh status      is it well, how many trades are open",
            "  ./manage.sh stop        end it",
            "",
        ]
    )

"""A bot started in the background: its supervisor detached, waited for, and announced."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from llm_modules.operations.api import answers_ping
from llm_modules.operations.bot_record import BotRecord, is_running, read_record
from llm_modules.operations.places import Places, shown

POLL_SECONDS = 0.2
MODES_IN_WORDS = {
    "sandbox": "SANDBOX: simulated exchange replaying real candles, scripted model, no real money",
    "dry_run": "DRY-RUN: real market and model, simulated money",
    "live": "LIVE: real market, real model, REAL MONEY",
}


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


def wait_until_answering(
    places: Places, alive: Callable[[], bool], seconds: float, tell: Callable[[float], None]
) -> BotRecord | None:
    """Wait for the API and return the bot's record; None when `alive()` ended or time is up.

    `tell` hears the seconds waited so far, for a line of progress.
    """
    started = time.monotonic()
    while (waited := time.monotonic() - started) < seconds:
        record = read_record(places) if is_running(places) else None
        if record and answers_ping(record.api_port):
            return record
        # Asked last: a bot that has just ended may have answered before.
        if not alive():
            return None
        tell(waited)
        time.sleep(POLL_SECONDS)
    return None


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


def supervisor_said(places: Places) -> str:
    """Return what the detached supervisor complained about, empty if nothing."""
    try:
        return places.supervisor_log.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""

"""A running bot ended with everything it started, also when its supervisor was killed before."""

import os
import signal
import time

from llm_modules.errors import UserError
from llm_modules.operations.places import Places
from llm_modules.operations.running.bot_record import (
    BotRecord,
    RecordedProcess,
    is_running,
    living,
    read_record,
)

POLL_SECONDS = 0.1
RECORD_SECONDS = 5.0


def stop_bot(places: Places, seconds: float) -> str | None:
    """End the bot and return how it went in a sentence, None when nothing was running.

    The supervisor is asked first and ends the rest in order; whatever lives after `seconds` is
    killed. Raises UserError when it is another user's.
    """
    record = _record_soon(places)
    if record is None or not living(record):
        return None
    supervised = is_running(places)
    # The supervisor comes first in the record; it tells its programs, each once.
    asked = living(record)[:1] if supervised else living(record)
    for process in asked:
        _signal(process, signal.SIGTERM)
    _wait_until_gone(record, seconds)
    stubborn = living(record)
    for process in stubborn:
        _signal(process, signal.SIGKILL)
    _wait_until_gone(record, 1.0)
    if stubborn:
        names = ", ".join(process.name for process in stubborn)
        return f"The bot was stopped by force: {names} did not end within {seconds:g} s."
    return "The bot was stopped." if supervised else "What a killed supervisor had left was ended."


def _record_soon(places: Places) -> BotRecord | None:
    """Return the record, waiting a moment for that of a supervisor that has just started."""
    deadline = time.monotonic() + RECORD_SECONDS
    while is_running(places) and not read_record(places) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return read_record(places)


def _wait_until_gone(record: BotRecord, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while living(record) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _signal(process: RecordedProcess, number: signal.Signals) -> None:
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return  # it ended in between
    except PermissionError as error:
        raise UserError(
            f"{process.name} {process.pid} was started by another user, who alone may end it"
        ) from error

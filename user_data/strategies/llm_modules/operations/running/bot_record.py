"""Is a bot running, and which processes are it.

A lock held by the supervisor answers the first question: the system lets go of it however the
supervisor ends. The record beside it says the rest. A process counts as ours only while it has
the recorded arguments, so that a number given to another program later is never touched (its
start time would not do: it moves with the system's clock).
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from llm_modules.domain import RunMode
from llm_modules.errors import UserError
from llm_modules.operations.places import Places, shown
from llm_modules.operations.running.plan import Plan
from llm_modules.whole_files import put_in_place

LOCK_NAME = "bot.lock"
RECORD_NAME = "bot.json"
# Long enough for someone who only looks, too short to wait for a bot that ends.
ATTEMPTS = 5
PAUSE_SECONDS = 0.05


class AlreadyRunningError(UserError):
    """A bot of this folder runs already."""


class RecordedProcess(BaseModel):
    """A process by number and by the arguments it was started with."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    arguments: tuple[str, ...]


class BotRecord(BaseModel):
    """What a running bot is: mode, port of its API, and its processes, the supervisor first."""

    model_config = ConfigDict(frozen=True)

    # None: written by an older version.
    user_data: Path | None = None
    started_at: AwareDatetime
    mode: RunMode
    api_port: int
    processes: tuple[RecordedProcess, ...]


@contextmanager
def bot_lock(places: Places) -> Iterator[None]:
    """Hold the lock of this folder's bot; the record is removed on leaving.

    Raises AlreadyRunningError when another process holds it, UserError when the folder cannot
    be written.
    """
    try:
        places.run.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(places.run / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UserError(_no_access(places.run, error)) from error
    try:
        # The file stays when the bot ends: removing it would let two bots lock two files.
        if not _locked(descriptor):
            raise AlreadyRunningError("the bot is already running")
        try:
            yield
        finally:
            _record_path(places).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def is_running(places: Places) -> bool:
    """Tell whether a supervisor of this folder lives."""
    try:
        # Only looked at: somebody without the right to write there is told the truth as well.
        descriptor = os.open(places.run / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


def write_record(
    places: Places, plan: Plan, started_at: datetime, children: tuple[tuple[str, int], ...]
) -> None:
    """Write down this process as the supervisor, and its children (name and pid)."""
    processes = (("supervisor", os.getpid()), *children)
    record = BotRecord(
        user_data=places.user_data.resolve(),
        started_at=started_at,
        mode=plan.mode,
        api_port=plan.api_port,
        processes=tuple(
            RecordedProcess(name=name, pid=pid, arguments=_first_arguments(pid))
            for name, pid in processes
        ),
    )
    # A reader never sees half of it.
    put_in_place(_record_path(places), record.model_dump_json(indent=2))


def read_record(places: Places) -> BotRecord | None:
    """Return the record, None when there is none that can be read, or it is another folder's."""
    try:
        record = BotRecord.model_validate_json(_record_path(places).read_bytes())
    except (OSError, ValidationError):
        return None
    # A folder may be copied while its bot runs; the copy must not take that bot for its own.
    return record if record.user_data in {None, places.user_data.resolve()} else None


def living(record: BotRecord) -> tuple[RecordedProcess, ...]:
    """Return the processes of the record that still run."""
    return tuple(one for one in record.processes if _arguments(one.pid) == one.arguments)


def overlay_in_use(places: Places) -> Path | None:
    """Return the settings a running sandbox was given beside config.json, which know its ports."""
    record = read_record(places) if is_running(places) else None
    if record is None or record.mode != "sandbox":
        return None
    for process in record.processes:
        given = [path for flag, path in pairwise(process.arguments) if flag == "-c"]
        if process.name == "freqtrade" and len(given) > 1:
            return Path(given[-1])
    return None


def orphans(places: Places) -> tuple[RecordedProcess, ...]:
    """Return what a supervisor that was killed left running, nothing while one lives."""
    record = None if is_running(places) else read_record(places)
    return living(record) if record else ()


def _locked(descriptor: int) -> bool:
    """Lock, trying a few times: a viewer asking `is_running` holds the lock for an instant."""
    for _ in range(ATTEMPTS):
        if _try_lock(descriptor):
            return True
        time.sleep(PAUSE_SECONDS)
    return False


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _record_path(places: Places) -> Path:
    return places.run / RECORD_NAME


def _first_arguments(pid: int) -> tuple[str, ...]:
    """Return the arguments of a process just started, none when it has ended already."""
    for _ in range(ATTEMPTS):
        # A program is replaced before the kernel can show its new arguments: none for an instant.
        arguments = _arguments(pid)
        if arguments is None or arguments:
            return arguments or ()
        time.sleep(PAUSE_SECONDS)
    return ()


def _arguments(pid: int) -> tuple[str, ...] | None:
    """Return the arguments of a running process, None when there is none of that number."""
    try:
        # Without the program's own name, which some systems change after the start.
        return tuple(psutil.Process(pid).cmdline()[1:])
    except psutil.Error:
        return None


def _no_access(folder: Path, error: OSError) -> str:
    return (
        f"{shown(folder)} cannot be written ({error.strerror}); in Docker the bot is user 1000: "
        "run `sudo chown -R 1000:1000 user_data` once"
    )

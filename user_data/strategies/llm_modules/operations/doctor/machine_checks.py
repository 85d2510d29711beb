"""The part of `doctor` that looks at the machine: Python, Docker, disk, permissions, ports."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from llm_modules.operations.doctor.diagnosis import Case, Diagnosis, Health
from llm_modules.operations.places import shown
from llm_modules.operations.room import COMFORTABLE_BYTES, LEAST_FREE_BYTES
from llm_modules.operations.running.bot_record import is_running, read_record
from llm_modules.operations.running.plan import is_free
from llm_modules.operations.settings.reading import value_at
from llm_modules.whole_files import OWNER_ONLY

MACHINE = "machine"
OLDEST_PYTHON = (3, 11)
# The tests ran on the oldest; what is locked could be installed up to the newest.
NEWEST_PYTHON = (3, 13)
DOCKER_SECONDS = 5.0
CONTAINER_MARK = Path("/.dockerenv")

AsksEngine = Callable[[str], bool]


def python_is_known(_case: Case) -> Iterator[Diagnosis]:
    """Tell which Python runs this, and whether the bot was tried with it."""
    yield python_row(sys.version_info[:3])


def python_row(version: tuple[int, ...]) -> Diagnosis:
    """Judge a version of Python."""
    words = ".".join(map(str, version))
    span = f"{_dotted(OLDEST_PYTHON)} to {_dotted(NEWEST_PYTHON)}"
    if version[:2] < OLDEST_PYTHON:
        advice = "Install a newer one, or Docker; PYTHON names it to ./manage.sh"
        return Diagnosis("fail", MACHINE, "Python", f"{words}, expected {span}", advice)
    if version[:2] > NEWEST_PYTHON:
        return Diagnosis("warn", MACHINE, "Python", f"{words}, not tried; {span} were")
    return Diagnosis("ok", MACHINE, "Python", words)


def docker_is_told(case: Case) -> Iterator[Diagnosis]:
    """Tell which of the two ways ./manage.sh will go, and why."""
    if CONTAINER_MARK.exists():
        yield Diagnosis("ok", MACHINE, "Docker", "this runs in a container")
        return
    environment = case.session.environment
    program = shutil.which("docker", path=environment.get("PATH"))
    yield docker_row(program, engine_answers, is_native=environment.get("NATIVE") == "1")


def docker_row(program: str | None, answers: AsksEngine, *, is_native: bool) -> Diagnosis:
    """Say whether ./manage.sh uses Docker, as it decides itself."""
    if is_native:
        return Diagnosis("ok", MACHINE, "Docker", "not used: NATIVE=1")
    if program is None:
        return Diagnosis("ok", MACHINE, "Docker", "not installed: ./manage.sh runs all natively")
    if not answers(program):
        sentence = "installed, but its engine does not answer: ./manage.sh runs all natively"
        advice = "Start the engine, or may this user not reach it?"
        return Diagnosis("warn", MACHINE, "Docker", sentence, advice)
    return Diagnosis("ok", MACHINE, "Docker", "its engine answers: ./manage.sh uses the container")


def engine_answers(program: str) -> bool:
    """Ask Docker's engine for a sign of life."""
    try:
        done = subprocess.run(  # noqa: S603 - the program the PATH names
            [program, "info"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=DOCKER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def disk_has_room(case: Case) -> Iterator[Diagnosis]:
    """Look how much the disk of user_data has left."""
    folder = case.session.places.user_data
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield Diagnosis("fail", MACHINE, "disk", f"{shown(folder)}: {error.strerror}")
        return
    yield disk_row(free)


def disk_row(free_bytes: int) -> Diagnosis:
    """Judge what is left of a disk."""
    sentence = f"{free_bytes / 1000**3:,.1f} GB free"
    if free_bytes >= COMFORTABLE_BYTES:
        return Diagnosis("ok", MACHINE, "disk", sentence)
    health: Health = "warn" if free_bytes >= LEAST_FREE_BYTES else "fail"
    advice = "Make room: a decision that cannot be recorded opens nothing (./manage.sh clean)"
    return Diagnosis(health, MACHINE, "disk", sentence, advice)


def files_are_ours(case: Case) -> Iterator[Diagnosis]:
    """Look whether secrets are closed to others, and whether we may write what we must."""
    places, journals = case.session.places, case.session.journals()
    yield _env_row(places.env_file)
    needed = (
        *(places.user_data, places.logs, places.run),
        *(journals.decisions, journals.trades, journals.tape),
    )
    closed = [path for path in needed if path.exists() and not os.access(path, os.W_OK)]
    if not places.user_data.is_dir():
        yield Diagnosis("fail", MACHINE, "user_data", f"{shown(places.user_data)} is no folder")
    elif closed:
        sentence = f"cannot be written: {', '.join(map(shown, closed))}"
        advice = "In Docker the bot is user 1000: sudo chown -R 1000:1000 user_data"
        yield Diagnosis("fail", MACHINE, "user_data", sentence, advice)
    else:
        yield Diagnosis("ok", MACHINE, "user_data", "can be written")


def _env_row(path: Path) -> Diagnosis:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        # In a container the variables come without the file.
        return Diagnosis("ok", MACHINE, ".env", "not there; the first start makes it")
    if mode & ~OWNER_ONLY:
        sentence = f"others may read your keys: mode {mode:04o}, expected {OWNER_ONLY:04o}"
        return Diagnosis("warn", MACHINE, ".env", sentence, f"chmod 600 {shown(path)}")
    return Diagnosis("ok", MACHINE, ".env", "readable by its owner only")


def api_port_is_free(case: Case) -> Iterator[Diagnosis]:
    """Look whether the API can listen, or who listens there."""
    if case.problems:
        return
    port = int(value_at(case.settings, "api_server.listen_port"))
    places = case.session.places
    record = read_record(places) if is_running(places) else None
    if record is not None:
        sentence = f"{record.api_port} is the running bot's"
        yield Diagnosis("ok", "ports", "API", sentence)
    elif is_free(port):
        yield Diagnosis("ok", "ports", "API", f"{port} is free")
    else:
        advice = "End it, or choose another with api_server.listen_port or start --api-port"
        yield Diagnosis("fail", "ports", "API", f"{port} is taken by {holder(port)}", advice)


def holder(port: int) -> str:
    """Name the program that listens at a port, as far as the system tells us."""
    try:
        found = psutil.net_connections("tcp")
        listening = (one for one in found if one.status == psutil.CONN_LISTEN)
        pid = next((one.pid for one in listening if one.laddr.port == port), None)
        return f"{psutil.Process(pid).name()}, process {pid}" if pid else "another user's program"
    except psutil.Error:
        return "another program"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))

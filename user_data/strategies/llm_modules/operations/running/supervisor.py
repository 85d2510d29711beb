"""Programs started in order, watched, and stopped together in the opposite order.

A program that ends although nobody asked is a failure whatever its status: Freqtrade answers a
wrong configuration with 0.
"""

import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from llm_modules.operations.running.plan import Program
from llm_modules.unsigned import unsigned

LAST_LINES = 15
POLL_SECONDS = 0.1
# A closed terminal counts as a wish to end: nobody could see or stop the bot any more.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Freqtrade answers a signal with 130, a shell-minded program with 143.
STOPPED_STATUSES = (0, 130, 143, -signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds given to a program to become ready, and to the programs to end when told to.

    The first to be told, Freqtrade, gets most of it: the whole is to be over within 5 s.
    """

    ready_seconds: float = 90.0
    main_stop_seconds: float = 3.8
    other_stop_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the supervisor ended: `problem` is None when it was asked to and all went well."""

    problem: str | None
    last_lines: tuple[str, ...] = ()


@dataclass(slots=True)
class Child:
    """A running program, the thread that reads its output, and the last lines it wrote."""

    program: Program
    process: subprocess.Popen[bytes]
    last_lines: deque[str]
    reader: threading.Thread

    def hear_out(self) -> tuple[str, ...]:
        """Return the last lines, waiting a moment for those of an ended program."""
        if self.process.poll() is not None:
            self.reader.join(timeout=1)
        return tuple(self.last_lines)


class Supervisor:
    """Runs programs until one ends or a signal asks all of them to.

    `on_started` is told the processes (name and pid) each time one more has started, `on_line`
    gets every line they write, from several threads.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        folder: Path,
        *,
        patience: Patience | None = None,
        on_started: Callable[[tuple[tuple[str, int], ...]], None] = lambda _: None,
        on_line: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._programs = tuple(programs)
        self._folder = folder
        self._patience = patience or Patience()
        self._on_started = on_started
        self._on_line = on_line
        self._children: list[Child] = []
        self._asked = False

    def run(self) -> Ending:
        """Start all, watch, stop all; call it from the main thread. Never leaves a child behind."""
        # The signals stay noticed until all are down: a second Ctrl-C must not leave orphans.
        with self._signals_noticed():
            try:
                ending = self._start_and_watch()
            finally:
                complaints = self._stop_all()
        if ending.problem is None and complaints:
            return Ending("; ".join(complaints))
        return ending

    def _start_and_watch(self) -> Ending:
        for program in self._programs:
            if self._asked:
                break
            self._start(program)
            problem = self._wait_until_ready(program)
            if problem:
                return problem
        while not self._asked:
            ended = self._ended()
            if ended:
                return ended
            time.sleep(POLL_SECONDS)
        return Ending(None)

    def _start(self, program: Program) -> None:
        # In a group of its own, so that Ctrl-C reaches the supervisor only, which tells each once.
        process = subprocess.Popen(  # noqa: S603 - the plan's own commands, no shell
            program.command,
            env=dict(program.environment),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        last_lines: deque[str] = deque(maxlen=LAST_LINES)
        reader = threading.Thread(
            target=self._read_output, args=(process.stdout, last_lines), daemon=True
        )
        reader.start()
        child = Child(program, process, last_lines, reader)
        self._children.append(child)
        self._on_started(tuple((one.program.name, one.process.pid) for one in self._children))

    def _wait_until_ready(self, program: Program) -> Ending | None:
        deadline = time.monotonic() + self._patience.ready_seconds
        while not self._asked and not all(accepts(port) for port in program.ready_ports):
            ended = self._ended()
            if ended:
                return ended
            if time.monotonic() > deadline:
                problem = f"{program.name} was not ready within {self._patience.ready_seconds:g} s"
                return Ending(problem, self._children[-1].hear_out())
            time.sleep(POLL_SECONDS)
        return None

    def _ended(self) -> Ending | None:
        """Return the failure of a child that ended although nobody asked."""
        for child in self._children:
            status = child.process.poll()
            if status is not None:
                problem = f"{child.program.name} ended by itself with status {status}"
                return Ending(problem, child.hear_out())
        return None

    def _read_output(self, output: IO[bytes], last_lines: deque[str]) -> None:
        for line in output:
            # Not strictly: a crash may print anything.
            text = unsigned(line.decode(errors="replace").rstrip())
            last_lines.append(text)
            self._on_line(text)

    def _stop_all(self) -> list[str]:
        """Stop the children, the last started first; return what did not go as it should."""
        complaints = []
        # Freqtrade goes first, while the exchange it says goodbye to still answers.
        seconds = self._patience.main_stop_seconds
        for child in reversed(self._children):
            complaint = _stop(child.process, seconds)
            if complaint and not child.program.disposable:
                complaints.append(f"{child.program.name} {complaint}")
            child.hear_out()
            seconds = self._patience.other_stop_seconds
        return complaints

    @contextmanager
    def _signals_noticed(self) -> Iterator[None]:
        # Only a note: whatever was going on goes on to its next look at it.
        def notice(_number: int, _frame: FrameType | None) -> None:
            self._asked = True

        before = {number: signal.signal(number, notice) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def accepts(port: int) -> bool:
    """Tell whether a server on loopback accepts connections at this port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes], seconds: float) -> str | None:
    """End a process, by force after `seconds`; return what was wrong with how it ended."""
    if process.poll() is not None:
        return None
    process.terminate()
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"did not end within {seconds:g} s when told to, and was killed"
    return None if status in STOPPED_STATUSES else f"ended with status {status} when told to end"

"""Work in forked processes: imports are paid once, and none can hold up or spoil another.

Nobody may have threads when a crew starts, but such as draw a bar, so all that makes some is done
in a crew; nor may a job use an event loop of whoever leads. What is killed loses nothing: journals
are appended to line by line, and each answer is on the tape in a transaction of its own. A request
that is under way then is not taped as a failure, so that it is asked again.
"""

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from freqtrade.exceptions import FreqtradeException

from llm_modules.errors import BacktestError, TraderError, UserError
from llm_modules.operations.places import shown

LOG_FORMAT = "%(asctime)s %(process)d %(name)s %(levelname)s %(message)s"
END_SECONDS = 1.0
Tell = Callable[[object], None]

logger = logging.getLogger(__name__)
Job = Callable[[Tell], object]


@dataclass(frozen=True, slots=True)
class Report:
    """What a job says while it works, what came of it, or the UserError it failed with."""

    job: int
    kind: Literal["said", "done", "failed"]
    what: Any


class Crew:
    """Runs jobs at once, each in a process of its own; leaving it ends those that still run.

    What they print and log goes to `log`, and each leads a group of its own. Without a log they
    stay with whoever leads: in the same group, and on the same standard error.
    """

    def __init__(self, jobs: Sequence[Job], log: Path | None = None) -> None:
        self._jobs = tuple(jobs)
        self._log = log
        self._members: dict[Connection, tuple[int, BaseProcess]] = {}

    def __enter__(self) -> Self:
        if self._log is not None:
            self._log.parent.mkdir(parents=True, exist_ok=True)
        # What is buffered would be written by each of them.
        sys.stdout.flush()
        sys.stderr.flush()
        # Who looks for garbage touches all there is, and in a child what is touched is copied.
        gc.freeze()
        try:
            self._fork()
        finally:
            gc.unfreeze()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for ear, (_, process) in self._members.items():
            _end(process)
            ear.close()
        self._members.clear()

    def reports(self) -> Iterator[Report]:
        """Yield what is reported until every job is done or has failed."""
        while self._members:
            for ear in wait(list(self._members)):
                if isinstance(ear, Connection):
                    yield self._heard(ear)

    def _fork(self) -> None:
        context = get_context("fork")
        for number, job in enumerate(self._jobs):
            ear, mouth = context.Pipe(duplex=False)
            # What a child has of these ends would keep it from hearing that its leader is gone.
            ears = (*self._members, ear)
            process = context.Process(target=_work, args=(job, mouth, self._log, ears))
            process.start()
            # Before the next is forked: only who works may hold it open.
            mouth.close()
            self._members[ear] = number, process

    def _heard(self, ear: Connection) -> Report:
        number, process = self._members[ear]
        try:
            report: Report = ear.recv()
        # One that is killed while it tells leaves half a message.
        except (EOFError, OSError):
            process.join(END_SECONDS)
            words = f"ended with status {process.exitcode}"
            words += f": {shown(self._log)} tells why" if self._log else ""
            report = Report(number, "failed", BacktestError(words))
        if report.kind != "said":
            del self._members[ear]
            process.join(END_SECONDS)
            _end(process)
            ear.close()
        return Report(number, report.kind, report.what)


def only(job: Job, log: Path, hear: Callable[[Any], None] = lambda _: None) -> Any:
    """Do one job and return what came of it. Raises the UserError it failed with."""
    with Crew([job], log) as crew:
        for report in crew.reports():
            if report.kind == "said":
                hear(report.what)
            elif report.kind == "failed":
                raise report.what
            else:
                return report.what
    raise AssertionError("a job that reports neither success nor failure")


def _work(job: Job, mouth: Connection, log: Path | None, ears: Sequence[Connection]) -> None:
    for ear in ears:
        ear.close()
    # Away from the terminal: Ctrl-C is for whoever leads, who then ends all of the group.
    if log is not None:
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    _write_to(log)
    try:
        result = job(lambda what: _tell(mouth, what))
    except UserError as error:
        logger.exception("The job cannot be done")
        mouth.send(Report(0, "failed", error))
    except (TraderError, FreqtradeException, OSError) as error:
        logger.exception("The job failed")
        mouth.send(Report(0, "failed", BacktestError(str(error) or type(error).__name__)))
    else:
        mouth.send(Report(0, "done", result))


def _tell(mouth: Connection, what: object) -> None:
    try:
        mouth.send(Report(0, "said", what))
    except BrokenPipeError:
        # Killed: nobody is left who would limit what is spent.
        os._exit(1)


def _write_to(log: Path | None) -> None:
    """Have all that is printed and logged go to a file: Freqtrade has bars and tables too.

    Nothing that is inherited is written through: a thread may have had its lock.
    """
    # Never closed: whoever prints has it until the process ends.
    where = os.dup(2) if log is None else log
    file = open(where, "a", encoding="utf-8", buffering=1)  # noqa: PTH123, SIM115 - may be a number
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    sys.stdout = sys.stderr = file
    logging.basicConfig(stream=file, level=logging.INFO, format=LOG_FORMAT, force=True)


def _end(process: BaseProcess) -> None:
    """Kill a process and all it started."""
    if process.pid is not None and process.is_alive():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        # One that has only just begun leads no group yet.
        process.kill()
    process.join()

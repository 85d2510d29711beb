"""`./manage.sh backtest` on one page: settings, candles, estimate, run, assessment, report."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from freqtrade.exchange import timeframe_to_seconds

from llm_modules.backtest.command.basis import Basis, opened
from llm_modules.backtest.command.candles import window_of
from llm_modules.backtest.command.download import download
from llm_modules.backtest.command.ending import report, stopped, tell_why
from llm_modules.backtest.command.estimate import (
    Estimate,
    Size,
    estimated,
    habit_of,
    table_of,
)
from llm_modules.backtest.command.folders import Note, Runs, keep_note, key_of
from llm_modules.backtest.command.freqtrade_config import Window, public
from llm_modules.backtest.command.options import BacktestOptions
from llm_modules.backtest.command.playing import Plan, Progress, play
from llm_modules.backtest.command.progress import Moments, watching
from llm_modules.backtest.command.readiness import (
    demand_folder,
    demand_keys,
    demand_log,
    demand_tape,
)
from llm_modules.backtest.command.sample import Sample, sampled
from llm_modules.backtest.command.scripted import serve_script
from llm_modules.backtest.crew import Crew, only
from llm_modules.backtest.remarks import SCRIPTED, SIMULATED
from llm_modules.backtest.settings import TAPE_NAME
from llm_modules.errors import BacktestError, ConfigError
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.opening import ledger_beside
from llm_modules.llm.tape import Tape
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import shown
from llm_modules.operations.session import Session

LOG_NAME = "backtest.log"
# Enough for prompts with positions and a past.
SAMPLE_CANDLES = 24


@dataclass(frozen=True, slots=True)
class Command:
    """One call: whose files, what was asked for, and where to speak."""

    session: Session
    options: BacktestOptions

    @property
    def log(self) -> Path:
        """Where Freqtrade and our rooms log."""
        return self.session.places.logs / LOG_NAME

    @property
    def runs(self) -> Runs:
        """The runs of this bot."""
        return Runs(self.session.places)

    @property
    def tape(self) -> Path:
        """The tape that is played, and recorded on."""
        return (self.options.tape or self.runs.home / TAPE_NAME).absolute()

    def say(self, text: str) -> None:
        """Tell people; what is meant for programs stands alone on standard output."""
        screen = self.session.screen
        (screen.complain if self.options.json else screen.say)(text)


def backtest(session: Session, options: BacktestOptions) -> ExitStatus:
    """Run a backtest as it is asked for. Raises UserError, OSError and JournalError.

    FAILED when it was not agreed to, or ended before its time; what is on the tape stays there.
    """
    command = Command(session, options)
    basis = opened(session, options)
    _demand_possible(command, basis)
    command.say(f"{SIMULATED} {SCRIPTED}" if basis.is_sandbox else SIMULATED)
    window = window_of(basis, options.dates, command.log, download, command.say)
    candle = timedelta(seconds=timeframe_to_seconds(basis.timeframe))
    with ExitStack() as stack:
        key = _key(command, basis, window)
        if not _is_agreed(command, basis, window, _size(command, basis, window, key)):
            return ExitStatus.FAILED
        if basis.is_sandbox and options.tape_mode != "replay":
            basis = basis.asking_at(stack.enter_context(_script(command.log)))
        folder = command.runs.begun(datetime.now(UTC))
        for name in command.runs.tidied():
            command.say(f"removed the run of {name}")
        plan = Plan(basis, options, window, candle, folder, command.tape, command.log)
        progress = Progress(Moments(len(plan.shards)))
        with _noted(command, plan, progress, key):
            play(plan, progress, partial(watching, session.screen.console, say=command.say))
    if progress.failures:
        return ExitStatus.FAILED
    report(plan, progress, session.screen)
    return ExitStatus.DONE


def _demand_possible(command: Command, basis: Basis) -> None:
    """Raise ConfigError for wishes that do not go together, or lack something."""
    if command.options.mask and command.options.shards > 1:
        # Each would rescale prices and move dates in its own way.
        raise ConfigError("--mask and --shards do not go together: choose one")
    if command.options.tape_mode == "replay" and not command.tape.is_file():
        raise ConfigError(f"there is no tape at {shown(command.tape)} that could be played")
    demand_log(command.log)
    demand_folder(command.runs.home)
    if command.options.tape_mode != "replay":
        demand_keys(basis)
        demand_tape(command.tape)


def _key(command: Command, basis: Basis, window: Window) -> str:
    """Name what this run asks: the same name, the same questions."""
    options = command.options
    asked = {
        "window": (window.start, window.end),
        "experience": options.experience,
        "mask": options.mask,
        "shards": options.shards,
        "tape": command.tape,
    }
    return key_of(public(basis.settings), asked, basis.places.user_data)


def _size(command: Command, basis: Basis, window: Window, key: str) -> Size:
    seconds = timeframe_to_seconds(basis.timeframe)
    candles = int((window.end - window.start).total_seconds()) // seconds
    note = command.runs.newest_note(key) if command.options.tape_mode != "record" else None
    is_there = note is not None and held(command.tape) >= note.held > 0
    taped = note.decided if note is not None and is_there else 0
    return Size(len(basis.pairs), candles, taped, command.options.shards)


def held(tape: Path) -> int:
    """Return how many answers a tape has."""
    file = Tape(tape)
    try:
        return file.count()
    finally:
        file.close()


def _is_agreed(command: Command, basis: Basis, window: Window, size: Size) -> bool:
    """Tell what a run will take, and ask where it is much. Raises UserError with nobody to ask."""
    span = f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"
    command.say(f"{', '.join(basis.pairs)}; {basis.timeframe} candles from {span}")
    if command.options.tape_mode == "replay":
        command.say(f"{size.decisions:,} decisions, from the tape alone: nobody is asked.")
        return True
    estimate = _estimate(command, basis, window, size)
    if not command.options.json:
        command.session.screen.table(table_of(estimate, basis.config.llm_config.model))
    if command.options.max_cost is not None and estimate.usd is None:
        raise ConfigError(
            "--max-cost needs the price of the model: add it to llm_config.prices, docs/cost.md"
        )
    if command.options.yes or basis.is_sandbox or not estimate.needs_consent:
        return True
    return command.session.screen.agreed()


def _estimate(command: Command, basis: Basis, window: Window, size: Size) -> Estimate:
    candle = timedelta(seconds=timeframe_to_seconds(basis.timeframe))
    start = max(window.start, window.end - candle * SAMPLE_CANDLES)
    few = Window(window.datadir, start, window.end)
    command.session.screen.progress("Measuring prompts ...")
    sample: Sample = only(partial(sampled, basis, few), command.log)
    paths = (command.tape, command.session.journals().tape)
    ledgers = tuple(Ledger(ledger_beside(path)) for path in paths)
    try:
        habit = habit_of(basis, ledgers)
    finally:
        for ledger in ledgers:
            ledger.close()
    return estimated(basis, size, sample, habit)


@contextmanager
def _script(log: Path) -> Iterator[str]:
    """Run the scripted model and yield its address. Raises BacktestError when it cannot."""
    with Crew([serve_script], log) as crew:
        report = next(crew.reports())
        if report.kind != "said":
            raise BacktestError(f"the scripted model does not run: {report.what}")
        yield str(report.what)


@contextmanager
def _noted(command: Command, plan: Plan, progress: Progress, key: str) -> Iterator[None]:
    """Note how far a run came, however it ends, and tell it where it ended early."""
    try:
        yield
    finally:
        decided, decisions = progress.moments.decided, plan.candles * len(plan.basis.pairs)
        if command.options.tape_mode != "replay":
            keep_note(plan.folder, Note(key=key, decided=decided, held=held(plan.tape)))
        if len(progress.outcomes) < len(plan.shards):
            tell_why(plan, progress, command.session.screen)
            command.say(stopped(plan, progress, decisions))

"""The run itself: each shard in a process of its own, watched, limited, and joined."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

from llm_modules.backtest.command.answers import Answers
from llm_modules.backtest.command.basis import Basis
from llm_modules.backtest.command.freqtrade_config import (
    Window,
    adopt,
    freqtrade_config,
    make_folders,
)
from llm_modules.backtest.command.losses import Losses
from llm_modules.backtest.command.options import BacktestOptions
from llm_modules.backtest.command.progress import Moments, Watcher
from llm_modules.backtest.command.results import published
from llm_modules.backtest.command.windows import joined, split
from llm_modules.backtest.command.world import played, world_of
from llm_modules.backtest.crew import Crew, Job, Report, Tell
from llm_modules.backtest.outcome import Moment, Outcome, Variant
from llm_modules.backtest.settings import BacktestSettings
from llm_modules.errors import BacktestError
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.opening import ledger_beside

Watching = Callable[[int], AbstractContextManager[Watcher]]
# Where Freqtrade keeps results: those of shards are no account, and stay with their run.
RESULTS_NAME = "backtest_results"
JOURNALS_NAME = "journals"


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that is about to begin; `candle` is the time between two decisions about a pair."""

    basis: Basis
    options: BacktestOptions
    window: Window
    candle: timedelta
    folder: Path
    tape: Path
    log: Path

    @property
    def shards(self) -> tuple[Window, ...]:
        """The window of each process."""
        return split(self.window, self.options.shards, self.candle)

    @property
    def candles(self) -> int:
        """How many candles are decided."""
        return (self.window.end - self.window.start) // self.candle

    def settings(self, folder: Path) -> BacktestSettings:
        """Return the block `llm_backtest` of a run that keeps its journals in a folder."""
        return BacktestSettings(
            folder=str(folder),
            tape=str(self.tape),
            tape_mode=self.options.tape_mode,
            experience=self.options.experience,
        )


@dataclass(slots=True)
class Progress:
    """What came of the shards so far; `is_over_limit`: the money is spent."""

    moments: Moments
    spent: float = 0.0
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    is_over_limit: bool = False


class Purse:
    """What requests have cost since it was opened, by the ledger beside a tape."""

    def __init__(self, tape: Path) -> None:
        self._ledger = Ledger(ledger_beside(tape))
        self._newest = self._ledger.newest()
        self._spent = 0.0

    def spent(self) -> float:
        """Return the sum in USD; what nobody knows a price of counts as nothing."""
        for charge in self._ledger.after(self._newest):
            self._newest = charge.row_id
            self._spent += charge.spent.usd
        return self._spent

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()


def play(plan: Plan, progress: Progress, watching: Watching) -> None:
    """Run all shards; `progress` has what came of them, also when this is interrupted."""
    shards, full = plan.shards, get_context("fork").Event()
    jobs = [partial(_played, plan, number, full) for number in range(len(shards))]
    make_folders(plan.basis)
    purse = Purse(plan.tape)
    try:
        _watched(jobs, plan, progress, full, (purse, watching))
    finally:
        progress.spent = purse.spent()
        purse.close()


def outcome_of(plan: Plan, progress: Progress) -> Outcome:
    """Return what all shards came to together."""
    outcomes = [progress.outcomes[number] for number in sorted(progress.outcomes)]
    return outcomes[0] if len(outcomes) == 1 else joined(outcomes, plan.folder / JOURNALS_NAME)


def shard_folder(plan: Plan, number: int) -> Path:
    """Return where a shard keeps its journals."""
    many = len(plan.shards) > 1
    return plan.folder / (f"shard-{number + 1:02}" if many else JOURNALS_NAME)


def _watched(
    jobs: Sequence[Job],
    plan: Plan,
    progress: Progress,
    full: Event,
    tools: tuple[Purse, Watching],
) -> None:
    purse, watching = tools
    # The crew first: nobody may have threads when it is forked, and a bar has one.
    with Crew(jobs, plan.log) as crew, watching(plan.candles) as watch:
        for report in crew.reports():
            _note(progress, report)
            progress.spent = purse.spent()
            limit = plan.options.max_cost
            if limit is not None and progress.spent >= limit:
                progress.is_over_limit = True
                full.set()
            watch(progress.moments, progress.spent)


def _note(progress: Progress, report: Report) -> None:
    if report.kind == "done":
        progress.outcomes[report.job] = report.what
    elif report.kind == "failed":
        progress.failures[report.job] = str(report.what)
    else:
        progress.moments.note(report.job, report.what)


def _played(plan: Plan, number: int, full: Event, tell: Tell) -> Outcome:
    """Play one shard; between two candles nothing is under way, so that is where it may end."""
    answers, losses = Answers(), Losses()

    def watch(moment: Moment) -> None:
        losses.demand_none()
        tell(replace(moment, decided=answers.kept))
        if full.is_set() and moment.candle < moment.candles:
            raise BacktestError("the money is spent")

    adopt(plan.basis.environment)
    config = freqtrade_config(
        plan.basis,
        plan.shards[number],
        plan.settings(shard_folder(plan, number)),
        plan.folder / RESULTS_NAME / shard_folder(plan, number).name,
    )
    world = world_of(config, plan.folder, mask=plan.options.mask)
    is_alone = len(plan.shards) == 1
    try:
        with losses:
            variant = Variant(watch=watch, refit=answers.refit, has_forerunner=is_alone)
            outcome = played(world, variant)
    except BacktestError as error:
        raise answers.worded(error, plan.basis.targets()[0]) from error
    # The last lines of the journals are written when they are closed.
    losses.demand_none()
    return _with_others(plan, outcome)


def _with_others(plan: Plan, outcome: Outcome) -> Outcome:
    """Bring Freqtrade's result to where it keeps all others, if it is of a real account."""
    if outcome.result_file is None or len(plan.shards) > 1 or plan.options.mask:
        return outcome
    home = plan.basis.places.user_data / RESULTS_NAME
    return replace(outcome, result_file=published(outcome.result_file, home))

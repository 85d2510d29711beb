"""`./manage.sh selftest`: the whole battery against the user's settings, and the clearance."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from llm_modules.config import TraderConfig
from llm_modules.errors import JournalError
from llm_modules.gate.clearance import clearance_fingerprint, write_clearance
from llm_modules.selftest.battery import CASES, run_cases
from llm_modules.selftest.bench import Parts
from llm_modules.selftest.market import WINDOW_ROWS, recorded_market
from llm_modules.selftest.replay import Replay
from llm_modules.selftest.report import (
    SIMULATED,
    show_counts,
    show_limits,
    show_replay,
    show_results,
)
from llm_modules.selftest.stage import Result

CANDLES = 2000
SEED = 1
# What a replay can show; an exception in the gate is no candle's doing.
REPLAYED = ("I1", "I2", "I3", "I5", "I6", "I7")
Advance = Callable[[], None]


@dataclass(frozen=True, slots=True)
class SelftestOptions:
    """How much is replayed, and from which seed; `parts` is for tests that break one."""

    candles: int = CANDLES
    seed: int = SEED
    parts: Parts = field(default_factory=Parts)


def selftest(
    config: TraderConfig, data_dir: Path, stamp: Path, console: Console, options: SelftestOptions
) -> bool:
    """Run the battery, print its tables, and write the clearance when everything passed.

    `data_dir` holds the candles to replay, `stamp` is where the clearance is kept. Returns
    whether it was given. Raises UserError when the candles cannot be read.
    """
    # First: a fingerprint taken afterwards could be that of code changed meanwhile.
    fingerprint = clearance_fingerprint(config.risk_management)
    console.print(SIMULATED)
    with _quiet(), _progress(console, len(CASES) + 1 + options.candles) as advance:
        results = []
        for result in run_cases(config, options.parts):
            results.append(result)
            advance()
        replay = replayed(config, data_dir, options, advance)
    results += replay_results(replay)
    show_results(results, console)
    show_counts(replay.inspector, console)
    show_limits(replay.inspector, console)
    show_replay(replay, console)
    failed = [result for result in results if not result.passed]
    if failed:
        stamp.unlink(missing_ok=True)
        console.print(f"{len(failed)} of {len(results)} FAILED: do not trade with these settings")
        return False
    console.print(f"All {len(results)} passed")
    if options.candles < CANDLES:
        console.print(f"A replay of fewer than {CANDLES:,} candles gives no clearance for live")
        return True
    return _cleared(stamp, fingerprint, console)


def replayed(
    config: TraderConfig, data_dir: Path, options: SelftestOptions, advance: Advance
) -> Replay:
    """Play the replay to its end in a folder that is gone afterwards."""
    market = recorded_market(data_dir, options.candles + WINDOW_ROWS)
    with TemporaryDirectory(prefix="selftest-") as folder:
        replay = Replay(config, market, Path(folder), options.seed, options.parts)
        try:
            replay.run(options.candles, advance)
        finally:
            replay.close()
    return replay


def replay_results(replay: Replay) -> tuple[Result, ...]:
    """Return what the replay shows of each invariant."""
    return tuple(_replay_result(invariant, replay) for invariant in REPLAYED)


def _replay_result(invariant: str, replay: Replay) -> Result:
    inspector = replay.inspector
    broken = [item.text for item in inspector.breaches if item.invariant == invariant]
    detail = f"{len(broken)} times broken, first: {broken[0]}" if broken else "never broken"
    # Limits too low for these markets are no breach; a bot that never orders shows nothing.
    if invariant == "I3" and not inspector.orders:
        broken, detail = ["nothing"], "no order was made, so nothing was shown"
    name = f"reckless model, {replay.tally.candles:,} real candles"
    return Result(invariant, name, inspector.checked[invariant], not broken, detail)


def _cleared(stamp: Path, fingerprint: str, console: Console) -> bool:
    try:
        write_clearance(stamp, fingerprint, datetime.now(UTC))
    except JournalError as error:
        console.print(f"The clearance for live mode is missing: {error}", markup=False)
        return False
    console.print("Live mode may start with these limits")
    return True


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep our rooms from logging the faults they are shown on purpose."""
    logger = logging.getLogger("llm_modules")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Advance]:
    """Show a bar on a terminal, nothing elsewhere."""
    columns = (TextColumn("selftest"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("selftest", total=total)
        yield lambda: bar.advance(task)

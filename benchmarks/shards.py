"""What playing K windows of time at once gains where a model takes its time to answer.

    PYTHONPATH=user_data/strategies .venv/bin/python benchmarks/shards.py [--days 20] [--shards 8]

The shipped pairs are played on 30m candles, asked over HTTP of the scripted model, which waits
before each answer (--latency, 0.2 s): once in one go, once in K shards. Everything from the fork
on counts, also what each shard loads. Twenty days take some four minutes in one go.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copy

from rich.console import Console

from llm_modules.backtest.command.basis import Basis, opened
from llm_modules.backtest.command.candles import window_of
from llm_modules.backtest.command.download import download
from llm_modules.backtest.command.options import BacktestOptions, Dates
from llm_modules.backtest.command.playing import Plan, Progress, play
from llm_modules.backtest.command.progress import Moments
from llm_modules.backtest.crew import Crew, Tell
from llm_modules.operations.places import SHIPPED_USER_DATA, Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.sandbox.faults import ModelFaults, Switchboard
from llm_modules.sandbox.model import MODEL_PREFIX, model_app
from llm_modules.sandbox.server import serve

FIRST_DAY = datetime(2025, 12, 5, tzinfo=UTC)
MOST_DAYS = 54
CANDLE = timedelta(minutes=30)
GOAL = 0.8


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _slow_model(options.latency, folder / "model.log") as address:
            alone = _played(1, options.days, address, folder)
            shards = _played(options.shards, options.days, address, folder)
    gain = alone / shards
    reached = "reached" if gain >= GOAL * options.shards else "MISSED"
    console = Console()
    console.print(f"in one go        {alone:8.1f} s")
    console.print(f"in {options.shards} shards      {shards:8.1f} s")
    console.print(
        f"ratio {gain:.2f}, that is {gain / options.shards:.2f} of {options.shards}; goal "
        f"{GOAL:g}: {reached}"
    )


def _options() -> argparse.Namespace:
    command = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    command.add_argument("--days", type=int, default=20, choices=range(1, MOST_DAYS + 1))
    command.add_argument("--shards", type=int, default=8)
    command.add_argument("--latency", type=float, default=0.2, help="seconds before each answer")
    return command.parse_args()


@contextmanager
def _slow_model(latency_seconds: float, log: Path) -> Iterator[str]:
    """Serve the scripted model from a process of its own; yields its address."""

    def job(tell: Tell) -> None:
        board = Switchboard(ModelFaults(latency_seconds=latency_seconds))
        app = model_app(board, lambda: time.time_ns() // 1_000_000)
        asyncio.run(
            serve(
                {"model": (app, 0)},
                lambda _name, address: tell(f"{address}{MODEL_PREFIX}"),
                asyncio.Event(),
            )
        )

    with Crew([job], log) as crew:
        yield str(next(crew.reports()).what)


def _played(shards: int, days: int, address: str, folder: Path) -> float:
    """Play a run on a tape of its own, and return how long it took."""
    own = folder / f"shards-{shards}"
    plan = _plan(_basis(own, address), shards, days, own)
    progress = Progress(Moments(shards))
    begun = time.monotonic()
    play(plan, progress, lambda _candles: nullcontext(lambda _moments, _spent: None))
    seconds = time.monotonic() - begun
    if progress.failures:
        raise SystemExit(f"it failed: {progress.failures}")
    return seconds


def _basis(own: Path, address: str) -> Basis:
    own.mkdir()
    for name in ("config.json", "config.sandbox.json"):
        copy(SHIPPED_USER_DATA / name, own)
    for name in ("data", "strategies"):
        (own / name).symlink_to(SHIPPED_USER_DATA / name)
    basis = opened(Session(Places(own), {}, Screen()), BacktestOptions(sandbox=True))
    return basis.asking_at(address)


def _plan(basis: Basis, shards: int, days: int, own: Path) -> Plan:
    dates = Dates(FIRST_DAY, FIRST_DAY + timedelta(days=days))
    window = window_of(basis, dates, own / "candles.log", download, lambda _text: None)
    options = BacktestOptions(sandbox=True, shards=shards, baselines=False)
    return Plan(basis, options, window, CANDLE, own / "run", own / "tape.sqlite", own / "log")


if __name__ == "__main__":
    main()

"""What a decision costs in a backtest beside the model: ours, Freqtrade's, and from a tape.

    PYTHONPATH=user_data/strategies .venv/bin/python benchmarks/backtest.py [--days 60]
    PYTHONPATH=user_data/strategies .venv/bin/python benchmarks/backtest.py --replay [--shards 2]

Ten pairs are played on 30m candles with the scripted policy, which answers at once. With --replay
the same policy is asked once as a server on loopback, through the client a real model is asked
with; then the tape answers alone, three times, each in a process of its own as the command's runs
are, which has imported all it needs; with --shards in so many stretches of time at once. Plain
Freqtrade is a run in which nothing is asked, so nothing is traded; a whole run begins with loading
settings, strategy and candles. Times are the clock's, with a second process that sees the market
ahead where there is a second core, which is counted apart: play this on a machine that does
nothing else.
"""

import argparse
import asyncio
import logging
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from freqtrade.configuration import TimeRange
from freqtrade.exchange import timeframe_to_minutes
from rich.console import Console
from rich.table import Table
from ten_pairs import MOST_DAYS, MOST_PAIRS, freqtrade_config, write_candles

from llm_modules.backtest.command.freqtrade_config import Window
from llm_modules.backtest.command.windows import split
from llm_modules.backtest.crew import Crew, Tell
from llm_modules.backtest.outcome import AS_CONFIGURED, Outcome, Variant
from llm_modules.backtest.policy_client import PolicyClient
from llm_modules.backtest.running import run
from llm_modules.backtest.session import Session
from llm_modules.dialogue import Inquiry, Prompt, Reply
from llm_modules.sandbox.faults import ModelFaults, Switchboard
from llm_modules.sandbox.model import MODEL_PREFIX, model_app
from llm_modules.sandbox.server import serve

GOAL_MILLISECONDS = 1.0
GOAL_PER_SECOND = 1_000
REPLAYS = 3
JOURNALS = ("llm_decisions.jsonl", "trade_experience.jsonl")
NOTHING_ASKED = Variant(client=PolicyClient(), asks=lambda _pair, _at: False)


class Timed(PolicyClient):
    """The scripted policy; `seconds` is what it took."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        """Answer as the policy does."""
        begun = time.perf_counter()
        reply = await super().ask(prompt, inquiry, model=model)
        self.seconds += time.perf_counter() - begun
        return reply


class TimedSession:
    """Adds up what sessions take: all that happens before a candle.

    `begun` is the moment at which the first candle came.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.begun: float | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Measure every session that is opened meanwhile."""
        candle, watch = Session.candle, self

        def timed(self: Session, at: datetime) -> None:
            if watch.begun is None:
                watch.begun = time.perf_counter()
            begun = time.perf_counter()
            candle(self, at)
            watch.seconds += time.perf_counter() - begun

        Session.candle = timed  # type: ignore[method-assign]
        try:
            yield
        finally:
            Session.candle = candle  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class Played:
    """A run, the seconds it took in all, and those of the processor beside it, on another core."""

    outcome: Outcome
    seconds: float
    beside: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """A tape played back: seconds in all, before the first candle, after that, and of ours."""

    decided: int
    whole: float
    start: float
    after: float
    ours: float
    journals: tuple[str, ...]


def play(config: Mapping[str, Any], variant: Variant) -> Played:
    """Run a backtest without showing its table."""
    begun, before = time.perf_counter(), _of_children()
    with redirect_stdout(StringIO()):
        outcome = run(config, variant)
    return Played(outcome, time.perf_counter() - begun, _of_children() - before)


def costs(config: Mapping[str, Any]) -> Table:
    """Play once with the policy and once without questions; return what a decision takes."""
    # The first run of a process also imports and compiles.
    plain = min((play(config, NOTHING_ASKED) for _ in range(2)), key=lambda one: one.seconds)
    client, session = Timed(), TimedSession()
    with session.watching():
        whole = play(config, Variant(client=client, has_forerunner=True))
    decided = whole.outcome.decided
    ours = session.seconds - client.seconds
    parts = {
        "in all": whole.seconds,
        "Freqtrade alone, nothing traded": plain.seconds,
        "its trades, our callbacks among them": whole.seconds - plain.seconds - session.seconds,
        "the policy in the model's place": client.seconds,
        "ours: from candles to the book": ours,
    }
    table = Table("part", "ms per decision", "share", title=_title(whole.outcome))
    for name, seconds in parts.items():
        table.add_row(name, f"{1000 * seconds / decided:.3f}", f"{seconds / whole.seconds:.0%}")
    table.add_row("meanwhile, on a second core", f"{1000 * whole.beside / decided:.3f}", "-")
    is_met = 1000 * ours / decided <= GOAL_MILLISECONDS
    table.caption = f"goal: {GOAL_MILLISECONDS:g} ms of ours, {'met' if is_met else 'MISSED'}"
    return table


def replays(folder: Path, candles: Path, options: argparse.Namespace) -> Table:
    """Record a tape, replay it; return how fast that goes and whether all replays are the same."""
    with scripted_server() as address:
        # The server's own script is the model: what the shipped settings name needs a key.
        llm = {"provider": "compatible", "api_base": address, "model": "scripted", "fallbacks": []}
        config = freqtrade_config(folder, candles, options.pairs, options.days, llm_config=llm)
        shards = cut(config, options.shards)
        # Beside a thread, and a server does, nothing may be forked.
        for one in shards:
            play(with_mode(one, "record"), AS_CONFIGURED)
    shards = [with_mode(one, "replay") for one in shards]
    played = [replayed(shards, folder / "replays.log") for _ in range(REPLAYS)]
    at_once = f", {len(shards)} shards at once" if len(shards) > 1 else ""
    title = f"{played[0].decided:,} decisions about {options.pairs} pairs from a tape{at_once}"
    table = Table(
        "replay", "start", "whole run", "after the start", "ours, tape included", title=title
    )
    for number, one in enumerate(played, start=1):
        spans = (one.whole, one.after, one.ours)
        rates = (f"{one.decided / seconds:,.0f}/s" for seconds in spans)
        table.add_row(str(number), f"{one.start:.1f} s", *rates)
    ours = _judged(one.decided / one.ours for one in played)
    whole = _judged(one.decided / one.whole for one in played)
    same = "identical" if len({one.journals for one in played}) == 1 else "DIFFERENT"
    table.caption = (
        f"goal: {GOAL_PER_SECOND:,}/s, of ours {ours}, whole runs {whole}\njournals {same}"
    )
    return table


def replayed(shards: Sequence[Mapping[str, Any]], log: Path) -> Replayed:
    """Play a tape back, each shard in a process of its own, as the command does.

    Of several at once each span is that of the slowest.
    """
    # Where each core has a shard, none is left to see its market ahead.
    variant = Variant(has_forerunner=len(shards) == 1)
    with Crew([partial(_replayed, one, variant) for one in shards], log) as crew:
        reports = sorted(crew.reports(), key=lambda report: report.job)
    for report in reports:
        if report.kind == "failed":
            # Its folder goes with this program.
            print(log.read_text(), file=sys.stderr)
            raise report.what
    parts: list[Replayed] = [report.what for report in reports]
    return Replayed(
        decided=sum(one.decided for one in parts),
        whole=max(one.whole for one in parts),
        start=max(one.start for one in parts),
        after=max(one.after for one in parts),
        ours=max(one.ours for one in parts),
        journals=tuple(digest for one in parts for digest in one.journals),
    )


def _replayed(config: Mapping[str, Any], variant: Variant, _tell: Tell) -> Replayed:
    session, begun = TimedSession(), time.perf_counter()
    with session.watching():
        played = play(config, variant)
    start = (session.begun or begun) - begun
    return Replayed(
        decided=played.outcome.decided,
        whole=played.seconds,
        start=start,
        after=played.seconds - start,
        ours=session.seconds,
        journals=digests(played.outcome.folder),
    )


def cut(config: Mapping[str, Any], shards: int) -> list[Mapping[str, Any]]:
    """Return the configuration of each shard: its stretch of time, and journals of its own."""
    played = TimeRange.parse_timerange(config["timerange"])
    window = Window(config["datadir"], played.startdt, played.stopdt)
    candle = timedelta(minutes=timeframe_to_minutes(config["timeframe"]))
    settings = config["llm_backtest"]
    return [
        {
            **config,
            "timerange": one.timerange,
            "llm_backtest": {**settings, "folder": f"{settings['folder']}-{number}"},
        }
        for number, one in enumerate(split(window, shards, candle), start=1)
    ]


def with_mode(config: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """Return the configuration with another way to use the tape."""
    return {**config, "llm_backtest": {**config["llm_backtest"], "tape_mode": mode}}


def digests(folder: Path) -> tuple[str, ...]:
    """Return the hashes of what a run wrote down."""
    return tuple(sha256((folder / name).read_bytes()).hexdigest() for name in JOURNALS)


@contextmanager
def scripted_server() -> Iterator[str]:
    """Serve the scripted model on loopback; yields the address to ask."""
    addresses: list[str] = []
    is_up = threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def told(_name: str, address: str) -> None:
        addresses.append(address)
        is_up.set()

    async def serving() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        app = model_app(Switchboard(ModelFaults()), lambda: time.time_ns() // 1_000_000)
        await serve({"model": (app, 0)}, told, stop)

    thread = threading.Thread(target=lambda: asyncio.run(serving()), daemon=True)
    thread.start()
    is_up.wait()
    yield f"{addresses[0]}{MODEL_PREFIX}"
    loop, stop = loops[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()


def _of_children() -> float:
    """Return the seconds of the processor that child processes took which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _judged(rates: Iterable[float]) -> str:
    return "met" if min(rates) >= GOAL_PER_SECOND else "MISSED"


def _title(outcome: Outcome) -> str:
    return (
        f"{outcome.decided:,} decisions about {len(outcome.pairs)} pairs on {outcome.timeframe} "
        f"candles, {len(outcome.trades):,} trades"
    )


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=MOST_DAYS, help=f"at most {MOST_DAYS}")
    parser.add_argument("--pairs", type=int, default=MOST_PAIRS, help=f"at most {MOST_PAIRS}")
    parser.add_argument("--replay", action="store_true", help="record a tape and replay it")
    parser.add_argument("--shards", type=int, default=1, help="replay in so many at once")
    options = parser.parse_args()
    if not (1 <= options.days <= MOST_DAYS and 1 <= options.pairs <= MOST_PAIRS):
        parser.error(f"found --days {options.days} --pairs {options.pairs}: see --help")
    if options.shards != 1 and not options.replay:
        parser.error("--shards is for --replay")
    if options.shards < 1:
        parser.error(f"found --shards {options.shards}: at least one")
    # Freqtrade tells of every run; its tables are no part of the figures.
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder, candles = Path(name), Path(name) / "candles"
        write_candles(candles, options.pairs)
        if options.replay:
            table = replays(folder, candles, options)
        else:
            table = costs(freqtrade_config(folder, candles, options.pairs, options.days))
    Console().print(table)


if __name__ == "__main__":
    main()

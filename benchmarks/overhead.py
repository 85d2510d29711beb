"""What a decision costs us beside the model: each part of it, after histories of any length.

    PYTHONPATH=user_data/strategies .venv/bin/python benchmarks/overhead.py [--rounds 200]

A decision runs through the rooms as in the bot, but that the model answers at once and that the
snapshot, whose indicators are the market room's, is measured apart. Histories are those of
`learning.py`, decisions and candles those of `busy_month.py`. The ratio is to `json.loads` of the
question as it is sent, in the same run: less no client can do. Times are the processor's: what
other programs on the machine take is not ours.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles

from busy_month import (
    CANDLE,
    DECISIONS,
    NOW,
    RULES,
    a_decision,
    frames,
    in_folder,
    shipped,
)
from rich.console import Console
from rich.table import Table

from learning import PAIRS, written
from llm_modules.context.builder import ContextBuilder
from llm_modules.dialogue import Inquiry, Prompt, Reply, ToolRequest
from llm_modules.domain import AccountState, Candles
from llm_modules.engine import cycle
from llm_modules.engine.book import DecisionBook
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.deadline import Deadline
from llm_modules.engine.executor import FunctionExecutor
from llm_modules.engine.question import Present, Question, World
from llm_modules.engine.recording import answered_record
from llm_modules.engine.sparing.sparing import Sparing
from llm_modules.gate.checker import DecisionChecker
from llm_modules.journal.gist import GIST_LINES
from llm_modules.journal.reader import each_record
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.experience import ExperienceLibrary
from llm_modules.market.indicators import compute

HISTORIES = (0, 1_000, 25_000)
GOAL_MILLISECONDS = 3.0
WARM_UP = 10
# What Freqtrade holds of each timeframe.
CANDLES = 500
PAIR = PAIRS[0]
COIN = "BTC"
WAIT = {"pair": PAIR, "confidence_score": 60, "rsi_value": 50, "reason": "no edge " * 20}


class Instant:
    """A model that waits, at once."""

    async def ask(
        self,
        prompt: Prompt,  # noqa: ARG002 - the answer is always the same
        inquiry: Inquiry | None = None,  # noqa: ARG002
        *,
        model: str | None = None,  # noqa: ARG002
    ) -> Reply:
        """Return the call of a cautious model."""
        request = ToolRequest("c1", "signal_wait", json.dumps(WAIT))
        return Reply("", (request,), "tool_calls", "instant")

    async def close(self) -> None:
        """Hold nothing open."""


class Watch:
    """Adds up what each part of a decision takes."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure what happens inside as a part."""
        begun = time.thread_time()
        yield
        self.seconds[name].append(time.thread_time() - begun)


def a_bot(folder: Path, trades: int) -> Rooms:
    """Return the rooms of a bot that remembers so many trades and a day and more of decisions."""
    config = in_folder(shipped(), folder)
    library = ExperienceLibrary(config.experience_config, TradeEvaluator(10.0), "dry_run")
    path = written(folder / "past.jsonl", trades, 32) if trades else None
    random = Random(3)
    ages = range(DECISIONS, 0, -1)
    made = (a_decision(COIN, NOW - CANDLE * age, random, "flat", "en") for age in ages)
    library.load(
        each_record(path, GIST_LINES, print) if path else (),
        (one.model_copy(update={"pair": PAIR}) for one in made),
    )
    world = World(AccountState(1, "USDT", 1e3, 1e3, 0.0, 0, 1e3, 1e3, halted=False), {})
    return Rooms(
        config=config,
        context=ContextBuilder(config.context_config, config.risk_management),
        executor=FunctionExecutor(Instant(), model="instant", deadline=Deadline(9)),
        sparing=Sparing(config.llm_config.asking),
        checker=DecisionChecker(config.risk_management),
        book=DecisionBook(),
        journal=TradeLogger(config.experience_config),
        library=library,
        world=Present(world),
        clock=lambda: NOW + timedelta(seconds=1),
    )


def question(rooms: Rooms, number: int) -> Question:
    """Return what is asked at one of the sample's candles."""
    at = NOW + CANDLE * (number % 100)
    return Question(
        decision_id=f"{at:%y%m%d%H%M%S}-COIN0-{number:06x}",
        pair=PAIR,
        candle_at=at,
        valid_until=at + CANDLE,
        frames=tuple(newest(candles, int(at.timestamp() * 1000)) for candles in frames(COIN)),
        rules=RULES[COIN],
        world=rooms.world(),
        mode="dry_run",
        locked_sides=frozenset(),
        tradable=True,
        returns={},
        funding_rate=0.0001,
    )


def newest(candles: Candles, at_ms: int) -> Candles:
    """Return as many candles as Freqtrade would hold at a moment."""
    upto = int((candles.open_times <= at_ms).sum())
    rows = slice(max(0, upto - CANDLES), upto)
    columns = (getattr(candles, name)[rows] for name in ("open", "high", "low", "close", "volume"))
    return Candles(candles.timeframe, candles.open_times[rows], *columns)


async def decide(one: Question, rooms: Rooms, watch: Watch) -> Prompt:
    """Take the steps of `cycle.decide`, each by the clock; returns what was asked."""
    for candles in one.frames:
        with watch.part("indicators"):
            compute(candles)
    with watch.part("snapshot"):
        sight = cycle.look(one, rooms)
    snapshot = sight.snapshot
    with watch.part("context"):
        prompt = cycle.compose(one, sight, rooms)
    with watch.part("model's answer validated"):
        answer = await rooms.executor.call(prompt, Inquiry(PAIR, one.decision_id, "flat"))
    assert answer.call is not None  # noqa: S101
    with watch.part("gate"):
        verdict = cycle.judge(answer.call, one, snapshot, rooms)
    with watch.part("journal"):
        record = answered_record(one, rooms.clock(), snapshot, prompt, answer, verdict)
        cycle.note(record, rooms)
    sent = json.dumps([message.content for message in prompt.messages])
    with watch.part("json.loads of the question"):
        json.loads(sent)
    return prompt


def measure(trades: int, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each part, and of all without indicators and model."""
    with tempfile.TemporaryDirectory() as folder:
        rooms, watch = a_bot(Path(folder), trades), Watch()

        async def run() -> None:
            for number in range(WARM_UP + rounds):
                await decide(question(rooms, number), rooms, watch)

        asyncio.run(run())
        rooms.journal.close()
    timeframes = len(frames(COIN))
    parts = {name: [1000 * one for one in values] for name, values in watch.seconds.items()}
    grouped = [
        sum(parts["indicators"][at : at + timeframes])
        for at in range(0, len(parts["indicators"]), timeframes)
    ]
    parts["indicators"] = grouped
    # The snapshot computes the same indicators once more.
    parts["snapshot"] = [
        max(0.0, whole - own) for whole, own in zip(parts["snapshot"], grouped, strict=True)
    ]
    ours = ("snapshot", "context", "model's answer validated", "gate", "journal")
    parts["all of ours"] = [
        sum(values) for values in zip(*(parts[name] for name in ours), strict=True)
    ]
    return {name: values[WARM_UP:] for name, values in parts.items()}


def table_of(trades: int, parts: dict[str, list[float]]) -> Table:
    """Return one history's table: median, 95th percentile, and the ratio of the medians."""
    table = Table(title=f"One decision after {trades:,} trades, milliseconds")
    for column in ("part", "median", "p95", "x json.loads"):
        table.add_column(column, justify="left" if column == "part" else "right")
    plain = median(parts["json.loads of the question"])
    for name, values in parts.items():
        middle = median(values)
        p95 = quantiles(values, n=20)[-1]
        table.add_row(name, f"{middle:.2f}", f"{p95:.2f}", f"{middle / plain:.0f}")
    whole = median(parts["all of ours"])
    table.caption = (
        f"goal: {GOAL_MILLISECONDS:g} ms, {'met' if whole <= GOAL_MILLISECONDS else 'MISSED'}"
    )
    return table


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trades", type=int, nargs="*", default=HISTORIES, help="history sizes")
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    for trades in options.trades:
        Console().print(table_of(trades, measure(trades, options.rounds)))


if __name__ == "__main__":
    main()

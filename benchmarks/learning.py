"""What memory costs: a start from the journal, and questions after so many trades.

    PYTHONPATH=user_data/strategies .venv/bin/python benchmarks/learning.py [--trades 1000000]

Beside each figure stands its ratio to the plainest way there is, measured in the same run: reading
the file with `json.loads` for a start, looking through a list of all trades for a question. Times
are those of the processor, the best of five; questions are told by median and 99th percentile.
"""

import argparse
import gc
import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from llm_modules.journal.gist import GIST_LINES, TradeGist
from llm_modules.journal.log import JsonlLog, Rotation
from llm_modules.journal.reader import each_record
from llm_modules.journal.records import (
    EntryThesis,
    Evaluation,
    Finding,
    Reflection,
    TradeRecord,
)
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.remembering import remembered
from llm_modules.learning.rewards import RewardLearningSystem
from llm_modules.learning.sentences import similar_sentence, statistics_sentence
from llm_modules.learning.wording import learning_phrases

START = datetime(2016, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=3652)
PAIRS = tuple(f"COIN{number}/USDT:USDT" for number in range(20))
EXITS = ("signal_exit", "stop_loss", "trailing_stop_loss", "stoploss_on_exchange", "liquidation")
TIMEFRAMES = ("", "_1h", "_4h", "_1d")
# As far as a start is measured; a question is asked of as many trades as wanted.
READ_AT_MOST = 100_000
ROUNDS = 5
QUESTIONS = 500
PHRASES = learning_phrases("en")
MEGABYTES_PER_PART = 32


class Figure(NamedTuple):
    """One line of the table; `plain` is what the plainest way takes, in the same unit."""

    name: str
    trades: int
    median: float
    p99: float | None
    plain: float | None
    remark: str = ""


def some_facts(random: Random) -> dict[str, float]:
    """Return the facts of one candle as the bot records them."""
    atr_pct = random.lognormvariate(-0.5, 0.5)
    facts = {
        "price": random.uniform(1, 100),
        "atr_ratio": random.lognormvariate(0, 0.3),
        "mfi": random.uniform(5, 95),
        "macd_pct": random.gauss(0, 0.5) * atr_pct,
        "macd_hist_pct": random.gauss(0, 0.2) * atr_pct,
        "bb_position": random.gauss(0.5, 0.35),
        "volume_ratio": random.lognormvariate(-0.2, 0.65),
        "support": random.uniform(1, 100),
        "resistance": random.uniform(1, 100),
        "change_pct_24h": random.gauss(0, 4.5) * atr_pct,
        "funding_rate_pct": random.gauss(0.01, 0.005),
    }
    for suffix in TIMEFRAMES:
        facts[f"rsi{suffix}"] = random.gauss(50, 12)
        facts[f"adx{suffix}"] = random.lognormvariate(3.1, 0.45)
        facts[f"atr_pct{suffix}"] = atr_pct
        facts[f"ema_gap_pct{suffix}"] = random.gauss(0, 1.1) * atr_pct
    return facts


def a_record(number: int, closed_at: datetime, random: Random) -> TradeRecord:
    """Return a closed trade of the usual length, about 3.3 KB."""
    profit = random.gauss(0.001, 0.03)
    return TradeRecord(
        at=closed_at,
        mode="dry_run",
        trade_id=number,
        pair=random.choice(PAIRS),
        side=random.choice(("long", "short")),
        leverage=float(random.randint(1, 15)),
        stake_amount=100.0,
        opened_at=closed_at - timedelta(hours=random.expovariate(0.2)),
        closed_at=closed_at,
        open_rate=random.uniform(1, 100),
        close_rate=random.uniform(1, 100),
        profit_abs=100 * profit,
        profit_ratio=profit,
        funding_fees=random.gauss(0, 0.01),
        mfe_ratio=max(profit, 0) + random.expovariate(50),
        mae_ratio=min(profit, 0) - random.expovariate(50),
        stop_price=97.0,
        exit_reason=random.choice(EXITS),
        entries=1,
        exits=1,
        entry=EntryThesis(
            decision_id=f"260115120000-COIN-{number:06d}",
            reason="the trend is up on all timeframes and support held " * 3,
            confidence_score=float(random.randint(40, 95)),
            key_support=95.0,
            key_resistance=110.0,
            stop_price=97.0,
            target_price=106.0,
            invalidation="a close below support",
            facts=some_facts(random),
            model="a-model",
            timeframe="30m",
        ),
        exit_decision_id=f"260115120000-COIN-{number:06d}",
        model_score=75.0,
        exit_reflection="took profit at resistance, the entry was early " * 2,
        exit_facts=some_facts(random),
        evaluation=Evaluation(
            profit_points=21.0,
            risk_points=20.0,
            timing_points=20.0,
            efficiency_points=20.0,
            score=random.uniform(20, 95),
            grade=random.choice(("A", "B", "C", "D", "F")),
        ),
        reflection=Reflection(
            summary="Win: long 3x +5.8 % in 2 h, direction right, clean entry, thesis held.",
            lessons=("Take profit or tighten the stop once a long is 3 % ahead.",),
            findings=(
                Finding(code="take_profit", stands=True, values={"best": "+8 %"}),
                Finding(code="against_trend", stands=False, values={"gap": "+0.3 %"}),
            ),
            judgement="skill",
            surprise=0.7,
        ),
        reward=random.gauss(0.001, 0.02),
    )


def written(path: Path, count: int, megabytes: int) -> Path:
    """Write a journal of so many trades, as the bot does, in parts of so many megabytes."""
    random = Random(4)
    log = JsonlLog(path, durability="none", rotation=Rotation(megabytes << 20))
    for number in range(count):
        log.append(a_record(number, START + YEARS * (number / count), random))
    log.close()
    # Once more: what was not packed by the end is packed now.
    log = JsonlLog(path, rotation=Rotation(megabytes << 20))
    log._packer._pool.submit(int).result()  # noqa: SLF001 - it says nothing when it is done
    log.close()
    return path


def gists(path: Path) -> list[TradeGist]:
    """Read a journal as the start does."""
    return [line for line in each_record(path, GIST_LINES, print) if isinstance(line, TradeGist)]


def started(path: Path) -> HistoricalQueryEngine:
    """Read a journal into memory."""
    lines = each_record(path, GIST_LINES, print)
    return HistoricalQueryEngine(remembered(one) for one in lines if isinstance(one, TradeGist))


def read_plainly(path: Path) -> list[Any]:
    """Read every line, unchecked."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def best(work: Callable[[], Any]) -> float:
    """Return the processor time something takes, the shortest of five."""
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        start = time.process_time()
        result = work()
        times.append(time.process_time() - start)
        # Giving it back is not part of it.
        del result
    return min(times)


def starting(folder: Path, count: int) -> list[Figure]:
    """Measure a start from a plain journal and from one in packed parts."""
    path = written(folder / "trades.jsonl", count, 1 << 20)
    packed = written(folder / "packed.jsonl", count, MEGABYTES_PER_PART)
    plain = best(partial(read_plainly, path)) / count * 1e6
    works: list[tuple[str, Callable[[], Any]]] = [
        ("read and check the gist of trades", partial(gists, path)),
        ("start: read, remember, index", partial(started, path)),
        ("the same, from packed parts", partial(started, packed)),
    ]
    figures = []
    for name, work in works:
        each = best(work) / count * 1e6
        figures.append(Figure(name, count, each, None, plain, f"{each / 10:.2f} s per 100,000"))
    return figures


def memory(path: Path) -> Figure:
    """Measure what one trade takes in memory, in bytes."""
    started(path)
    gc.collect()
    tracemalloc.start()
    history = started(path)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    count = len(history.newest(READ_AT_MOST))
    return Figure("memory of a trade, bytes", count, taken / count, None, None)


def many_trades(path: Path, count: int) -> list[RememberedTrade]:
    """Return so many trades over ten years; beyond those of the file they repeat its numbers."""
    known = [remembered(one) for one in gists(path)]
    trades = []
    for number in range(count):
        like = known[number % len(known)]
        closed_at = START + YEARS * (number / count)
        opened_at = closed_at - (like.closed_at - like.opened_at)
        trades.append(replace(like, trade_id=number, opened_at=opened_at, closed_at=closed_at))
    return trades


def asked(history: HistoricalQueryEngine, rewards: RewardLearningSystem) -> Callable[..., Any]:
    """Return what a decision asks memory for, of the part this room's history answers."""

    def ask(pair: str, before: datetime, here: tuple[float, ...] | None) -> list[Any]:
        return [
            history.recent(5, pair=pair, before=before),
            history.recent(5, before=before),
            statistics_sentence(PHRASES, "pair", history.statistics(pair=pair, before=before)),
            statistics_sentence(PHRASES, "all", history.statistics(pair=None, before=before)),
            similar_sentence(PHRASES, history.similar(here, before=before, count=5)),
            rewards.sentence(PHRASES, pair, before),
        ]

    return ask


def asked_plainly(trades: Sequence[RememberedTrade], pair: str, before: datetime) -> list[Any]:
    """Look through all trades, as is done where nobody thought about it."""
    since = before - timedelta(days=30)
    of_pair = [one for one in trades if one.pair == pair and one.closed_at < before]
    month = [one for one in trades if since <= one.closed_at < before]
    mean = sum(one.profit_ratio for one in month) / max(1, len(month))
    return [of_pair[-5:], [one for one in month if one.pair == pair], mean]


def percentiles(times: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile, in microseconds."""
    times = sorted(times)
    return times[len(times) // 2] * 1e6, times[len(times) * 99 // 100] * 1e6


def timed(work: Callable[[], Any]) -> float:
    """Return the processor time of one question."""
    start = time.process_time_ns()
    work()
    return (time.process_time_ns() - start) / 1e9


def asking(trades: list[RememberedTrade]) -> list[Figure]:
    """Measure questions while trades go on: before each a further trade joins."""
    count = len(trades)
    warm = max(1, count - QUESTIONS)
    history = HistoricalQueryEngine(trades[:warm])
    rewards = RewardLearningSystem(history, None, "dry_run")
    ask = asked(history, rewards)
    # The first question counts a whole window; all others only what changed.
    ask(trades[0].pair, trades[warm - 1].closed_at, trades[0].situation)
    gc.collect()
    gc.freeze()
    whole, sliding, similar, sentence = [], [], [], []
    for trade in trades[warm:]:
        history.add(trade)
        pair, at, here = trade.pair, trade.closed_at + timedelta(minutes=1), trade.situation
        # Each alone after a further trade joined, for the second of the same would be known.
        kind = trade.trade_id % 4
        if kind == 0:
            whole.append(timed(partial(ask, pair, at, here)))
        elif kind == 1:
            sliding.append(timed(partial(history.statistics, pair=None, before=at)))
        elif kind == 2:  # noqa: PLR2004 - the third of four
            similar.append(timed(partial(history.similar, here, before=at, count=5)))
        else:
            sentence.append(timed(partial(rewards.sentence, PHRASES, pair, at)))
    pair, at = trades[-1].pair, trades[-1].closed_at
    plain = best(partial(asked_plainly, trades, pair, at)) * 1e6
    gc.unfreeze()
    named = (
        ("all a decision asks the history", whole),
        ("  statistics, as the window slides", sliding),
        ("  similar situations", similar),
        ("  rewards", sentence),
    )
    return [Figure(name, count, *percentiles(times), plain) for name, times in named]


def table_of(figures: list[Figure]) -> Table:
    """Lay the figures out."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "trades", "µs", "p99 µs", "ratio", " "):
        table.add_column(heading, justify="right" if heading.strip() else "left", no_wrap=True)
    for name, trades, median, p99, plain, remark in figures:
        slowest = "" if p99 is None else f"{p99:,.1f}"
        ratio = "" if plain is None else f"{median / plain:.3g}"
        table.add_row(name, f"{trades:,}", f"{median:,.1f}", slowest, ratio, remark)
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trades", type=int, default=1_000_000)
    most = parser.parse_args().trades
    read = min(most, READ_AT_MOST)
    with tempfile.TemporaryDirectory() as name:
        figures = starting(Path(name), read)
        path = Path(name) / "trades.jsonl"
        figures.append(memory(path))
        for count in sorted({min(1_000, most), read, most}):
            figures += asking(many_trades(path, count))
    Console(width=110).print(table_of(figures))


if __name__ == "__main__":
    main()

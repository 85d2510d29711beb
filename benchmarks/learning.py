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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from llm_modules.config import ExperienceConfig
from llm_modules.domain import ClosedTrade, Side, Thesis
from llm_modules.journal.gist import GIST_LINES, TradeGist
from llm_modules.journal.log import JsonlLog, Rotation
from llm_modules.journal.reader import each_newest, each_record
from llm_modules.journal.records import TradeRecord
from llm_modules.journal.trade_logger import NEWEST_TRADES
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.experience import ExperienceLibrary
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.reflection import SelfReflectionEngine
from llm_modules.learning.remembered import RememberedTrade, remembered
from llm_modules.learning.rewards import RewardLearningSystem, reward
from llm_modules.learning.situation import situation
from llm_modules.learning.wording import learning_phrases

START = datetime(2016, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=3652)
PAIRS = tuple(f"COIN{number}/USDT:USDT" for number in range(20))
EXITS = ("signal_exit", "stop_loss", "trailing_stop_loss", "stoploss_on_exchange", "liquidation")
SIDES: tuple[Side, ...] = ("long", "short")
TIMEFRAMES = ("", "_1h", "_4h", "_1d")
# As far as a start is measured; a question is asked of as many trades as wanted.
READ_AT_MOST = 100_000
ROUNDS = 5
QUESTIONS = 500
WARM_UP = 50
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


def a_closed_trade(number: int, closed_at: datetime, random: Random) -> ClosedTrade:
    """Return a closed trade whose record takes the usual 3.5 KB."""
    profit = random.gauss(0.001, 0.03)
    side = random.choice(SIDES)
    rate = random.uniform(1, 100)
    stop = rate * (0.97 if side == "long" else 1.03)
    return ClosedTrade(
        trade_id=number,
        pair=random.choice(PAIRS),
        side=side,
        leverage=float(random.randint(1, 15)),
        stake_amount=100.0,
        opened_at=closed_at - timedelta(hours=random.expovariate(0.2)),
        closed_at=closed_at,
        open_rate=rate,
        close_rate=rate * (1 + profit / 3),
        profit_abs=100 * profit,
        profit_ratio=profit,
        funding_fees=random.gauss(0, 0.01),
        mfe_ratio=max(profit, 0) + random.expovariate(50),
        mae_ratio=min(profit, 0) - random.expovariate(50),
        stop_price=stop,
        liquidation_price=None,
        exit_reason=random.choice(EXITS),
        entries=1,
        exits=1,
        thesis=Thesis(
            decision_id=f"260115120000-COIN-{number:06d}",
            reason="the trend is up on all timeframes and support held " * 3,
            confidence_score=float(random.randint(40, 95)),
            key_support=rate * 0.96,
            key_resistance=rate * 1.04,
            stop_price=stop,
            target_price=rate * 1.05,
            invalidation="a close below support",
            facts=some_facts(random) | {"price": rate, "support": rate * 0.97},
            model="a-model",
            timeframe="30m",
        ),
        exit_decision_id=f"260115120000-COIN-{number:06d}",
        model_score=75.0,
        exit_reflection="took profit at resistance, the entry was early " * 2,
        exit_facts=some_facts(random),
    )


def a_library(folder: Path) -> ExperienceLibrary:
    """Return a memory that knows nothing yet."""
    config = ExperienceConfig(
        log_decisions=True,
        log_trades=True,
        decision_log_path=str(folder / "llm_decisions.jsonl"),
        trade_log_path=str(folder / "trade_experience.jsonl"),
        max_recent_trades_context=5,
        max_recent_decisions_context=10,
        include_pair_specific_trades=True,
    )
    return ExperienceLibrary(config, TradeEvaluator(20.0), "dry_run")


def written(path: Path, count: int, megabytes: int) -> Path:
    """Write a journal of so many trades, as the bot does, in parts of so many megabytes."""
    random = Random(4)
    log = JsonlLog(path, durability="none", rotation=Rotation(megabytes << 20))
    evaluator, reflection = TradeEvaluator(20.0), SelfReflectionEngine(PHRASES)
    for number in range(count):
        trade = a_closed_trade(number, START + YEARS * (number / count), random)
        evaluation = evaluator.evaluate(trade)
        carried = asdict(trade)
        del carried["liquidation_price"]
        record = TradeRecord(
            **carried | {"entry": carried.pop("thesis")},
            at=trade.closed_at,
            mode="dry_run",
            evaluation=evaluation,
            reflection=reflection.reflect(trade, evaluation),
            reward=reward(trade.profit_ratio, evaluation.score, trade.leverage),
        )
        log.append(record)
    log.close()
    # Once more: what was not packed by the end is packed now.
    log = JsonlLog(path, rotation=Rotation(megabytes << 20))
    log._packer._pool.submit(int).result()  # noqa: SLF001 - it says nothing when it is done
    log.close()
    return path


def gists(path: Path) -> list[TradeGist]:
    """Read a journal as the start does."""
    return [line for line in each_record(path, GIST_LINES, print) if isinstance(line, TradeGist)]


def indexed(path: Path) -> HistoricalQueryEngine:
    """Read a journal into a history alone."""
    lines = each_record(path, GIST_LINES, print)
    return HistoricalQueryEngine(remembered(one) for one in lines if isinstance(one, TradeGist))


def started(path: Path, newest: int | None = None) -> ExperienceLibrary:
    """Read a journal into memory, and ask the first question, which counts every trade."""
    lines = (
        each_record(path, GIST_LINES, print)
        if newest is None
        else each_newest(path, GIST_LINES, newest, print)
    )
    library = a_library(path.parent)
    library.load(lines, ())
    library.recall(PAIRS[0], START + YEARS, some_facts(Random(1)))
    return library


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
        del result
    return min(times)


def starting(folder: Path, count: int) -> list[Figure]:
    """Measure a start from a plain journal and from one in packed parts."""
    path = written(folder / "trades.jsonl", count, 1 << 20)
    packed = written(folder / "packed.jsonl", count, MEGABYTES_PER_PART)
    plain = best(partial(read_plainly, path)) / count * 1e6
    works: list[tuple[str, Callable[[], Any]]] = [
        ("read and check the gist of trades", partial(gists, path)),
        ("  and remember and index them", partial(indexed, path)),
        ("  and sum them up: all of them", partial(started, path)),
        ("  the same from packed parts", partial(started, packed)),
        ("a bot's start: the newest 25,000", partial(started, path, NEWEST_TRADES)),
        ("  the same from packed parts", partial(started, packed, NEWEST_TRADES)),
    ]
    figures = []
    for name, work in works:
        each = best(work) / count * 1e6
        figures.append(Figure(name, count, each, None, plain, f"{each / 10:.2f} s per 100,000"))
    return figures


def memory(path: Path) -> Figure:
    """Measure what one trade takes in memory, in bytes."""
    count = len(gists(path))
    gc.collect()
    tracemalloc.start()
    _library = started(path)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return Figure("memory of a trade, bytes", count, taken / count, None, None)


def many_gists(path: Path, count: int) -> Iterator[TradeGist]:
    """Yield so many trades over ten years, each with a result of its own.

    Beyond those of the file their markets repeat; repeated results would look like patterns.
    """
    known, random = gists(path), Random(8)
    for number in range(count):
        like = known[number % len(known)]
        closed_at = START + YEARS * (number / count)
        opened_at = closed_at - (like.closed_at - like.opened_at)
        profit = random.gauss(0.001, 0.03)
        changes = {"trade_id": number, "opened_at": opened_at, "closed_at": closed_at}
        yield like.model_copy(update=changes | {"profit_ratio": profit, "reward": profit / 2})


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


def asking(path: Path, count: int) -> list[Figure]:
    """Measure questions while trades go on: before each a further trade joins."""
    every = many_gists(path, count)
    library = a_library(path.parent)
    history = HistoricalQueryEngine()
    rewards = RewardLearningSystem(history, None, "dry_run")
    for one in islice(every, max(1, count - QUESTIONS)):
        library._history.add(remembered(one))  # noqa: SLF001 - without a file per trade
    for trade in library._history.newest(count)[::-1]:  # noqa: SLF001
        history.add(trade)
    gc.collect()
    gc.freeze()
    works: tuple[tuple[str, Callable[[TradeGist, datetime, dict[str, float]], Any]], ...] = (
        ("recall after a trade closed", lambda one, at, now: library.recall(one.pair, at, now)),
        ("recall of another pair then", lambda _, at, now: library.recall(PAIRS[0], at, now)),
        ("  statistics", lambda _, at, __: history.statistics(pair=None, before=at)),
        ("  similar", lambda _, at, now: history.similar(situation(now), before=at, count=5)),
        ("  rewards", lambda one, at, _: rewards.sentence(PHRASES, one.pair, at)),
    )
    times: dict[str, list[float]] = {name: [] for name, _ in works}
    for one in every:
        trade = remembered(one)
        library._history.add(trade)  # noqa: SLF001
        history.add(trade)
        at = one.closed_at + timedelta(minutes=1)
        facts = one.entry.facts if one.entry else {}
        for name, work in works:
            times[name].append(timed(partial(work, one, at, facts)))
    trades = history.newest(count)
    plain = best(partial(asked_plainly, trades, PAIRS[0], START + YEARS)) * 1e6
    gc.unfreeze()
    # The first questions count every trade, or a whole window; that is part of a start.
    return [
        Figure(name, count, *percentiles(taken[WARM_UP:] or taken), plain)
        for name, taken in times.items()
    ]


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
        path = Path(name) / "trades.jsonl"
        figures = starting(path.parent, read)
        figures.append(memory(path))
        for count in sorted({min(1_000, most), read, most}):
            figures += asking(path, count)
    Console(width=110).print(table_of(figures))


if __name__ == "__main__":
    main()

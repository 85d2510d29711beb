"""What a journal costs: appending per durability, packing meanwhile, reading at the start.

    PYTHONPATH=user_data/strategies .venv/bin/python benchmarks/journal.py [--records 100000]

Beside each figure stands its ratio to the plainest way there is, measured in the same run: opening
the file for each record and writing `json.dumps`; for reading, `json.loads` of every line.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from llm_modules.journal.checking import check_chain
from llm_modules.journal.log import Durability, JsonlLog, Rotation
from llm_modules.journal.reader import read_journal, read_newest
from llm_modules.journal.records import (
    DECISION_LINES,
    TRADE_LINES,
    DecisionRecord,
    EntryThesis,
    Evaluation,
    Reason,
    Reflection,
    TradeRecord,
)
from llm_modules.journal.trade_logger import NEWEST_LINES

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
PAIR = "BTC/USDT:USDT"
FACTS = {f"fact_{number}": 1.2345 * number for number in range(20)}
# A disk that is waited for takes thousands of times as long: fewer records tell as much.
SYNCED_SHARE = 100
NO_ROTATION = Rotation(1 << 40)


class Figure(NamedTuple):
    """One line of the table: what it costs per record, and per record of the plainest way."""

    name: str
    seconds: float
    plain_seconds: float
    remark: str = ""


def a_decision(number: int) -> DecisionRecord:
    """Return a decision of the usual length."""
    return DecisionRecord(
        decision_id=f"260115120000-BTC-{number:06d}",
        at=NOON,
        candle_at=NOON,
        pair=PAIR,
        stance="flat",
        mode="dry_run",
        model="a-model",
        status="refused",
        tool="signal_entry_long",
        call={"confidence_score": 60.0, "reason": "the trend is up " * 12, "leverage": 3.0},
        reasons=(Reason(code="confidence", text="60 lies below 70", kind="refusal"),),
        facts=FACTS,
    )


def a_trade(number: int) -> TradeRecord:
    """Return a closed trade of the usual length."""
    thesis = EntryThesis(
        decision_id="d-1",
        reason="the trend is up " * 6,
        confidence_score=70.0,
        key_support=95.0,
        key_resistance=110.0,
        stop_price=97.0,
        target_price=106.0,
        invalidation=None,
        facts={"rsi": 55.0, "adx": 25.0, "ema_gap_pct": 0.3, "price": 100.0},
    )
    points = Evaluation(
        profit_points=21.0,
        risk_points=20.0,
        timing_points=20.0,
        efficiency_points=20.0,
        score=81.0,
        grade="A",
    )
    return TradeRecord(
        at=NOON,
        mode="dry_run",
        trade_id=number,
        pair=PAIR,
        side="long",
        leverage=3.0,
        stake_amount=100.0,
        opened_at=NOON - timedelta(hours=3),
        closed_at=NOON,
        open_rate=100.0,
        close_rate=102.0,
        profit_abs=5.8,
        profit_ratio=0.058,
        funding_fees=-0.01,
        mfe_ratio=0.08,
        mae_ratio=-0.01,
        stop_price=97.0,
        exit_reason="signal_exit",
        entries=1,
        exits=1,
        entry=thesis,
        exit_decision_id="d-2",
        model_score=75.0,
        exit_reflection="took profit at resistance",
        evaluation=points,
        reflection=Reflection(summary="won 5.8 %", lessons=("keep the stop",)),
        reward=0.047,
    )


def seconds_for(work: Callable[[], Any]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    result = work()
    taken = time.perf_counter() - start
    # Giving the records back is not part of it.
    del result
    return taken


def append_plainly(path: Path, record: DecisionRecord, count: int) -> None:
    """Append as is done where nobody thought about it."""
    for _ in range(count):
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record.model_dump(mode="json", by_alias=True)) + "\n")


def read_plainly(path: Path) -> list[Any]:
    """Read every line, unchecked."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def appending(folder: Path, durability: Durability, count: int, plain: float) -> Figure:
    """Measure appending to one file that does not rotate."""
    log = JsonlLog(folder / f"{durability}.jsonl", durability=durability, rotation=NO_ROTATION)
    record = a_decision(1)

    def work() -> None:
        for _ in range(count):
            log.append(record)
        log.close()

    taken = seconds_for(work)
    return Figure(f"append, {durability}", taken / count, plain)


def rotating(folder: Path, count: int, plain: float) -> Figure:
    """Measure appending while parts of 4 MB are packed, and the longest wait for one record."""
    log = JsonlLog(folder / "rotated.jsonl", rotation=Rotation(4 << 20))
    record = a_decision(1)
    waits = [seconds_for(lambda: log.append(record)) for _ in range(count)]
    log.close()
    remark = f"longest wait {max(waits) * 1000:.1f} ms"
    return Figure("append, flush, rotating", sum(waits) / count, plain, remark)


def reading(folder: Path, count: int) -> list[Figure]:
    """Measure what a start reads, and checking the chain."""
    decisions, trades = folder / "decisions.jsonl", folder / "trades.jsonl"
    for path, make in ((decisions, a_decision), (trades, a_trade)):
        log = JsonlLog(path, rotation=NO_ROTATION)
        for number in range(count):
            log.append(make(number))
        log.close()
    plain = seconds_for(lambda: read_plainly(decisions)) / count
    plain_trades = seconds_for(lambda: read_plainly(trades)) / count
    works: list[tuple[str, Callable[[], Any], float]] = [
        ("read all trades", lambda: read_journal(trades, TRADE_LINES), plain_trades),
        ("read all decisions", lambda: read_journal(decisions, DECISION_LINES), plain),
        (
            f"read the newest {NEWEST_LINES} decisions",
            lambda: read_newest(decisions, DECISION_LINES, NEWEST_LINES),
            plain,
        ),
        ("check the chain", lambda: check_chain(decisions), plain),
    ]
    figures = []
    for name, work, each in works:
        taken = seconds_for(work)
        remark = f"{taken * 100_000 / count:.2f} s of 100,000 lines"
        figures.append(Figure(name, taken / count, each, remark))
    return figures


def table_of(figures: list[Figure]) -> Table:
    """Lay the figures out."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "per second", "µs each", "ratio", ""):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, seconds, plain, remark in figures:
        cells = f"{1 / seconds:,.0f}", f"{seconds * 1e6:.1f}", f"{seconds / plain:.2f}"
        table.add_row(name, *cells, remark)
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    count = parser.parse_args().records
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = seconds_for(lambda: append_plainly(folder / "plain.jsonl", a_decision(1), count))
        plain /= count
        figures = [
            Figure("append, the plainest way", plain, plain),
            appending(folder, "none", count, plain),
            appending(folder, "flush", count, plain),
            appending(folder, "fsync", max(1, count // SYNCED_SHARE), plain),
            rotating(folder, count, plain),
            *reading(folder, count),
        ]
    Console(width=110).print(table_of(figures))


if __name__ == "__main__":
    main()

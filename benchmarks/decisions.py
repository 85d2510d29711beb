"""How long 50 pairs take to decide when the model needs a second, and what it costs the bot's loop.

    PYTHONPATH=user_data/strategies .venv/bin/python benchmarks/decisions.py [--pairs 50]

Everything is real but the market and the model's wits: our desk, thread, prompts, HTTP client and
journal ask the sandbox's model server, which waits `--latency` before it answers. Some
of the pairs are then asked one after the other in the same run, which is scaled to all of them, so
that the figures can be compared as a ratio.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import rapidjson
from freqtrade.enums import CandleType
from freqtrade.persistence import init_db
from rich.console import Console
from rich.table import Table

from llm_modules.config import TraderConfig, parse_config
from llm_modules.domain import AccountState
from llm_modules.engine import bridge
from llm_modules.engine.desk import Desk
from llm_modules.engine.startup import open_desk

TIMEFRAMES = {"30m": 30, "1h": 60, "4h": 240, "1d": 1440}
LOOP_SECONDS = 0.005


class Provider:
    """Candles of a random walk for every pair, in Freqtrade's frames."""

    def __init__(self, pairs: list[str], end: datetime) -> None:
        self._pairs = pairs
        self._exchange = SimpleNamespace(_leverage_tiers={})
        self._frames = {
            (pair, name): walk(minutes, end, seed)
            for seed, pair in enumerate(pairs)
            for name, minutes in TIMEFRAMES.items()
        }

    def current_whitelist(self) -> list[str]:
        """Return every pair."""
        return self._pairs

    def market(self, _pair: str) -> dict[str, Any]:
        """Return the same rules for all pairs."""
        return {"precision": {"price": 0.01}, "limits": {"cost": {"min": 5}}}

    def get_funding_rate_timeframe(self) -> str:
        """Return Binance's."""
        return "1h"

    def ohlcv(
        self, pair: str, timeframe: str, *, copy: bool, candle_type: CandleType
    ) -> pd.DataFrame:
        """Return the frame itself, as Freqtrade does when `copy` is false; no funding rates."""
        if candle_type is CandleType.FUNDING_RATE:
            return pd.DataFrame()
        frame = self._frames[pair, timeframe]
        return frame.copy() if copy else frame


def walk(minutes: int, end: datetime, seed: int) -> pd.DataFrame:
    """Return 500 candles of a random walk that end at a moment."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.002, 500)))
    opened = np.concatenate([[100.0], close[:-1]])
    newest = pd.Timestamp(end).floor(f"{minutes}min") - pd.Timedelta(minutes=minutes)
    return pd.DataFrame(
        {
            "date": pd.date_range(end=newest, periods=500, freq=f"{minutes}min"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": random.uniform(100, 200, 500),
        }
    )


@contextmanager
def model_server(latency_seconds: float) -> Iterator[str]:
    """Run the sandbox's model with a latency; yields its address."""
    command = [sys.executable, "-m", "llm_modules.sandbox", "--exchange-port", "0"]
    command += ["--model-port", "0", "--anchor-file", f"{tempfile.mkdtemp()}/anchor.json"]
    command += ["--model-faults", json.dumps({"latency_seconds": latency_seconds})]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert server.stdout is not None  # noqa: S101
    lines = [server.stdout.readline() for _ in range(2)]
    (line,) = (line for line in lines if "model" in line.lower())
    try:
        yield next(word for word in line.split() if word.startswith("http")).rstrip("/,.;")
    finally:
        server.terminate()
        server.wait()


def a_config(folder: str, api_base: str) -> TraderConfig:
    """Return the shipped settings, writing into a folder and asking the given server."""
    text = Path("user_data/config.json").read_text(encoding="utf-8")
    merged = rapidjson.loads(text, parse_mode=rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS)
    merged["llm_config"] |= {"api_base": api_base, "model": "scripted-sandbox"}
    for kind in ("decision", "trade"):
        merged["experience_config"][f"{kind}_log_path"] = f"{folder}/{kind}.jsonl"
    return parse_config(merged)


def an_account(pairs: int) -> AccountState:
    """Return an account rich enough for every pair."""
    return AccountState(0, "USDT", 1e5, 1e5, 0.0, 0, 0.0, 0.0, halted=pairs == 0)


def one_candle(desk: Desk, provider: Provider) -> dict[str, float]:
    """Play Freqtrade's loop for one candle, all pairs at once; returns seconds."""
    source, now = bridge.Newest(provider), datetime.now(UTC)
    view = bridge.View(source, "30m", list(TIMEFRAMES)[1:], {})
    pairs, decided = len(provider.current_whitelist()), desk.decided
    begun = time.perf_counter()
    desk.observe(an_account(pairs), (), (), now)
    desk.ask(view.due(desk.world(), (), "sandbox", now))
    handed_out = time.perf_counter() - begun
    longest = 0.0
    while desk.decided < decided + pairs:
        before = time.perf_counter()
        time.sleep(LOOP_SECONDS)
        longest = max(longest, time.perf_counter() - before - LOOP_SECONDS)
    return {
        "our code in the loop": handed_out,
        "longest delay of the loop meanwhile": longest,
        "all pairs decided and booked": time.perf_counter() - begun,
    }


def one_by_one(desk: Desk, provider: Provider, asked: int) -> float:
    """Ask some of the pairs one after the other; returns seconds."""
    source, now = bridge.Newest(provider), datetime.now(UTC)
    view = bridge.View(source, "30m", list(TIMEFRAMES)[1:], {})
    begun = time.perf_counter()
    for question in islice(view.due(desk.world(), (), "sandbox", now), asked):
        decided = desk.decided
        desk.ask([question])
        while desk.decided == decided:
            time.sleep(LOOP_SECONDS)
    return time.perf_counter() - begun


def measure(pairs: int, latency_seconds: float, rounds: int, asked: int) -> Table:
    """Run the benchmark and return its table."""
    init_db("sqlite://")
    names = [f"C{number}/USDT:USDT" for number in range(pairs)]
    provider = Provider(names, datetime.now(UTC))
    with model_server(latency_seconds) as api_base, tempfile.TemporaryDirectory() as folder:
        desk = open_desk(a_config(folder, api_base), "sandbox", "USDT", Path(folder), os.environ)
        one_candle(desk, provider)
        results = [one_candle(desk, provider) for _ in range(rounds)]
        alone = one_by_one(desk, provider, asked) * pairs / asked
        desk.stop()
    together = median(result["all pairs decided and booked"] for result in results)
    table = Table(title=f"{pairs} pairs, a model that takes {latency_seconds:g} s, {rounds} rounds")
    for column in ("what", "median", "worst"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what in results[0]:
        values = [result[what] for result in results]
        table.add_row(what, f"{median(values) * 1000:.0f} ms", f"{max(values) * 1000:.0f} ms")
    label = f"one pair after the other, from {asked} of them"
    table.add_row(label, f"{alone * 1000:.0f} ms", "")
    table.add_row("ratio", f"{alone / together:.1f} x", "")
    return table


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds the model takes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", type=int, default=5, help="pairs asked one after the other")
    options = parser.parse_args()
    asked = min(options.alone, options.pairs)
    Console().print(measure(options.pairs, options.latency, options.rounds, asked))


if __name__ == "__main__":
    main()

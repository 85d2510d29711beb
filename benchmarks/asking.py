"""How much each way of asking less saves on the sample data, and what it makes the model miss.

    PYTHONPATH=user_data/strategies .venv/bin/python benchmarks/asking.py [--days 20]

The five recorded pairs are played candle by candle through our own rooms, with the shipped settings
and orders that fill at the close. Two programs stand in for the model: the sandbox's, which is
restless (it enters on three candles in four), and a patient one that waits for an RSI far out in a
trend. Wherever the model was not asked, it is asked in secret what it would have done: an entry
that comes within six candles all the same is late, else it is missed; exits are late or missed
likewise. Tokens are the project's own upper estimate, dollars are without a provider's cache.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rapidjson
from asking_play import CHEAP, MAIN, POLICIES, Result, Run
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sample_market import Market

from llm_modules.config import TraderConfig, parse_config
from llm_modules.llm.spending.prices import Prices, shipped_prices

WIDTH = 110
SETTINGS: Mapping[str, dict[str, Any]] = {
    "off": {},
    "skip_unchanged": {"skip_unchanged": True},
    "cache 120": {"cache_minutes": 120.0},
    "flat every 2": {"flat_every_candles": 2},
    "cheap_model": {"cheap_model": CHEAP},
    "portfolio": {"scope": "portfolio"},
    "all four": {
        "skip_unchanged": True,
        "cache_minutes": 120.0,
        "flat_every_candles": 2,
        "cheap_model": CHEAP,
    },
}

COLUMNS = (
    "setting",
    "asked",
    "spared",
    "tokens",
    "USD",
    "less",
    "entries",
    "late/missed",
    "exits",
    "late/missed",
)


def a_config(folder: str, asking: Mapping[str, Any]) -> TraderConfig:
    """Return the shipped settings with one way of asking, writing into a folder."""
    text = Path("user_data/config.json").read_text(encoding="utf-8")
    merged = rapidjson.loads(text, parse_mode=rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS)
    merged["llm_config"] |= {"api_base": "http://127.0.0.1:9", "model": MAIN, "asking": asking}
    merged["experience_config"] |= {
        "decision_log_path": f"{folder}/decisions.jsonl",
        "trade_log_path": f"{folder}/trades.jsonl",
        "decision_log_durability": "none",
        "reward_learning": False,
    }
    return parse_config(merged)


def measure(options: argparse.Namespace, policy: str) -> Table:
    """Play every setting and return its table."""
    market = Market(Path("user_data/data"), options.days)
    prices = Prices(shipped_prices(), {})
    dear, cheap = (
        prices.price("openai", name, datetime.now(UTC)) for name in (options.model, options.cheap)
    )
    title = f"{policy} model, {options.days} days, {options.model}, cheap {options.cheap}"
    table = Table(box=box.SIMPLE, title=title)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == COLUMNS[0] else "right")
    first: Result | None = None
    with Progress(transient=True) as progress:
        task = progress.add_task(policy, total=len(SETTINGS) * (market.last - market.first))
        for name, asking in SETTINGS.items():
            with tempfile.TemporaryDirectory() as folder:
                run = Run(a_config(folder, asking), market, POLICIES[policy])
                result = asyncio.run(run.play(lambda: progress.advance(task)))
            for model, usage in run.spent.items():
                price = cheap if model == CHEAP else dear
                result.usd += price.cost(usage) if price else 0.0
                result.tokens += (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
            first = first or result
            table.add_row(name, *_cells(result, first))
    return table


def _cells(result: Result, first: Result) -> Iterable[str]:
    saved = 0.0 if not first.usd else 1 - result.usd / first.usd
    yield f"{result.asked:,}"
    yield f"{1 - result.asked / result.questions:.0%}"
    yield f"{result.tokens / 1e6:.1f} M"
    yield f"{result.usd:.2f}"
    yield f"{saved:.0%}"
    for done, lost in ((result.entered, result.entries), (result.left, result.exits)):
        yield str(done)
        yield f"{lost.late}/{lost.missed}"


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=3, help="newest days of the sample, up to 55")
    parser.add_argument("--policy", choices=[*POLICIES, "both"], default="both")
    parser.add_argument("--model", default="gpt-5.4-mini", help="whose price counts")
    parser.add_argument("--cheap", default="gpt-5.4-nano", help="the cheap model's price")
    options = parser.parse_args()
    for policy in POLICIES if options.policy == "both" else [options.policy]:
        Console(width=WIDTH).print(measure(options, policy))


if __name__ == "__main__":
    main()

"""What a question is made of, in tokens and in money, and how much of it a provider's cache serves.

    PYTHONPATH=user_data/strategies .venv/bin/python benchmarks/prompts.py [--candles 50]

The shipped settings, the past of `busy_month.py`, real candles, and real vocabularies that need no
network. Sections are means over consecutive candles of one pair; cached is what a question has in
common with the one before, from its first token on, tools first. `our estimate` is what the budget
counts, against the truth.
"""

import argparse
import json
import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise, takewhile
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple, get_args

from bpe_openai import get_encoding
from busy_month import a_scene, questions
from rich.console import Console
from rich.table import Table

from llm_modules.context.budget import prompt_weight
from llm_modules.dialogue import Prompt, Usage
from llm_modules.domain import Language, Stance
from llm_modules.llm.spending.prices import Prices, shipped_prices
from llm_modules.weights import tokens

VOCABULARIES = ("o200k_base", "cl100k_base")
PROVIDER, PRICED = "deepseek", "deepseek-v4-flash"
# Five pairs on 30m candles.
QUESTIONS_PER_MONTH = 5 * 48 * 30
_TITLE = re.compile(r"\n+(?=#|<quoted)")


class Measure(NamedTuple):
    """Questions at consecutive candles: sections, wholes, and what two have in common."""

    sections: dict[str, float]
    wholes: list[int]
    cached: list[float]
    estimated: list[float]

    @property
    def share(self) -> float:
        """Mean share of a question that its predecessor began with, 0..1."""
        return mean(self.cached)


def as_sent(prompt: Prompt) -> tuple[str, str, str]:
    """Return tools, system message and user message as they are sent."""
    offered = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in prompt.tools
    ]
    return json.dumps(offered, separators=(",", ":")), *(one.content for one in prompt.messages)


def measure(prompts: Sequence[Prompt], vocabulary: str) -> Measure:
    """Count questions in a vocabulary; every text is counted by itself, as servers do."""
    encoding = get_encoding(vocabulary)
    sent = [as_sent(prompt) for prompt in prompts]
    coded = [[token for text in texts for token in encoding.encode(text)] for texts in sent]
    wholes = list(map(len, coded))
    cached = [_common(*pair) / len(pair[1]) for pair in pairwise(coded)]
    sections: dict[str, list[int]] = {}
    for tools, system, user in sent:
        parts = {"tools": tools, "system": system} | dict(_parts(user))
        for name, text in parts.items():
            sections.setdefault(name, []).append(len(encoding.encode(text)))
    estimates = (tokens(prompt_weight(prompt)) for prompt in prompts)
    return Measure(
        {name: sum(counts) / len(prompts) for name, counts in sections.items()},
        wholes,
        cached,
        [estimate / whole for estimate, whole in zip(estimates, wholes, strict=True)],
    )


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False)))


def _parts(user: str) -> list[tuple[str, str]]:
    """Split a user message at its titles; what comes before the first names the pair."""
    first, *others = _TITLE.split(user)
    named = [(part.splitlines()[0].strip("# ").split(":")[0], part) for part in others]
    return [("pair", first), *((name, part) for name, part in named if "quoted" not in name)]


def asked(stance: Stance, language: Language, count: int, coin: str = "BTC") -> list[Prompt]:
    """Return the questions about a coin at consecutive candles."""
    with tempfile.TemporaryDirectory() as folder:
        scene = a_scene(Path(folder), stance, language, coin)
        return list(questions(scene, stance, count, language))


def sections_table(measures: dict[str, Measure], title: str) -> Table:
    """Return the sections of questions, one column per vocabulary."""
    table = Table(title=title)
    table.add_column("section")
    for vocabulary in measures:
        table.add_column(vocabulary, justify="right")
    names = dict.fromkeys(name for found in measures.values() for name in found.sections)

    def row(name: str, *cells: Any) -> None:
        table.add_row(name, *map(str, cells))

    for name in names:
        row(name, *(f"{found.sections[name]:.0f}" for found in measures.values()))
    table.add_section()
    row("whole, mean", *(f"{mean(found.wholes):,.0f}" for found in measures.values()))
    row("whole, longest", *(f"{max(found.wholes):,}" for found in measures.values()))
    row("cached after the first", *(f"{found.share:.0%}" for found in measures.values()))
    row("our estimate", *(f"x {mean(found.estimated):.2f}" for found in measures.values()))
    row(f"USD a month, {PRICED}", *(f"{_cost(found, 0):.2f}" for found in measures.values()))
    row("the same with its cache", *(f"{_cost(found, 1):.2f}" for found in measures.values()))
    return table


def _cost(found: Measure, uses_cache: int) -> float:
    """Return what a month's questions cost; answers are not counted."""
    price = Prices(shipped_prices(), {}).price(PROVIDER, PRICED, datetime.now(UTC))
    assert price is not None  # noqa: S101 - the table has it
    prompt = int(QUESTIONS_PER_MONTH * mean(found.wholes))
    cached = int(prompt * found.share * uses_cache)
    return price.cost(Usage(prompt, 0, cached))


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candles", type=int, default=50)
    parser.add_argument("--coin", default="BTC")
    options = parser.parse_args()
    console = Console()
    for language in get_args(Language):
        for stance in get_args(Stance):
            prompts = asked(stance, language, options.candles, options.coin)
            measures = {name: measure(prompts, name) for name in VOCABULARIES}
            console.print(sections_table(measures, f"{language}, {stance}"))


if __name__ == "__main__":
    main()

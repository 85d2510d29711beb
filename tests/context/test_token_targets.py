"""The length of questions, counted with real vocabularies: what issue 5 promises stays true.

The scene is that of `benchmarks/prompts.py`: the shipped settings and sixty past trades.
"""

import importlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CANDLES = 50
COINS = ("BTC", "DOGE")
ENGLISH_TARGETS = {"flat": 2_500, "in_position": 3_200}
CHINESE_TARGETS = {"flat": 2_800, "in_position": 3_500}
LEAST_CACHED = 0.60


@pytest.fixture(scope="module", autouse=True)
def _benchmarks() -> Iterator[None]:
    """Make the folder's modules importable here, and only here."""
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


def prompts_module() -> ModuleType:
    return importlib.import_module("prompts")


@cache
def measured(stance: str, language: str, vocabulary: str, coin: str = "BTC") -> Any:
    return prompts_module().measure(asked(stance, language, coin), vocabulary)


@cache
def asked(stance: str, language: str, coin: str) -> Any:
    return prompts_module().asked(stance, language, CANDLES, coin)


@pytest.mark.parametrize("stance", ENGLISH_TARGETS)
@pytest.mark.parametrize("coin", COINS)
def test_no_english_question_after_sixty_trades_is_longer_than_promised(
    stance: str, coin: str
) -> None:
    assert max(measured(stance, "en", "o200k_base", coin).wholes) <= ENGLISH_TARGETS[stance]
    assert max(measured(stance, "en", "cl100k_base", coin).wholes) <= ENGLISH_TARGETS[stance]


@pytest.mark.parametrize("stance", CHINESE_TARGETS)
def test_chinese_questions_are_little_longer(stance: str) -> None:
    assert max(measured(stance, "zh", "o200k_base").wholes) <= CHINESE_TARGETS[stance]


@pytest.mark.parametrize("stance", ENGLISH_TARGETS)
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("vocabulary", ["o200k_base", "cl100k_base"])
def test_most_of_a_question_is_what_the_one_before_began_with(
    stance: str, language: str, vocabulary: str
) -> None:
    assert measured(stance, language, vocabulary).share >= LEAST_CACHED


@pytest.mark.parametrize("stance", ENGLISH_TARGETS)
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("vocabulary", ["o200k_base", "cl100k_base"])
def test_the_estimate_is_never_below_the_truth_and_not_far_above_it(
    stance: str, language: str, vocabulary: str
) -> None:
    estimated = measured(stance, language, vocabulary).estimated

    assert min(estimated) >= 1
    # Vocabularies differ most in Chinese, and the estimate must hold for the worst.
    assert max(estimated) <= (1.23 if language == "en" else 1.26)


def test_the_scene_is_as_rich_as_it_says() -> None:
    text = asked("in_position", "en", "BTC")[-1].messages[1].content

    titles = [line.partition(":")[0] for line in text.splitlines() if line.startswith("#")]
    assert titles == [
        "## Why this position was opened", "## Patterns", "## Lessons", "## Closed trades",
        "# Higher timeframes", "## Statistics", "## Recent decisions", "## Your recent habits",
        "# Candles 30m", "# Account", "# Position", "# Market now",
    ]  # fmt: skip
    for told in ("This pair, 30 days", "Your confidence", "Rewards of 6", "refused: ", "clamped: "):
        assert told in text

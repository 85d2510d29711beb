"""Numbers as words of a lesson: short whatever their size, and distinct for the smallest coin."""

from decimal import Decimal
from functools import cache
from pathlib import Path

from llm_modules.domain import Language
from llm_modules.phrases import Phrases

_FOLDER = Path(__file__).parent / "phrases"


@cache
def learning_phrases(language: Language) -> Phrases:
    """Return this room's sentences in a language, read once."""
    return Phrases(_FOLDER, language)


def duration(phrases: Phrases, hours: float) -> str:
    """Write how long something took: minutes below an hour, else hours with three digits."""
    if hours < 1:
        return phrases("lessons.duration.minutes", n=f"{60 * hours:.0f}")
    return phrases("lessons.duration.hours", n=f"{hours:.3g}")


def percent(ratio: float) -> str:
    """Write a ratio as signed percent with three digits: 0.125 becomes `+12.5 %`."""
    return f"{100 * ratio:+.3g} %"


def price(value: float) -> str:
    """Write a price with six significant digits and no exponent: 0.0000121 stays what it is."""
    return f"{Decimal(f'{value:.6g}'):f}"

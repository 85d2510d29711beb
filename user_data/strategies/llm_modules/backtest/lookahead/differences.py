"""Where two contexts of one candle differ, named so precisely that the leak can be found."""

from collections.abc import Iterator

import numpy as np

from llm_modules.dialogue import Prompt
from llm_modules.domain import Candles
from llm_modules.engine.question import Question

# An array, or anything else whose text tells all of it.
Part = tuple[str, object]


def text_of(prompt: Prompt) -> str:
    """Return all that a model is shown, as one text."""
    messages = "\n".join(f"[{one.role}]\n{one.content}" for one in prompt.messages)
    return f"{messages}\n[tools]\n{prompt.tools!r}\n{prompt.several}"


def different_line(one: str, other: str) -> str | None:
    """Name the first line in which two texts differ, None where they are equal."""
    if one == other:
        return None
    lines, others = one.split("\n"), other.split("\n")
    longest = max(len(lines), len(others))
    rows = zip(_padded(lines, longest), _padded(others, longest), strict=True)
    number, line, otherwise = next(
        (number, line, otherwise)
        for number, (line, otherwise) in enumerate(rows, 1)
        if line != otherwise
    )
    return f"line {number}: {line!r} became {otherwise!r}"


def different_part(one: Question, other: Question) -> str | None:
    """Name the first thing that two questions know differently, None where they are equal."""
    for (name, value), (_, otherwise) in zip(_parts(one), _parts(other), strict=False):
        found = _difference(value, otherwise)
        if found is not None:
            return f"{name}: {found}"
    return None


def _padded(lines: list[str], longest: int) -> list[str | None]:
    return [*lines, *[None] * (longest - len(lines))]


def _parts(question: Question) -> Iterator[Part]:
    times = (f"{at:%Y-%m-%d %H:%M}" for at in (question.candle_at, question.valid_until))
    yield "when", (*times, question.decision_id)
    for frame in question.frames:
        yield from _columns(frame)
    yield "funding rate", question.funding_rate
    for pair in sorted(question.returns):
        yield f"returns of {pair}", question.returns[pair].values
        yield f"times of returns of {pair}", question.returns[pair].open_times
    yield "rules", question.rules
    yield "locked sides", sorted(question.locked_sides)
    yield "tradable", question.tradable


def _columns(frame: Candles) -> Iterator[Part]:
    for column in ("open_times", "open", "high", "low", "close", "volume"):
        yield f"{frame.timeframe} candles, {column}", getattr(frame, column)


def _difference(one: object, other: object) -> str | None:
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return None if repr(one) == repr(other) else f"{one!r} became {other!r}"
    if one.tobytes() == other.tobytes():
        return None
    newest, otherwise = (float(array[-1]) if len(array) else None for array in (one, other))
    return (
        f"{len(one)} rows, the newest {newest!r}, became {len(other)} rows, the newest "
        f"{otherwise!r}"
    )

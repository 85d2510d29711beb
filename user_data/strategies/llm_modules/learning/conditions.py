"""Under which conditions a trade was opened, as short phrases computed from its numbers.

Each rule looks at one thing and answers with the band the trade falls into, or with None when
the trade does not say. Words in the model's reason are never looked at.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC

from llm_modules.journal.records import TradeRecord

_HOURS_PER_BLOCK = 6


@dataclass(frozen=True, slots=True)
class _Bands:
    """Neighbouring bands of a number; `starts[i]` is the first value of `phrases[i + 1]`."""

    starts: Sequence[float]
    phrases: Sequence[str]

    def phrase(self, value: float | None) -> str | None:
        """Return the band a value falls into, None without a value."""
        return None if value is None else self.phrases[bisect_right(self.starts, value)]


def _above(value: float) -> float:
    """Return the first number above a value, for a band that the value itself is not in."""
    return math.nextafter(value, math.inf)


# The outer edges belong to the middle: exactly 70 is not yet above 70.
_RSI = _Bands(
    (30, 45, 55, _above(70)),
    ("RSI below 30", "RSI 30-45", "RSI 45-55", "RSI 55-70", "RSI above 70"),
)
_ADX = _Bands((20, _above(25)), ("ADX below 20", "ADX 20-25", "ADX above 25"))
_CONFIDENCE = _Bands(
    (50, 70, 85), ("confidence below 50", "confidence 50-69", "confidence 70-84", "confidence 85+")
)
_LEVERAGE = _Bands(
    (_above(3), _above(5), _above(10)),
    ("leverage 1-3x", "leverage 4-5x", "leverage 6-10x", "leverage above 10x"),
)


def conditions(record: TradeRecord) -> tuple[str, ...]:
    """Return every condition a trade met when it was opened, at most one per rule."""
    return tuple(phrase for rule in _RULES if (phrase := rule(record)) is not None)


def _side(record: TradeRecord) -> str:
    return f"side {record.side}"


def _rsi_zone(record: TradeRecord) -> str | None:
    return _RSI.phrase(_fact(record, "rsi"))


def _trend_alignment(record: TradeRecord) -> str | None:
    gap = _fact(record, "ema_gap_pct")
    # Without a fact, or with both averages on one price, there is no trend to go with.
    if not gap:
        return None
    return "with the EMA trend" if (gap > 0) == (record.side == "long") else "against the EMA trend"


def _adx_zone(record: TradeRecord) -> str | None:
    return _ADX.phrase(_fact(record, "adx"))


def _confidence_band(record: TradeRecord) -> str | None:
    return _CONFIDENCE.phrase(record.entry.confidence_score) if record.entry else None


def _leverage_band(record: TradeRecord) -> str | None:
    return _LEVERAGE.phrase(record.leverage)


def _hour_block(record: TradeRecord) -> str:
    hour = record.opened_at.astimezone(UTC).hour
    first = hour - hour % _HOURS_PER_BLOCK
    return f"opened {first:02}-{first + _HOURS_PER_BLOCK:02} h UTC"


def _fact(record: TradeRecord, name: str) -> float | None:
    return record.entry.facts.get(name) if record.entry else None


_RULES: tuple[Callable[[TradeRecord], str | None], ...] = (
    _side,
    _rsi_zone,
    _trend_alignment,
    _adx_zone,
    _confidence_band,
    _leverage_band,
    _hour_block,
)

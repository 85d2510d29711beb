"""Bands that numbers fall into: what patterns test and statistics break down by."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_HOURS_PER_BLOCK = 6


@dataclass(frozen=True, slots=True)
class Bands:
    """Neighbouring bands of a number; `starts[i]` is the first value of `names[i + 1]`."""

    starts: Sequence[float]
    names: Sequence[str]

    def of(self, value: float) -> str:
        """Return the name of the band a value falls into."""
        return self.names[bisect_right(self.starts, value)]


def above(value: float) -> float:
    """Return the first number above a value, for a band that the value itself is not in."""
    return math.nextafter(value, math.inf)


# Sorted by name the bands come in the order of their numbers, and `unknown` after them.
HOURS = ("00-06", "06-12", "12-18", "18-24")
# 5x still belongs to 4-5x, while a confidence of 70 begins 70-84.
LEVERAGE = Bands((above(3.0), above(5.0), above(10.0)), ("1-3x", "4-5x", "6-10x", ">10x"))
CONFIDENCE = Bands((50.0, 70.0, 85.0), ("0-49", "50-69", "70-84", "85-100"))


def hours(at: datetime) -> str:
    """Return the block of six hours, by the clock of UTC, whatever zone a time was written in."""
    return HOURS[at.astimezone(UTC).hour // _HOURS_PER_BLOCK]

"""Numbers as the model reads them: no exponent, no NaN, no more digits than carry meaning."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

MISSING = "-"
_MOST_DECIMALS = 12
_PLAIN_BELOW = 1e15
_SHORTENED_FROM = 1e5
# A format put together for each number takes half as long again.
_FIXED = tuple(f".{decimals}f" for decimals in range(_MOST_DECIMALS + 1))
_UNITS = ("", "k", "M", "B", "T")


@lru_cache(maxsize=1024)
def price_decimals(step: float) -> int:
    """Return how many decimals keep two prices distinct that are one price step apart."""
    return len(f"{Decimal(repr(step)).normalize():f}".partition(".")[2])


def price(value: float | None, decimals: int) -> str:
    """Print a price with the decimals of its market, so that 0.0000121 stays what it is."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.{decimals}f}"


def compact(value: float | None, digits: int = 3) -> str:
    """Print a number with so many significant digits, all digits before the point included."""
    if value is None or not math.isfinite(value):
        return MISSING
    # No real amount is so large; three hundred digits would not fit any budget.
    if abs(value) >= _PLAIN_BELOW:
        return f"{value:.{digits - 1}e}"
    # Zero has two signs and one print: what prints alike may be kept as one.
    return format(value + 0.0, _FIXED[significant_decimals(abs(value), digits)])


def trimmed(value: float | None, digits: int = 3) -> str:
    """Print a number with up to so many significant digits and no idle zeros, as 5 or 2.5."""
    text = compact(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def percent(ratio: float) -> str:
    """Print a ratio as a percentage with two decimals, without `%`."""
    return price(ratio * 100, 2)


def significant_decimals(size: float, digits: int) -> int:
    """Return the decimals that show so many significant digits of a number of this size."""
    if size <= 0:
        return 0
    decimals = digits - 1 - math.floor(math.log10(size))
    # Asked some thirty times per prompt, where min and max take as long as all the rest.
    if 0 <= decimals <= _MOST_DECIMALS:
        return decimals
    return 0 if decimals < 0 else _MOST_DECIMALS


def scaled(values: Sequence[float], digits: int) -> tuple[Sequence[float], int, str]:
    """Return a column in a unit that keeps it short, with its decimals and the unit's letter.

    The largest value decides, so that a column of volumes reads 1204, 88, 3 rather than in
    exponents. Unit is empty below 100,000, then k, M, B, T.
    """
    size = max(map(abs, filter(math.isfinite, values)), default=0.0)
    if size < _SHORTENED_FROM:
        return values, significant_decimals(size, digits), _UNITS[0]
    thousands = min(int(math.log10(size)) // 3, len(_UNITS) - 1)
    # A unit for the whole column, so that its cells can be compared at a glance.
    scale = 1000.0**thousands
    short = [value / scale for value in values]
    return short, significant_decimals(size / scale, digits), _UNITS[thousands]


def rounded(value: float, decimals: int) -> str:
    """Print a number with so many decimals, without a sign where nothing but zeros is left."""
    power = 10.0**decimals
    shifted = value * power
    if not math.isfinite(shifted):
        return MISSING
    # Shifted first: 2.675 is a hair less in binary, and 2.68 all the same. An integer has no -0.
    return f"{round(shifted) / power:.{decimals}f}"


@lru_cache(maxsize=64)
def utc_moment(at: datetime) -> str:
    """Print a moment in UTC with its year, as 2026-11-21T06:35Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


@lru_cache(maxsize=2048)
def utc_minute(at: datetime) -> str:
    """Print a recent moment in UTC to the minute, as 11-21 06:35."""
    return f"{at.astimezone(UTC):%m-%d %H:%M}"


@lru_cache(maxsize=2048)
def utc_day(at: datetime) -> str:
    """Print the day of a moment in UTC, as 11-21."""
    return f"{at.astimezone(UTC):%m-%d}"

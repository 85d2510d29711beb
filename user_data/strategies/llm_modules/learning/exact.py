"""Sums of floats without rounding, so that what was added can be taken away again.

A float is a whole number of 2**-1074, the smallest float there is. Whole numbers of Python have
no last digit to lose: sums that slide over a million trades equal a recount, in any order.
"""

import math
from collections.abc import Sequence

_BITS = 1074
_ONE = 1 << _BITS


def units(value: float) -> int:
    """Return a finite float as a whole number of 2**-1074."""
    # The denominator of a float is a power of two: its length says how far to shift.
    numerator, denominator = value.as_integer_ratio()
    return numerator << (_BITS + 1 - denominator.bit_length())


def ratio(part: int, whole: int = _ONE) -> float:
    """Return the float nearest to the ratio of two sums of units; infinite beyond all floats.

    Without a whole it is the float nearest to the sum itself, as `math.fsum` would find it.
    """
    try:
        # Python divides whole numbers of any size and rounds once.
        return part / whole
    except OverflowError:
        return math.inf if part > 0 else -math.inf


def mean(amount: int, n: int) -> float:
    """Return the float nearest to the mean of `n` floats with a sum of units; 0 of nothing."""
    return amount / (n * _ONE) if n else 0.0


def total(values: Sequence[float]) -> float:
    """Return the float nearest to the sum of floats; infinite beyond all floats."""
    try:
        return math.fsum(values)
    except OverflowError:
        return ratio(sum(map(units, values)))

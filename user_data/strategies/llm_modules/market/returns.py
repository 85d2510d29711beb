"""How alike two pairs move: the correlation of their newest candle returns."""

import math
from dataclasses import dataclass

import numpy as np

from llm_modules.domain import Candles, FloatArray, IntArray

RETURN_CANDLES = 96
FEWEST_RETURNS = 30


@dataclass(frozen=True, slots=True)
class Returns:
    """Log returns of the newest candles of one pair, each named by its candle's opening time."""

    open_times: IntArray
    values: FloatArray


def log_returns(candles: Candles) -> Returns:
    """Return the log returns between closes, at most the newest 96."""
    close = candles.close[-(RETURN_CANDLES + 1) :]
    # A damaged price gives NaN, and with it a correlation that is not known.
    values = np.diff(np.log(np.where((close > 0) & (close < np.inf), close, np.nan)))
    return Returns(candles.open_times[-(RETURN_CANDLES + 1) :][1:], values)


def correlation(one: Returns, other: Returns) -> float | None:
    """Return Pearson's correlation over the candles both have, -1..1.

    None when it is not known: fewer than 30 common candles, or one of the prices never moved.
    """
    first, second = one.values, other.values
    # Candles of two pairs seldom arrive in the same second.
    if not np.array_equal(one.open_times, other.open_times):
        _, left, right = np.intersect1d(one.open_times, other.open_times, return_indices=True)
        first, second = first[left], second[right]
    if len(first) < FEWEST_RETURNS:
        return None
    first, second = first - first.mean(), second - second.mean()
    spread = math.sqrt(float(first @ first) * float(second @ second))
    if not spread > 0:
        return None
    value = float(first @ second) / spread
    return min(1.0, max(-1.0, value)) if math.isfinite(value) else None

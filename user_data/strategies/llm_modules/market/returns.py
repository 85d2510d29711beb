"""How alike two pairs move: the correlation of their newest candle returns."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from llm_modules.domain import Candles, FloatArray, IntArray

RETURN_CANDLES = 96
FEWEST_RETURNS = 30


@dataclass(frozen=True)
class Returns:
    """Log returns of the newest candles of one pair, each named by its candle's opening time.

    What every correlation of a pair asks again is worked out once, hence no slots.
    """

    open_times: IntArray
    values: FloatArray

    @cached_property
    def named(self) -> bytes:
        """All opening times: two of these are compared much faster than two arrays."""
        return self.open_times.tobytes()

    @cached_property
    def centred(self) -> FloatArray:
        """The values less their mean."""
        # What numpy's mean reckons as well, in twice the time.
        centred: FloatArray = self.values - self.values.sum() / len(self.values)
        return centred

    @cached_property
    def squares(self) -> float:
        """The sum of the squares of what is centred."""
        return float(self.centred @ self.centred)


def log_returns(candles: Candles) -> Returns:
    """Return the log returns between closes, at most the newest 96."""
    close = candles.close[-(RETURN_CANDLES + 1) :]
    if not candles.is_flawless:
        # A damaged price gives NaN, and with it a correlation that is not known.
        close = np.where((close > 0) & (close < np.inf), close, np.nan)
    logarithms = np.log(close)
    times = candles.open_times[-(RETURN_CANDLES + 1) :]
    return Returns(times[1:], logarithms[1:] - logarithms[:-1])


def correlation(one: Returns, other: Returns) -> float | None:
    """Return Pearson's correlation over the candles both have, -1..1.

    None when it is not known: fewer than 30 common candles, or one of the prices never moved.
    """
    # Candles of two pairs seldom arrive in the same second.
    if one.named != other.named:
        _, left, right = np.intersect1d(one.open_times, other.open_times, return_indices=True)
        one = Returns(one.open_times[left], one.values[left])
        other = Returns(other.open_times[right], other.values[right])
    if len(one.values) < FEWEST_RETURNS:
        return None
    spread = math.sqrt(one.squares * other.squares)
    if not spread > 0:
        return None
    value = float(one.centred @ other.centred) / spread
    return min(1.0, max(-1.0, value)) if math.isfinite(value) else None

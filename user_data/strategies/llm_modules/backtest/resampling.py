"""Samples of what else could have happened, drawn from what did: the bootstrap.

The days of an account hang together, so whole stretches of them are drawn (Politis and Romano
1994, The stationary bootstrap); trades are drawn one by one. A fixed seed makes the same samples
of the same run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from llm_modules.backtest.outcome import Equity
from llm_modules.domain import FloatArray, IntArray

RESAMPLES = 2000
SEED = 1994
LEVEL = 0.95
# So many samples at once that they fit the processor's cache, and a laptop's memory.
ROWS_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class Steps:
    """An account in equal steps of time, as multiples of its value at the start of each.

    `returns` are what each step gained, as ratios; `lows` and `highs` the extremes within it and
    `falls` its deepest fall, so that a drawdown reckoned from steps is exact to the candle.
    """

    returns: FloatArray
    lows: FloatArray
    highs: FloatArray
    falls: FloatArray

    def __len__(self) -> int:
        return len(self.returns)

    def taken(self, order: IntArray) -> "Steps":
        """Return the steps in another order, one path for each row of it."""
        return Steps(self.returns[order], self.lows[order], self.highs[order], self.falls[order])


def steps_of(equity: Equity, step_ms: int) -> Steps:
    """Divide a curve into steps of about this length; the last may be half a step off.

    The values must be positive.
    """
    length = int(equity.at[-1] - equity.at[0])
    edges = equity.at[0] + step_ms * np.arange(max(1, round(length / step_ms)) + 1)
    edges[-1] = equity.at[-1]
    places = np.searchsorted(equity.at, edges, side="right") - 1
    rows = [_step(equity.values[a : b + 1]) for a, b in pairwise(places)]
    return Steps(*np.array(rows, dtype=np.float64).T)


def _step(values: FloatArray) -> tuple[float, float, float, float]:
    relative = values / values[0]
    falls = 1 - relative / np.maximum.accumulate(relative)
    return relative[-1] - 1, relative.min(), relative.max(), falls.max()


def gained(steps: Steps) -> FloatArray:
    """Return the return ratio of each path of steps."""
    return np.asarray(np.prod(1 + steps.returns, axis=-1) - 1)


def deepest_fall(steps: Steps) -> FloatArray:
    """Return the drawdown ratio of each path of steps, as if every candle had been looked at."""
    ends = np.cumprod(1 + steps.returns, axis=-1, dtype=np.float64)
    starts = _shifted(ends)
    peaks = _shifted(np.maximum.accumulate(starts * steps.highs, axis=-1))
    from_before = 1 - starts * steps.lows / peaks
    return np.asarray(np.maximum(from_before, steps.falls).max(axis=-1))


def _shifted(values: FloatArray) -> FloatArray:
    """Return what was before each step: an account begins at 1."""
    first = np.ones_like(values[..., :1])
    return np.concatenate([first, values[..., :-1]], axis=-1)


def in_blocks(length: int, generator: np.random.Generator) -> IntArray:
    """Draw the places of RESAMPLES paths; a block goes on with the next place, past the end too.

    Blocks are of random length, on average the third root of the number of places, which is the
    right order for a variance (Hall, Horowitz and Jing 1995, On blocking rules for the bootstrap).
    """
    begins = generator.random((RESAMPLES, length)) < length ** (-1 / 3)
    begins[:, 0] = True
    columns = np.arange(length)
    first = generator.integers(0, length, size=(RESAMPLES, length))
    block = np.maximum.accumulate(np.where(begins, columns, 0), axis=1)
    return np.asarray((np.take_along_axis(first, block, axis=1) + columns - block) % length)


def one_by_one(length: int, generator: np.random.Generator) -> Iterator[IntArray]:
    """Draw the places of RESAMPLES samples, each independent of the others, some rows at a time."""
    for _ in range(RESAMPLES // ROWS_AT_ONCE):
        yield generator.integers(0, length, size=(ROWS_AT_ONCE, length))


def interval(samples: FloatArray) -> tuple[float | None, float | None]:
    """Return the middle 95 % of samples: percentiles (Efron 1979, Bootstrap methods).

    Samples in which the figure is not defined are left out; a bound is None where it is infinite,
    both are where less than half of the samples are defined.
    """
    known = np.sort(samples[~np.isnan(samples)])
    if 2 * len(known) < len(samples):
        return None, None
    last = len(known) - 1
    tail = (1 - LEVEL) / 2
    low, high = known[int(np.floor(tail * last))], known[int(np.ceil((1 - tail) * last))]
    return finite(low), finite(high)


def finite(value: float | np.float64 | FloatArray) -> float | None:
    """Return a number, None for what is none."""
    return float(value) if np.isfinite(value) else None

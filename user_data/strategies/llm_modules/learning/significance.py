"""Is a difference more than luck? A test, an interval, a correction for asking many questions.

Written out here because importing `scipy.stats` for three short formulas costs about a second.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
# A bootstrap of more costs more per question and hardly narrows the interval.
MOST_VALUES = 500
# The same trades must give the same prompt, byte for byte.
_SEED = 20_260_115
_INTERVAL_PCT = (2.5, 97.5)
# What lies further out is below the precision of a float and cannot be seen in the sum.
_DEVIATIONS = 12
_FEW_TERMS = 60


def binomial_p_value(successes: int, n: int, rate: float) -> float:
    """Return how probable a result at least this far from `rate` is by chance, 0..1.

    The exact binomial test, two-sided by doubling the smaller tail. A rate of 0 or 1 leaves
    nothing to be surprised by: 1.0.
    """
    if not 0 < rate < 1:
        return 1.0
    if successes > n * rate:
        successes, rate = n - successes, 1 - rate
    return min(1.0, 2 * _lower_tail(successes, n, rate))


def benjamini_hochberg(p_values: Sequence[float], false_discovery_rate: float) -> float:
    """Return the largest p-value that still counts as a discovery, 0.0 when none does.

    The step-up procedure of Benjamini and Hochberg (1995): among everything at or below the
    returned value, at most this share is expected to be luck.
    """
    tested = len(p_values)
    ranked = enumerate(sorted(p_values), start=1)
    return max(
        (p for rank, p in ranked if p <= rank / tested * false_discovery_rate),
        default=0.0,
    )


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the interval that holds the true mean with 95 % confidence, whatever the distribution.

    Efron's percentile bootstrap (1979) of 1,000 samples without the lowest and the highest 2.5 %.
    Instead of drawing so many values with replacement, each is taken a Poisson number of times
    (Hanley and MacGibbon 2006): the draws are then the same for any values, and made only once.
    `values` are 1 to 500 finite numbers.
    """
    weights, taken = _samples()
    n = len(values)
    # No product of matrices: its threads, woken for so little, cost a busy machine milliseconds.
    sums = np.einsum("ij,i->j", weights[:n], np.array(values, dtype=np.float64))
    # A sample of few values may have taken none.
    is_filled = taken[n - 1] > 0
    means = sums[is_filled] / taken[n - 1, is_filled]
    low, high = np.percentile(means, _INTERVAL_PCT)
    return float(low), float(high)


@cache
def _samples() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how often each value is taken by each sample, and how many were taken up to it.

    One row per value, one column per sample; the same every time, made when first asked for.
    """
    draws = np.random.default_rng(_SEED).poisson(1.0, (MOST_VALUES, RESAMPLES))
    weights = draws.astype(np.float64)
    return weights, weights.cumsum(axis=0)


def _lower_tail(successes: int, n: int, rate: float) -> float:
    """Return P(X <= successes), for `successes` of at most n x rate.

    Each term is smaller than the one above it and follows from it; those too many standard
    deviations below are left out.
    """
    deviation = math.sqrt(n * rate * (1 - rate))
    terms = min(successes, math.ceil(_DEVIATIONS * deviation) + _FEW_TERMS)
    counts = np.arange(successes, successes - terms, -1.0)
    ratios = counts / (n - counts + 1) * ((1 - rate) / rate)
    return _probability(successes, n, rate) * (1 + float(np.cumprod(ratios).sum()))


def _probability(successes: int, n: int, rate: float) -> float:
    """Return the binomial probability of exactly so many successes, by logarithms."""
    ways = math.lgamma(n + 1) - math.lgamma(successes + 1) - math.lgamma(n - successes + 1)
    failures = n - successes
    return math.exp(ways + successes * math.log(rate) + failures * math.log1p(-rate))

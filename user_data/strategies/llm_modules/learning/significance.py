"""Is a difference more than luck? A test, an interval, a correction for asking many questions.

Written out here because importing `scipy.stats` for three short formulas costs about a second.
"""

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 1000
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

    Efron's percentile bootstrap (1979): the means of 1,000 samples drawn from the values with
    replacement, without the lowest and the highest 2.5 %. The draws are the same every time.
    `values` are 1 to 65,536 finite numbers.
    """
    draws = np.random.default_rng(_SEED).integers(
        0, len(values), (RESAMPLES, len(values)), dtype=np.uint16
    )
    means = np.asarray(values, dtype=np.float64).take(draws).mean(axis=1)
    low, high = np.percentile(means, _INTERVAL_PCT)
    return float(low), float(high)


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

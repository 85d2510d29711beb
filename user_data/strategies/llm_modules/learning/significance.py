"""Is a difference more than luck? An exact test, and a correction for asking many questions.

Written out here because importing `scipy.stats` for two short formulas costs about a second.
"""

import math
from collections.abc import Sequence

# Below the precision of a float, so that what is left out cannot be seen in the sum.
_NEGLIGIBLE = 1e-17


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


def _lower_tail(successes: int, n: int, rate: float) -> float:
    """Return P(X <= successes), from the largest term down until terms no longer matter.

    `successes` is at most n x rate, so each term is smaller than the one before it.
    """
    odds_against = (1 - rate) / rate
    term = _probability(successes, n, rate)
    total = 0.0
    for count in range(successes, -1, -1):
        total += term
        term *= count / (n - count + 1) * odds_against
        if term < total * _NEGLIGIBLE:
            break
    return total


def _probability(successes: int, n: int, rate: float) -> float:
    """Return the binomial probability of exactly so many successes, by logarithms."""
    ways = math.lgamma(n + 1) - math.lgamma(successes + 1) - math.lgamma(n - successes + 1)
    failures = n - successes
    return math.exp(ways + successes * math.log(rate) + failures * math.log1p(-rate))

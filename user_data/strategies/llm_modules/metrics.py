"""Pure formulas that several rooms judge trades by."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime


def wilson_interval(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval that holds the true success rate with 95 % confidence at z = 1.96.

    Wilson's score interval (1927), which stays within 0..1 and is usable for few trials. Without
    any trial nothing is known: (0.0, 1.0).
    """
    if n == 0:
        return 0.0, 1.0
    rate = successes / n
    spread = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    middle = rate + z * z / (2 * n)
    # Rounding can leave the exact 0 and 1 at the ends by one unit in the last place.
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def net_of_costs(
    equity: Sequence[tuple[datetime, float]], costs: Iterable[tuple[datetime, float]]
) -> list[tuple[datetime, float]]:
    """Return an equity curve less what had been paid by each of its points.

    Points are in order of time; costs in any order, in the currency of the curve. Both are dated
    the same way, and a cost at the time of a point counts in it.
    """
    paid = sorted(costs)
    net, spent, number = [], 0.0, 0
    for at, value in equity:
        while number < len(paid) and paid[number][0] <= at:
            spent += paid[number][1]
            number += 1
        net.append((at, value - spent))
    return net

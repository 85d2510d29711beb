"""Pure formulas over the profits of closed trades; a profit is a ratio (0.05 is 5 %).

Sums are exactly rounded (`math.fsum`), so the result depends neither on the order of the trades
nor on the version of Python.
"""

import math
from collections.abc import Sequence


def win_rate(profits: Sequence[float]) -> float:
    """Return the share of profits above zero, 0..1; 0.0 without any trade."""
    wins = [profit for profit in profits if profit > 0]
    return len(wins) / len(profits) if profits else 0.0


def profit_factor(profits: Sequence[float]) -> float | None:
    """Return the sum of the wins over the sum of the losses; None while nothing was lost."""
    lost = -math.fsum([profit for profit in profits if profit < 0])
    won = math.fsum([profit for profit in profits if profit > 0])
    return won / lost if lost else None


def expectancy(profits: Sequence[float]) -> float | None:
    """Return the mean profit per unit of the average loss; None while nothing was lost.

    0.4 says that a trade brings 0.4 times what a losing trade costs on average. It is what
    Freqtrade calls the expectancy ratio; expectancy as an amount is simply the mean.
    """
    losses = [-profit for profit in profits if profit < 0]
    if not losses:
        return None
    mean_loss = math.fsum(losses) / len(losses)
    return math.fsum(profits) / len(profits) / mean_loss


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

"""Pure formulas that several rooms judge trades by.

Those on arrays work along the last axis, so that a thousand samples are judged at once. Where a
figure is not defined it is NaN, and infinite where it has no bound; none of them is rounded.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

# Crypto trades on every day of the year.
DAYS_PER_YEAR = 365.0
# Of equal numbers the spread is not always exactly zero in floating point.
ROUNDING = 1e-12

FloatArray = NDArray[np.float64]


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


def return_ratio(values: FloatArray) -> FloatArray:
    """Return what an account gained from its first to its last value, as a ratio of the first."""
    return _quotient(values[..., -1], values[..., 0]) - 1


def max_drawdown_ratio(values: FloatArray) -> FloatArray:
    """Return the deepest fall of an account from its highest value until then, as a ratio of it.

    Above 1 where the account fell below zero. The first value must be positive.
    """
    peaks = np.maximum.accumulate(values, axis=-1)
    return np.asarray((1 - values / peaks).max(axis=-1))


def sharpe(returns: FloatArray, steps_per_year: float) -> FloatArray:
    """Return the annualised Sharpe ratio of the returns of equal steps; at least two of them.

    Mean over sample standard deviation, times the root of the steps of a year (Sharpe 1994, The
    Sharpe ratio, with a riskless return of zero). NaN for returns that are all the same.
    """
    spread = returns.std(axis=-1, ddof=1)
    still = spread <= ROUNDING * np.abs(returns).max(axis=-1)
    ratio = _quotient(returns.mean(axis=-1), np.where(still, np.nan, spread))
    return ratio * math.sqrt(steps_per_year)


def sortino(returns: FloatArray, steps_per_year: float) -> FloatArray:
    """Return the annualised Sortino ratio of the returns of equal steps.

    Mean over downside deviation, the root of the mean square of the returns below zero, where the
    others count as zero (Sortino and Price 1994, Performance measurement in a downside risk
    framework), times the root of the steps of a year. Infinite without any loss.
    """
    downside = np.sqrt((np.minimum(returns, 0.0) ** 2).mean(axis=-1))
    return _quotient(returns.mean(axis=-1), downside) * math.sqrt(steps_per_year)


def calmar(gained: FloatArray, drawdown: FloatArray, days: float) -> FloatArray:
    """Return the Calmar ratio: the return ratio of a year over the deepest fall of the account.

    Young 1991, Calmar ratio: a smoother tool. The return is scaled to a year without compounding,
    which would make absurd numbers of a few days. Infinite where the account never fell.
    """
    return _quotient(gained * DAYS_PER_YEAR / days, drawdown)


def win_rate(profits: FloatArray) -> FloatArray:
    """Return the share of trades with a profit; one that came out even has none."""
    return np.asarray((profits > 0).mean(axis=-1))


def profit_factor(profits: FloatArray) -> FloatArray:
    """Return the sum of all profits over the sum of all losses (Schwager 1984); no loss: infinite.

    A Complete Guide to the Futures Market.
    """
    won = np.maximum(profits, 0.0).sum(axis=-1)
    return _quotient(won, np.maximum(-profits, 0.0).sum(axis=-1))


def expectancy(profits: FloatArray) -> FloatArray:
    """Return the mean profit of a trade, in the unit of the profits (Tharp 1998, Trade your way).

    Win rate x mean win - loss rate x mean loss is the same number.
    """
    return np.asarray(profits.mean(axis=-1))


def _quotient(dividend: FloatArray, divisor: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.divide(dividend, divisor))

"""What the market's leverage tiers allow: less leverage, and more margin, for larger positions."""

import math
from itertools import takewhile

from llm_modules.domain import MarketRules

# Binance's lowest tier asks 0.4 %, and the taker fee to close comes on top.
LOWEST_MAINTENANCE = 0.004
CLOSING_FEE = 0.001


def whole(leverage: float) -> float:
    """Return the whole leverage at or below this one: exchanges know no other.

    Freqtrade rounds down too when it sets the leverage, but reckons with the fraction: the margin
    bound would then be up to twice what was approved.
    """
    return float(math.floor(leverage)) if math.isfinite(leverage) else leverage


def leverage_limit(rules: MarketRules, notional: float) -> float:
    """Return the highest leverage for a position value; 0 beyond the last tier, no tiers: inf."""
    if not rules.tiers:
        return math.inf
    fitting = (tier.max_leverage for tier in rules.tiers if notional <= tier.max_notional)
    return next(fitting, 0.0)


def largest_leverage(rules: MarketRules, stake: float, asked: float) -> float:
    """Return the leverage asked for or the largest whole one below it that its tier allows.

    Less leverage makes the position smaller, which may move it to a tier that allows more. 0 when
    even a leverage of 1 is too much.
    """
    if asked <= leverage_limit(rules, stake * asked):
        return asked
    # Trying all takes no time, and holds for tiers of any shape.
    lower = range(math.floor(asked), 0, -1)
    return next((float(it) for it in lower if it <= leverage_limit(rules, stake * it)), 0.0)


def largest_notional(rules: MarketRules, leverage: float) -> float:
    """Return the largest position value whose tier allows a leverage; inf without tiers."""
    if not rules.tiers:
        return math.inf
    allowing = takewhile(lambda tier: leverage <= tier.max_leverage, rules.tiers)
    return max((tier.max_notional for tier in allowing), default=0.0)


def maintenance_margin(rules: MarketRules, notional: float) -> float:
    """Return the part of a position's value that must remain, the fee to close it included.

    Beyond the last tier that of the last.
    """
    if not rules.tiers:
        return LOWEST_MAINTENANCE + CLOSING_FEE
    fitting = (tier for tier in rules.tiers if notional <= tier.max_notional)
    return next(fitting, rules.tiers[-1]).maintenance_ratio + CLOSING_FEE

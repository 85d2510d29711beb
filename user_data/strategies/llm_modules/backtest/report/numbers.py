"""Numbers as people read them: a unit, and no more digits than mean something."""

import math
from datetime import UTC, datetime

from llm_modules.context.numbers import compact

MISSING = "-"
# Below one percent a single decimal would make two different results look the same.
_COARSE_FROM_PCT = 1.0
_CENTS_FROM = 0.1
PRICE_DIGITS = 6


def percent_decimals(*ratios: float) -> int:
    """Return how many decimals these ratios need as percentages, side by side."""
    return 1 if max(abs(100 * ratio) for ratio in ratios) >= _COARSE_FROM_PCT else 2


def percent(ratio: float | None, *, signed: bool = True) -> str:
    """Print a ratio as a percentage, as `+3.2 %`; `-` where it is unknown or not finite."""
    if ratio is None or not math.isfinite(ratio):
        return MISSING
    sign = "+" if signed else ""
    return f"{100 * ratio:{sign},.{percent_decimals(ratio)}f} %"


def share(ratio: float) -> str:
    """Print a share of a count as a whole percentage, as `35 %`."""
    return f"{100 * ratio:.0f} %"


def money(amount: float | None, currency: str) -> str:
    """Print an amount won or lost, as `-1,234.50 USDT`."""
    return MISSING if amount is None else f"{amount:+,.2f} {currency}"


def dollars(amount: float | None) -> str:
    """Print a price in USD, to the cent or, where that would be nothing, to two digits."""
    if amount is None:
        return "unknown"
    if amount == 0 or amount >= _CENTS_FROM:
        return f"{amount:,.2f} USD"
    return f"{compact(amount, 2)} USD"


def price(rate: float) -> str:
    """Print a rate with six significant digits, thousands apart."""
    text = compact(rate, PRICE_DIGITS)
    whole, point, decimals = text.partition(".")
    return f"{int(whole):,}{point}{decimals}" if whole.isdecimal() else text


def minute(at: datetime) -> str:
    """Print a moment of UTC to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def day(at: datetime) -> str:
    """Print the day of a moment in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"

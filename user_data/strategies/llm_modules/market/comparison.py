"""The market at two times, from the facts of two snapshots: what changed, and what matters of it.

The limits are those of docs/context.md, "Then and now".
"""

import math
from collections.abc import Callable, Mapping

from llm_modules.domain import Change

Facts = Mapping[str, float]
Rule = Callable[[Facts, Facts], Change | None]

ATR_CHANGE_RATIO = 0.5
LOW_RSI = 40.0
HIGH_RSI = 60.0
TREND_ADX = 20.0
FADED_ADX = 18.0
RISEN_ADX = 25.0
FADED_RATIO = 0.75
# Makes ratios like 1.5 exact again, which floats miss by a hair.
_DECIMALS = 9


class MarketStateComparator:
    """Compares what was known of a market at an entry with what is known now."""

    def compare(self, then: Facts, now: Facts) -> tuple[Change, ...]:
        """Return the facts known at both times, in a fixed order; never raises.

        `price` belongs into the facts. Codes: `price`, `atr` in quote currency (`atr_pct` where a
        price is not known), `ema_order` and `macd` with `ema_gap_pct` and `macd_pct` as values,
        `rsi` and `adx`. A fact that is missing or not finite gives no change.
        """
        changes = (rule(then, now) for rule in RULES)
        return tuple(change for change in changes if change is not None)


def price_change(then: Facts, now: Facts) -> Change | None:
    """Compare prices; never significant by itself, which profit and levels tell better."""
    before, after = _price(then), _price(now)
    if before is None or after is None:
        return None
    return Change("price", before, after, significant=False)


def atr_change(then: Facts, now: Facts) -> Change | None:
    """Compare volatility; significant when it changed by more than half of what it was."""
    atr_before, atr_after = _number(then, "atr_pct"), _number(now, "atr_pct")
    if atr_before is None or atr_after is None:
        return None
    price_before, price_after = _price(then), _price(now)
    code = "atr_pct"
    if price_before is not None and price_after is not None:
        code = "atr"
        atr_before, atr_after = atr_before * price_before / 100, atr_after * price_after / 100
    # A share of nothing cannot be told, and huge numbers of a damaged file overflow.
    if atr_before <= 0 or atr_after < 0 or not math.isfinite(atr_before + atr_after):
        return None
    moved = abs(round(atr_after / atr_before - 1, _DECIMALS))
    return Change(code, atr_before, atr_after, significant=moved > ATR_CHANGE_RATIO)


def ema_order_change(then: Facts, now: Facts) -> Change | None:
    """Compare the gap of EMA 20 to EMA 50; significant when their order turned round."""
    return _sign_change("ema_order", "ema_gap_pct", then, now)


def rsi_change(then: Facts, now: Facts) -> Change | None:
    """Compare RSI; significant when it crossed from below 40 to above 60 or back."""
    before, after = _number(then, "rsi"), _number(now, "rsi")
    if before is None or after is None:
        return None
    crossed = min(before, after) < LOW_RSI and max(before, after) > HIGH_RSI
    return Change("rsi", before, after, significant=crossed)


def macd_change(then: Facts, now: Facts) -> Change | None:
    """Compare the MACD line; significant when its sign changed."""
    return _sign_change("macd", "macd_pct", then, now)


def adx_change(then: Facts, now: Facts) -> Change | None:
    """Compare trend strength; significant when a trend faded or arose.

    Faded: from 20 or more to below 18 and by a quarter. Arisen: from 20 or less to above 25, which
    is more than a quarter in any case.
    """
    before, after = _number(then, "adx"), _number(now, "adx")
    if before is None or after is None:
        return None
    is_low = after < FADED_ADX and after <= round(before * FADED_RATIO, _DECIMALS)
    faded = before >= TREND_ADX and is_low
    arisen = before <= TREND_ADX and after > RISEN_ADX
    return Change("adx", before, after, significant=faded or arisen)


RULES: tuple[Rule, ...] = (
    price_change,
    rsi_change,
    adx_change,
    atr_change,
    ema_order_change,
    macd_change,
)


def _sign_change(code: str, name: str, then: Facts, now: Facts) -> Change | None:
    before, after = _number(then, name), _number(now, name)
    if before is None or after is None:
        return None
    turned = before < 0 < after or after < 0 < before
    return Change(code, before, after, significant=turned)


def _price(facts: Facts) -> float | None:
    value = _number(facts, "price")
    return value if value is not None and value > 0 else None


def _number(facts: Facts, name: str) -> float | None:
    """Return a fact that is a finite number; facts of the past come from a file."""
    value = facts.get(name)
    return value if value is not None and math.isfinite(value) else None

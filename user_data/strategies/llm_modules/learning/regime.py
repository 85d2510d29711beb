"""What kind of market there was, from the facts of one candle."""

from collections.abc import Mapping

from llm_modules.domain import Regime

# Half as wild again as over the last 50 candles: the trend is not what moves the price then.
VOLATILE_ATR_RATIO = 1.5
# Wilder's own line between a trend and none; exactly 25 is not yet above it.
TRENDING_ADX = 25.0


def regime(facts: Mapping[str, float]) -> Regime:
    """Return volatile from an ATR ratio of 1.5 on, else trending above an ADX of 25, else ranging.

    Unknown without an ADX, unless the ATR ratio says it all.
    """
    if facts.get("atr_ratio", 0.0) >= VOLATILE_ATR_RATIO:
        return "volatile"
    adx = facts.get("adx")
    if adx is None:
        return "unknown"
    return "trending" if adx > TRENDING_ADX else "ranging"

"""The market of one moment as a point, so that moments can be compared.

The scales are fixed numbers, never fitted to the trades: a fitted scale would know the future,
and with each new trade the past would look different. They were read once off the 30m candles of
ten pairs (28,450 of them, December 2025 and January 2026) and hold within a factor of two from
5m to 4h.
"""

import math
from collections.abc import Mapping

# Any two points share at least four axes then.
FEWEST_AXES = 6
# One freak number must not decide alone.
FARTHEST = 4.0

AXES = (
    "rsi",
    "adx",
    "bb_position",
    "atr_pct",
    "ema_gap_pct",
    "macd_hist_pct",
    "volume_ratio",
    "change_pct_24h",
)
_UNKNOWN = (math.nan,) * len(AXES)
_MIDDLE_LOG_ATR = math.log(0.6)


def situation(facts: Mapping[str, float]) -> tuple[float, ...] | None:
    """Return a market as a point in spreads from the usual, each axis within -4..4.

    Prices and percentages are measured by the ATR, so that pairs compare. An axis that is not
    known is NaN; with fewer than six of eight known there is no point.
    """
    rsi, adx, band, atr_pct, gap, histogram, volume, change = map(facts.get, AXES, _UNKNOWN)
    # Without volatility nothing can be measured by it; a NaN goes on through all arithmetic.
    atr = atr_pct if atr_pct > 0 else math.nan
    # Each is divided by its standard deviation.
    away = (
        (rsi - 50) / 12,
        (adx - 25) / 11,
        (band - 0.5) / 0.35,
        (math.log(atr) - _MIDDLE_LOG_ATR) / 0.5,
        gap / atr / 1.1,
        histogram / atr / 0.2,
        math.log(volume) / 0.65 if volume > 0 else math.nan,
        change / atr / 4.5,
    )
    point = tuple([axis if -FARTHEST <= axis <= FARTHEST else _clipped(axis) for axis in away])
    # Found by being one object, for no NaN equals another.
    known = len(point) - point.count(math.nan)
    return point if known >= FEWEST_AXES else None


def _clipped(axis: float) -> float:
    return math.nan if math.isnan(axis) else math.copysign(FARTHEST, axis)

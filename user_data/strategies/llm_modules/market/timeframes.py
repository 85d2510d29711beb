"""How long the candles of a timeframe last."""

from functools import lru_cache

_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


# Asked a dozen times for each decision.
@lru_cache(maxsize=32)
def duration_ms(timeframe: str) -> int:
    """Return the length of one candle in milliseconds, for any name in `config.TIMEFRAMES`."""
    return int(timeframe[:-1]) * _UNIT_MS[timeframe[-1]]

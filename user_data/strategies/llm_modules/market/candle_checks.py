"""What makes candles unusable: each rule is a function that returns a sentence, or None.

Numbers are judged in every candle: one NaN close, however old, makes TA-Lib's RSI exactly 0 from
there on, which reads as an extreme and not as missing. Gaps are judged in the newest candles only:
an exchange's outage of last week is no reason to stay away today.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from llm_modules.domain import Candles
from llm_modules.market.timeframes import duration_ms

# What the averages still remember well, and more than the model is usually shown.
GAPLESS_CANDLES = 50

Rule = Callable[[Candles], str | None]
Flags = NDArray[np.bool_]


def closed_by(candles: Candles, at_ms: int) -> Candles:
    """Return the candles that had closed at a moment, in milliseconds since the epoch.

    Everything later is computed from this, so that a look into the future is impossible. The same
    candles come back where all had closed, else copies.
    """
    newest_ms = at_ms - duration_ms(candles.timeframe)
    # Else not the last one's time alone: candles out of order are for others to judge.
    if candles.is_flawless and len(candles):
        newest_open_ms: int = candles.open_times.item(-1)
    else:
        newest_open_ms = int(candles.open_times.max(initial=newest_ms))
    if newest_open_ms <= newest_ms:
        return candles
    return candles.taken(candles.open_times <= newest_ms)


def defects(candles: Candles) -> tuple[str, ...]:
    """Return one sentence per rule that the candles break."""
    if candles.is_flawless:
        return ()
    # Nearly always they are: which number is wrong must only be found where one is.
    rules = ORDER_RULES if _has_sound_numbers(candles) else (*NUMBER_RULES, *ORDER_RULES)
    return tuple([sentence for rule in rules if (sentence := rule(candles))])


def examined(candles: Candles) -> Candles:
    """Return the same candles, known to be flawless if no rule is broken anywhere in them.

    No stretch of them needs another look then. Gaps count however old they are: in a stretch they
    may be new. Arrays must not change any more.
    """
    steps = candles.open_times[1:] - candles.open_times[:-1]
    is_gapless = bool((steps == duration_ms(candles.timeframe)).all())
    return candles.vouched_for() if is_gapless and not defects(candles) else candles


def utc_text(at_ms: int) -> str:
    """Word a moment in milliseconds since the epoch for an error message."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _has_sound_numbers(candles: Candles) -> bool:
    """Tell whether neither of the rules for numbers is broken."""
    columns = np.array((candles.open, candles.high, candles.low, candles.close, candles.volume))
    # The least and the greatest of numbers with a NaN among them are NaN, which nothing is above.
    *prices, volume = np.minimum.reduce(columns, axis=1, initial=np.inf).tolist()
    greatest = np.maximum.reduce(columns, axis=None, initial=0.0)
    return bool(greatest < np.inf and volume >= 0 and all(price > 0 for price in prices))


def _finite(candles: Candles) -> str | None:
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    broken: Flags = np.logical_or.reduce(~np.isfinite(np.array(columns)))
    return _first(candles, broken, "a price or volume is not a finite number")


def _positive(candles: Candles) -> str | None:
    prices = np.array((candles.open, candles.high, candles.low, candles.close))
    broken = (prices <= 0).any(axis=0) | (candles.volume < 0)
    return _first(candles, broken, "a price is not above zero or a volume is negative")


def _high_above_low(candles: Candles) -> str | None:
    return _first(candles, candles.high < candles.low, "the high is below the low")


def _regular(candles: Candles) -> str | None:
    """Find a new candle that does not open exactly one timeframe after the one before it."""
    newest = candles.open_times[-GAPLESS_CANDLES:]
    steps = newest[1:] - newest[:-1]
    is_irregular: Flags = steps != duration_ms(candles.timeframe)
    # No step at all between fewer than two candles: too few is for others to judge.
    if not is_irregular.any():
        return None
    position = int(is_irregular.argmax())
    step = int(steps[position])
    fault = "out of order" if step < 0 else "there twice" if step == 0 else "preceded by a gap"
    opened = utc_text(int(newest[position + 1]))
    return f"the candle of {opened} is {fault}"


def _first(candles: Candles, broken: Flags, what: str) -> str | None:
    """Word the first candle that breaks a rule, if any does."""
    if not broken.any():
        return None
    return f"{what} in the candle of {utc_text(int(candles.open_times[int(broken.argmax())]))}"


NUMBER_RULES: tuple[Rule, ...] = (_finite, _positive)
ORDER_RULES: tuple[Rule, ...] = (_high_above_low, _regular)

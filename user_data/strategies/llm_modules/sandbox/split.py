"""Finer than the record: five 1m candles out of each 5m candle, and the price within a minute.

Both are inventions, but reproducible ones: seeded, pure, and exactly consistent with the real
5m candle they came from. docs/sandbox.md describes the method in words.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from llm_modules.domain import FloatArray, IntArray
from llm_modules.sandbox.candles import FIVE_MINUTES_MS, MINUTE_MS, TickCandles

# How far an inner minute boundary strays from the straight line, as a share of the range.
_STRAY = 0.6
# How much of the free room above or below its body a minute's wick may use.
_WICK = 0.3


def seed_of(text: str) -> int:
    """Return a 64-bit seed that depends on nothing but the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def uniform(seed: int, index: IntArray, columns: int) -> FloatArray:
    """Return numbers in [0, 1) of shape (rows, columns), a pure function of seed and index.

    SplitMix64 (Steele, Lea, Flood 2014) used as a hash, so that any row can be drawn alone.
    """
    counter = index[:, None] * columns + np.arange(1, columns + 1)
    state: NDArray[np.uint64] = counter.astype(np.uint64)
    state = state * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    state = (state ^ np.right_shift(state, 30)) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ np.right_shift(state, 27)) * np.uint64(0x94D049BB133111EB)
    state = state ^ np.right_shift(state, 31)
    numbers: FloatArray = np.right_shift(state, 11) / 2.0**53
    return numbers


def split_minutes(fives: TickCandles, seed: int) -> TickCandles:
    """Return five 1m candles per 5m candle, which aggregate to it exactly."""
    # The candle's own time is the index: a restart draws the same numbers.
    random = uniform(seed, fives.open_times // FIVE_MINUTES_MS, 19)
    edges = _boundaries(fives, random[:, :4])
    opens, closes = edges[:, :-1], edges[:, 1:]
    highs, lows = _extremes(fives, opens, closes, random[:, 4:14])
    # One row per 5m candle, one column per minute; flattened at the end.
    times = fives.open_times[:, None] + np.arange(5) * MINUTE_MS
    columns = (times, opens, highs, lows, closes, _volumes(fives, random[:, 14:]))
    return TickCandles(*(column.reshape(-1) for column in columns))


def running_minute(minute: TickCandles, now_ms: int) -> TickCandles:
    """Return the part of one 1m candle that has happened by `now_ms`.

    The price runs in straight lines from the open to one extreme, to the other, to the close,
    a third of the minute each; a rising minute visits its low first, a falling one its high.
    """
    elapsed = (now_ms - int(minute.open_times[0])) / MINUTE_MS
    rising = minute.close[0] >= minute.open[0]
    turns = (minute.low[0], minute.high[0]) if rising else (minute.high[0], minute.low[0])
    # Open and close may be an extreme themselves: then a third of the minute stands still.
    knots = np.array([minute.open[0], *turns, minute.close[0]])
    at = np.array([0.0, 1 / 3, 2 / 3, 1.0])
    price = int(np.rint(np.interp(elapsed, at, knots)))
    seen = np.append(knots[at <= elapsed], price)
    return TickCandles(
        minute.open_times,
        minute.open,
        np.array([seen.max()]),
        np.array([seen.min()]),
        np.array([price]),
        (minute.volume * elapsed).astype(np.int64),
    )


def _boundaries(fives: TickCandles, random: FloatArray) -> IntArray:
    """Draw the prices at the six minute marks: a noisy line from open to close, within range."""
    start, end = fives.open[:, None], fives.close[:, None]
    low, high = fives.low[:, None], fives.high[:, None]
    line = start + (end - start) * np.arange(1, 5) / 5
    inner = np.rint(line + (random - 0.5) * (high - low) * _STRAY).astype(np.int64)
    return np.concatenate((start, np.clip(inner, low, high), end), axis=1)


def _extremes(
    fives: TickCandles, opens: IntArray, closes: IntArray, random: FloatArray
) -> tuple[IntArray, IntArray]:
    """Draw the wicks; the minutes nearest to the 5m high and low get those very prices."""
    tops, bottoms = np.maximum(opens, closes), np.minimum(opens, closes)
    room_above, room_below = fives.high[:, None] - tops, bottoms - fives.low[:, None]
    highs = tops + (random[:, :5] ** 2 * _WICK * room_above).astype(np.int64)
    lows = bottoms - (random[:, 5:] ** 2 * _WICK * room_below).astype(np.int64)
    # The nearest minute, so that the extreme is the shortest possible wick.
    rows = np.arange(len(fives))
    highs[rows, tops.argmax(axis=1)] = fives.high
    lows[rows, bottoms.argmin(axis=1)] = fives.low
    return highs, lows


def _volumes(fives: TickCandles, random: FloatArray) -> IntArray:
    """Share the volume out in whole lots, each minute between a half and one and a half parts."""
    weights = np.cumsum(random + 0.5, axis=1)
    reached = (fives.volume[:, None] * weights / weights[:, -1:]).astype(np.int64)
    # Set, not computed: rounding must not lose the last lot.
    reached[:, -1] = fives.volume
    return np.diff(reached, axis=1, prepend=0)

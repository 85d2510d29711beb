"""Aggregation is exact: nothing is lost, invented or moved by resampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_modules.sandbox.candles import (
    DAY_MS,
    INTERVALS_MS,
    MINUTE_MS,
    TickCandles,
    interval_offset_ms,
    join,
    resample,
)

MONDAY_MS = 1_769_385_600_000  # 2026-01-26 00:00 UTC


def rows(start_ms: int, prices: list[tuple[int, int, int, int]], lots: list[int]) -> TickCandles:
    """Return 1m candles from (open, high, low, close) tuples."""
    columns = [np.array(column, dtype=np.int64) for column in zip(*prices, strict=True)]
    times = start_ms + np.arange(len(prices), dtype=np.int64) * MINUTE_MS
    return TickCandles(times, *columns, np.array(lots, dtype=np.int64))


@st.composite
def minutes(draw: st.DrawFn) -> TickCandles:
    count = draw(st.integers(1, 60))
    start = draw(st.integers(0, 60)) * MINUTE_MS + MONDAY_MS
    prices = []
    for _ in range(count):
        low, first, last, high = (draw(st.integers(1, 500)) for _ in range(4))
        low, high = min(low, first, last, high), max(low, first, last, high)
        prices.append((first, high, low, last))
    return rows(start, prices, [draw(st.integers(0, 1000)) for _ in range(count)])


def test_five_minutes_become_one_candle_with_their_first_open_and_last_close() -> None:
    five = rows(
        MONDAY_MS,
        [(10, 12, 9, 11), (11, 15, 11, 14), (14, 14, 7, 8), (8, 9, 8, 9), (9, 10, 9, 10)],
        [1, 2, 3, 4, 5],
    )

    result = resample(five, 5 * MINUTE_MS)

    assert [column.tolist() for column in result.columns()] == [
        [MONDAY_MS],
        [10],
        [15],
        [7],
        [10],
        [15],
    ]


@given(minutes(), st.sampled_from(["3m", "5m", "15m", "30m", "1h"]))
@settings(max_examples=60)
def test_resampling_keeps_volume_extremes_and_ends(candles: TickCandles, interval: str) -> None:
    result = resample(candles, INTERVALS_MS[interval])

    assert result.volume.sum() == candles.volume.sum()
    assert (result.high.max(), result.low.min()) == (candles.high.max(), candles.low.min())
    assert (result.open[0], result.close[-1]) == (candles.open[0], candles.close[-1])
    assert np.all(result.open_times % INTERVALS_MS[interval] == 0)
    assert np.all(np.diff(result.open_times) == INTERVALS_MS[interval])


@given(minutes())
@settings(max_examples=40)
def test_resampling_in_two_steps_equals_resampling_at_once(candles: TickCandles) -> None:
    at_once = resample(candles, INTERVALS_MS["30m"])
    in_steps = resample(resample(candles, INTERVALS_MS["5m"]), INTERVALS_MS["30m"])

    assert all(map(np.array_equal, at_once.columns(), in_steps.columns()))


def test_a_week_begins_on_monday_and_a_day_at_midnight_utc() -> None:
    minute = rows(MONDAY_MS + 3 * DAY_MS + 17 * MINUTE_MS, [(1, 1, 1, 1)], [1])

    assert resample(minute, INTERVALS_MS["1w"]).open_times.tolist() == [MONDAY_MS]
    assert resample(minute, INTERVALS_MS["1d"]).open_times.tolist() == [MONDAY_MS + 3 * DAY_MS]
    assert interval_offset_ms(INTERVALS_MS["1d"]) == 0


def test_sunday_and_monday_fall_into_different_weeks() -> None:
    around = rows(MONDAY_MS - MINUTE_MS, [(1, 1, 1, 1), (2, 2, 2, 2)], [1, 1])

    weeks = resample(around, INTERVALS_MS["1w"])

    assert weeks.open_times.tolist() == [MONDAY_MS - 7 * DAY_MS, MONDAY_MS]


def test_resampling_nothing_gives_nothing() -> None:
    empty = rows(MONDAY_MS, [(1, 1, 1, 1)], [1]).between(0, 1)

    assert len(resample(empty, INTERVALS_MS["1h"])) == 0


@pytest.mark.parametrize(
    ("start", "end", "count"), [(0, 3, 3), (1, 3, 2), (0, 0, 0), (-5, 99, 3), (2, 3, 1)]
)
def test_between_includes_its_start_and_excludes_its_end(start: int, end: int, count: int) -> None:
    three = rows(MONDAY_MS, [(1, 1, 1, 1)] * 3, [1, 2, 3])

    part = three.between(MONDAY_MS + start * MINUTE_MS, MONDAY_MS + end * MINUTE_MS)

    assert len(part) == count


def test_joined_runs_keep_their_order_and_columns() -> None:
    first = rows(MONDAY_MS, [(1, 4, 1, 3)], [5])
    second = rows(MONDAY_MS + MINUTE_MS, [(3, 9, 2, 8)], [7])

    both = join(first, second)

    assert both.close.tolist() == [3, 8]
    assert both.volume.tolist() == [5, 7]
    assert both.high.tolist() == [4, 9]

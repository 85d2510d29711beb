import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessing import HALF_HOUR, MIDNIGHT, a_curve, grown
from llm_modules import metrics
from llm_modules.backtest.outcome import Equity
from llm_modules.backtest.resampling import (
    RESAMPLES,
    deepest_fall,
    finite,
    gained,
    in_blocks,
    interval,
    one_by_one,
    steps_of,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CURVES = st.lists(st.floats(-0.1, 0.1), min_size=1, max_size=200)


def generator() -> np.random.Generator:
    return np.random.default_rng(1)


def test_a_curve_is_divided_into_days() -> None:
    steps = steps_of(a_curve([100, 110, 99, 99]), DAY_MS)
    assert steps.returns.tolist() == pytest.approx([0.1, -0.1, 0.0])
    assert len(steps) == 3


def test_what_happens_within_a_step_is_kept() -> None:
    steps = steps_of(a_curve([100, 120, 90, 110], timedelta(hours=8)), DAY_MS)
    assert steps.returns.tolist() == pytest.approx([0.1])
    assert steps.lows.tolist() == pytest.approx([0.9])
    assert steps.highs.tolist() == pytest.approx([1.2])
    assert steps.falls.tolist() == pytest.approx([0.25])


def test_the_last_step_takes_a_short_rest_with_it_and_a_long_one_is_its_own() -> None:
    twelve_hours = timedelta(hours=12)
    assert len(steps_of(a_curve([1.0] * 6, twelve_hours), DAY_MS)) == 2
    assert len(steps_of(a_curve([1.0] * 8, twelve_hours), DAY_MS)) == 4
    ten_hours = timedelta(hours=10)
    assert len(steps_of(a_curve([1.0] * 4, ten_hours), DAY_MS)) == 1


def test_a_curve_without_points_in_a_step_stood_still_in_it() -> None:
    at = np.array([0, DAY_MS // 2, 3 * DAY_MS], dtype=np.int64)
    steps = steps_of(Equity(at, np.array([100.0, 110.0, 121.0])), DAY_MS)
    assert steps.returns.tolist() == pytest.approx([0.1, 0.0, 0.1])


@given(CURVES, st.sampled_from([HOUR_MS, 4 * HOUR_MS, DAY_MS]))
@settings(deadline=None)
def test_steps_keep_the_whole_return_and_the_drawdown_of_every_candle(
    returns: list[float], step_ms: int
) -> None:
    curve = a_curve(grown(returns), HALF_HOUR)
    steps = steps_of(curve, step_ms)
    assert gained(steps) == pytest.approx(metrics.return_ratio(curve.values), abs=1e-9)
    assert deepest_fall(steps) == pytest.approx(metrics.max_drawdown_ratio(curve.values), abs=1e-9)


@given(st.integers(1, 40))
@settings(deadline=None)
def test_blocks_take_any_place_and_none_outside(length: int) -> None:
    order = in_blocks(length, generator())
    assert order.shape == (RESAMPLES, length)
    assert order.min() == 0
    assert order.max() == length - 1


def test_blocks_go_on_with_the_next_place_and_past_the_end() -> None:
    length = 64
    order = in_blocks(length, generator())
    follows = (order[:, 1:] - order[:, :-1]) % length == 1
    # A block of four on average: three of four places follow the one before, and few by chance.
    assert follows.mean() == pytest.approx(0.75 + 0.25 / length, abs=0.01)
    wraps = (order[:, :-1] == length - 1) & (order[:, 1:] == 0)
    assert wraps.any()


def test_every_place_is_as_likely_as_any_other() -> None:
    counts = np.bincount(in_blocks(20, generator()).ravel())
    assert counts / counts.sum() == pytest.approx(np.full(20, 0.05), abs=0.004)


def test_the_same_seed_draws_the_same_places() -> None:
    assert (in_blocks(30, generator()) == in_blocks(30, generator())).all()
    one, other = (np.concatenate(list(one_by_one(30, generator()))) for _ in range(2))
    assert (one == other).all()


def test_trades_are_drawn_one_by_one_as_often_as_there_are_samples() -> None:
    drawn = np.concatenate(list(one_by_one(7, generator())))
    assert drawn.shape == (RESAMPLES, 7)
    assert set(np.unique(drawn)) == set(range(7))


def test_the_interval_leaves_a_fortieth_out_at_each_end() -> None:
    low, high = interval(np.arange(1001, dtype=np.float64))
    assert (low, high) == (25.0, 975.0)


def test_undefined_samples_are_left_out_until_half_of_them_are() -> None:
    samples = np.arange(10, dtype=np.float64)
    samples[:5] = math.nan
    assert interval(samples) == (5.0, 9.0)
    samples[5] = math.nan
    assert interval(samples) == (None, None)


def test_an_unbounded_side_has_no_bound() -> None:
    samples = np.ones(100)
    samples[:10] = math.inf
    assert interval(samples) == (1.0, None)
    samples[:10] = -math.inf
    assert interval(samples) == (None, 1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_none(value: float) -> None:
    assert finite(value) is None
    assert finite(np.float64(1.5)) == 1.5


def test_a_curve_begins_where_it_is_said_to() -> None:
    assert a_curve([1.0]).at[0] == MIDNIGHT.timestamp() * 1000

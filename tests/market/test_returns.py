import math

import numpy as np
import pytest

from builders import NOON, some_candles
from llm_modules.domain import Candles
from llm_modules.market.returns import (
    FEWEST_RETURNS,
    RETURN_CANDLES,
    Returns,
    correlation,
    log_returns,
)


def returns_of(values: list[float], first: int = 0) -> Returns:
    times = np.arange(first, first + len(values), dtype=np.int64)
    return Returns(times, np.array(values))


def a_wave(length: int = 60, *, phase: float = 0.0, first: int = 0) -> Returns:
    return returns_of([math.sin(i + first + phase) for i in range(length)], first)


def test_returns_are_logarithms_named_by_their_candle() -> None:
    candles = some_candles("30m", 4)
    returns = log_returns(candles)
    assert returns.open_times.tolist() == candles.open_times[1:].tolist()
    assert returns.values.tolist() == np.diff(np.log(candles.close)).tolist()


def test_only_the_newest_candles_count() -> None:
    assert len(log_returns(some_candles("30m", 500)).values) == RETURN_CANDLES


def test_a_pair_is_fully_correlated_with_itself_and_against_its_mirror() -> None:
    wave = a_wave()
    mirror = Returns(wave.open_times, -wave.values)
    assert correlation(wave, wave) == pytest.approx(1.0)
    assert correlation(wave, mirror) == pytest.approx(-1.0)


def test_it_is_pearsons_coefficient() -> None:
    one, other = a_wave(), a_wave(phase=1.0)
    expected = float(np.corrcoef(one.values, other.values)[0, 1])
    assert correlation(one, other) == pytest.approx(expected)


@pytest.mark.parametrize("length", [FEWEST_RETURNS, 95, RETURN_CANDLES])
def test_what_is_centred_is_less_numpys_own_mean_to_the_last_bit(length: int) -> None:
    for seed in range(50):
        values = np.random.default_rng(seed).normal(1e-4, 0.01, length)
        centred = returns_of(values.tolist()).centred
        assert centred.tobytes() == (values - values.mean()).tobytes()


def test_only_common_candles_are_compared() -> None:
    one, late = a_wave(60), a_wave(60, first=10)
    assert correlation(one, late) == pytest.approx(1.0)


@pytest.mark.parametrize(("length", "known"), [(FEWEST_RETURNS - 1, False), (FEWEST_RETURNS, True)])
def test_too_few_common_candles_tell_nothing(length: int, known: bool) -> None:
    assert (correlation(a_wave(length), a_wave(length)) is not None) is known
    assert (correlation(a_wave(60), a_wave(60, first=60 - length)) is not None) is known


def test_a_price_that_never_moved_is_correlated_with_nothing() -> None:
    assert correlation(a_wave(), returns_of([0.0] * 60)) is None


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_damaged_price_makes_the_correlation_unknown_without_a_warning(bad: float) -> None:
    good = some_candles("30m", 60, NOON)
    close = good.close.copy()
    close[30] = bad
    damaged = Candles(
        good.timeframe, good.open_times, good.open, good.high, good.low, close, good.volume
    )
    assert correlation(log_returns(good), log_returns(damaged)) is None


def test_what_is_kept_of_returns_changes_no_bit_and_no_other_correlation() -> None:
    waves = [a_wave(phase=0.3 * step, first=first) for step in range(4) for first in (0, 10)]
    for one in waves:
        for other in waves:
            anew = [Returns(wave.open_times.copy(), wave.values.copy()) for wave in (one, other)]
            assert correlation(one, other) == correlation(*anew) == _as_defined(*anew)


def _as_defined(one: Returns, other: Returns) -> float:
    """Pearson's formula over common candles, with nothing kept."""
    _, left, right = np.intersect1d(one.open_times, other.open_times, return_indices=True)
    first, second = one.values[left], other.values[right]
    first, second = first - first.mean(), second - second.mean()
    spread = math.sqrt(float(first @ first) * float(second @ second))
    return min(1.0, max(-1.0, float(first @ second) / spread))


def test_returns_of_other_moments_are_others_however_many_there_are() -> None:
    one, late = a_wave(60), a_wave(60, first=30)
    # Of the same length: by place they would be compared with what came half an hour later.
    shifted = Returns(late.open_times, one.values)
    assert correlation(one, late) == pytest.approx(1.0)
    assert correlation(one, shifted) == _as_defined(one, shifted)


def test_rounding_never_leaves_the_bounds() -> None:
    values = [1e-9 * (i % 3) for i in range(60)]
    found = correlation(returns_of(values), returns_of([3 * value for value in values]))
    assert found is not None
    assert 0.999999 < found <= 1.0

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


def test_rounding_never_leaves_the_bounds() -> None:
    values = [1e-9 * (i % 3) for i in range(60)]
    found = correlation(returns_of(values), returns_of([3 * value for value in values]))
    assert found is not None
    assert 0.999999 < found <= 1.0

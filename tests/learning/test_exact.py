import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.learning.exact import mean, ratio, total, units

SMALLEST = 5e-324
LARGEST = 1.7976931348623157e308
floats = st.floats(allow_nan=False, allow_infinity=False)


@given(floats)
def test_a_float_is_its_units_and_back(value: float) -> None:
    assert ratio(units(value)) == value


@pytest.mark.parametrize(
    ("value", "number"), [(0.0, 0), (SMALLEST, 1), (-SMALLEST, -1), (1.0, 1 << 1074)]
)
def test_a_unit_is_the_smallest_float(value: float, number: int) -> None:
    assert units(value) == number


@given(st.lists(floats), st.lists(floats))
def test_what_was_added_can_be_taken_away_again(kept: list[float], gone: list[float]) -> None:
    everything = sum(map(units, kept + gone)) - sum(map(units, gone))
    assert everything == sum(map(units, kept))


@given(st.lists(st.floats(-1e300, 1e300), min_size=1))
def test_a_mean_is_the_float_nearest_to_the_true_one(values: list[float]) -> None:
    true = sum(map(Fraction, values), Fraction()) / len(values)
    assert mean(sum(map(units, values)), len(values)) == float(true)


def test_the_mean_of_nothing_is_zero() -> None:
    assert mean(0, 0) == 0.0


def test_a_mean_never_leaves_the_floats() -> None:
    assert mean(2 * units(LARGEST), 2) == LARGEST


@pytest.mark.parametrize(("values", "sum_"), [([], 0.0), ([0.1] * 10, 1.0), ([1e16, 1, -1e16], 1)])
def test_a_total_is_rounded_once(values: list[float], sum_: float) -> None:
    assert total(values) == sum_


@pytest.mark.parametrize(("sign", "sum_"), [(1, math.inf), (-1, -math.inf)])
def test_a_sum_beyond_all_floats_is_infinite(sign: int, sum_: float) -> None:
    assert total([sign * LARGEST] * 2) == sum_
    assert ratio(2 * units(sign * LARGEST)) == sum_


def test_a_sum_that_was_beyond_all_floats_on_the_way_is_not() -> None:
    assert total([LARGEST, LARGEST, -LARGEST]) == LARGEST

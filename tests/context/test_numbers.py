"""How numbers are printed: prices keep their step, nothing is NaN, nothing has an exponent."""

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.context.numbers import (
    compact,
    percent,
    price,
    price_decimals,
    rounded,
    scaled,
    significant_decimals,
    trimmed,
    utc_day,
    utc_minute,
    utc_moment,
)

STEPS = (1e-8, 1e-7, 0.00001, 0.00025, 0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0)


@pytest.mark.parametrize(
    ("step", "decimals"),
    [(0.1, 1), (0.5, 1), (0.00025, 5), (1e-7, 7), (1.0, 0), (5.0, 0), (10.0, 0)],
)
def test_a_price_step_tells_how_many_decimals_prices_need(step: float, decimals: int) -> None:
    assert price_decimals(step) == decimals


@given(step=st.sampled_from(STEPS), ticks=st.integers(1, 10**8))
def test_prices_one_step_apart_stay_apart_and_have_no_exponent(step: float, ticks: int) -> None:
    decimals = price_decimals(step)

    one, next_one = price(ticks * step, decimals), price((ticks + 1) * step, decimals)

    assert one != next_one
    assert "e" not in one
    assert float(one) == pytest.approx(ticks * step)


def test_a_coin_of_a_fraction_of_a_cent_keeps_its_digits() -> None:
    assert price(0.0000121, price_decimals(1e-7)) == "0.0000121"


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_known_is_a_dash(value: float | None) -> None:
    assert price(value, 2) == "-"
    assert compact(value) == "-"
    assert trimmed(value) == "-"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (55.234, 3, "55.2"),
        (0.12345, 3, "0.123"),
        (-0.00312, 3, "-0.00312"),
        (1234.5678, 6, "1234.57"),
        (123456.7, 3, "123457"),
        (0.0, 3, "0"),
        (1e-20, 3, "0.000000000000"),
        (999_999_999_999_999.0, 3, "999999999999999"),
        (1e15, 3, "1.00e+15"),
        (-1.5e300, 3, "-1.50e+300"),
    ],
)
def test_a_compact_number_shows_so_many_digits(value: float, digits: int, text: str) -> None:
    assert compact(value, digits) == text


@given(st.floats(-1e14, 1e14), st.integers(1, 8))
def test_a_compact_number_can_be_read_back(value: float, digits: int) -> None:
    text = compact(value, digits)

    assert "e" not in text
    assert "nan" not in text
    assert float(text) == pytest.approx(value, rel=10.0 ** (1 - digits), abs=1e-11)


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.0, "5"), (2.5, "2.5"), (100.0, "100"), (0.0, "0"), (120.0, "120"), (1e20, "1.00e+20")],
)
def test_a_trimmed_number_has_no_idle_zeros(value: float, text: str) -> None:
    assert trimmed(value) == text


def test_amounts_are_trimmed_with_more_digits() -> None:
    assert trimmed(1234.5678, 6) == "1234.57"
    assert trimmed(760.0, 6) == "760"
    assert trimmed(0.00123456789, 6) == "0.00123457"


def test_a_ratio_becomes_a_percentage_with_two_decimals() -> None:
    assert percent(-0.01234) == "-1.23"
    assert percent(math.nan) == "-"


@pytest.mark.parametrize(
    ("size", "digits", "decimals"),
    [
        (0.0, 3, 0),
        (-1.0, 3, 0),
        (9.99, 3, 2),
        (10.0, 3, 1),
        (99.9, 3, 1),
        (100.0, 3, 0),
        (1e-9, 3, 11),
    ],
)
def test_decimals_follow_from_size_and_digits(size: float, digits: int, decimals: int) -> None:
    assert significant_decimals(size, digits) == decimals


@pytest.mark.parametrize(
    ("largest", "shown", "unit"),
    [
        (99_999.0, 99_999.0, ""),
        (100_000.0, 100.0, "k"),
        (999_999.0, 999.999, "k"),
        (1_000_000.0, 1.0, "M"),
        (2.5e9, 2.5, "B"),
        (3e12, 3.0, "T"),
        (4e18, 4_000_000.0, "T"),
    ],
)
def test_a_column_gets_the_unit_of_its_largest_value(
    largest: float, shown: float, unit: str
) -> None:
    short, _, found = scaled([1.0, math.nan, -largest], 4)

    assert found == unit
    assert short[-1] == pytest.approx(-shown)


@pytest.mark.parametrize("values", [[], [math.nan, math.inf], [0.0, 0.0]])
def test_a_column_without_a_size_stays_as_it_is(values: list[float]) -> None:
    short, decimals, unit = scaled(values, 4)

    assert short is values
    assert (decimals, unit) == (0, "")


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1.26, 1, "1.3"),
        (-0.001, 1, "0.0"),
        # Halves go to the even digit; 2.675 is one, though in binary it is a hair less.
        (0.125, 2, "0.12"),
        (2.675, 2, "2.68"),
        (2.5, 0, "2"),
        (math.nan, 1, "-"),
        (math.inf, 1, "-"),
        (-math.inf, 1, "-"),
        (1e308, 4, "-"),
    ],
)
def test_a_cell_is_rounded_as_its_decimal_number_is(value: float, decimals: int, text: str) -> None:
    assert rounded(value, decimals) == text


@given(st.floats(-1e9, 1e9), st.integers(0, 8))
def test_a_cell_is_the_number_that_numpy_rounds_to(value: float, decimals: int) -> None:
    assert float(rounded(value, decimals)) == pytest.approx(
        np.round(value, decimals), rel=1e-15, abs=1e-300
    )


def test_both_zeros_are_printed_alike() -> None:
    assert compact(-0.0) == compact(0.0) == "0"


def test_times_are_printed_in_utc() -> None:
    at = datetime(2026, 11, 21, 8, 35, 7, tzinfo=timezone(timedelta(hours=2)))

    assert utc_moment(at) == "2026-11-21T06:35Z"
    assert utc_minute(at) == "11-21 06:35"
    assert utc_day(at) == "11-21"
    assert utc_moment(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00Z"

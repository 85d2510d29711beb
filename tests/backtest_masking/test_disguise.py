from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests import PAIRS
from llm_modules.backtest.masking.disguise import (
    DIGITS,
    FIRST_DAY,
    factor_for,
    letters,
    names_of,
    shift_for,
)


@pytest.mark.parametrize(
    ("place", "name"),
    [(0, "A"), (1, "B"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (702, "AAA")],
)
def test_pairs_are_counted_in_letters(place: int, name: str) -> None:
    assert letters(place) == name


def test_names_keep_nothing_but_the_quote_and_settlement() -> None:
    names = names_of([*PAIRS, "ADA/USDC:USDC"])
    assert [name.partition("/")[0] for name in names.values()] == list("ABCDEF")
    assert names["ADA/USDC:USDC"].endswith("/USDC:USDC")
    assert all(names[pair].endswith("/USDT:USDT") for pair in PAIRS)


def test_names_do_not_depend_on_the_order_of_the_whitelist() -> None:
    assert len({tuple(sorted(names_of(order).items())) for order in permutations(PAIRS)}) == 1


def test_the_first_coin_is_not_always_the_first_letter() -> None:
    btc = "BTC/USDT:USDT"
    others = [f"C{number}/USDT:USDT" for number in range(30)]
    assert len({names_of([btc, other, "X/USDT:USDT"])[btc] for other in others}) == 3


@given(st.floats(1e-9, 1e9))
def test_a_factor_brings_any_price_near_a_hundred(price: float) -> None:
    assert 79 < price * float(factor_for(price)) < 126


@given(st.floats(1e-9, 1e9))
def test_a_factor_hides_the_digits_and_loses_none(price: float) -> None:
    factor = factor_for(price)
    digits = factor.as_tuple().digits
    assert len(digits) <= 3
    assert digits != (1,)
    assert Decimal(1) / factor * factor == 1
    assert len((Decimal(1) / factor).normalize().as_tuple().digits) <= 5


@pytest.mark.parametrize(
    ("price", "factor"), [(90815.5, "0.00125"), (0.14843, "640"), (62.5, "1.6")]
)
def test_factors_of_known_prices(price: float, factor: str) -> None:
    assert factor_for(price) == Decimal(factor)


def test_no_factor_leaves_a_price_its_digits() -> None:
    assert all(digits.normalize().as_tuple().digits != (1,) for digits in DIGITS)


@given(st.datetimes(datetime(2017, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_run_begins_in_the_first_week_of_2001_on_its_own_weekday(start: datetime) -> None:
    fiction = start - shift_for(start)
    assert FIRST_DAY <= fiction < FIRST_DAY + timedelta(weeks=1)
    assert fiction.weekday() == start.weekday()
    assert fiction.time() == start.time()

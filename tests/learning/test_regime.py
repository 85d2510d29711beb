import math

import pytest

from llm_modules.learning.regime import regime


@pytest.mark.parametrize(
    ("adx", "found"),
    [
        (0.0, "ranging"),
        (25.0, "ranging"),
        (math.nextafter(25.0, 100), "trending"),
        (60.0, "trending"),
    ],
)
def test_a_market_trends_above_an_adx_of_25(adx: float, found: str) -> None:
    assert regime({"adx": adx}) == found


@pytest.mark.parametrize(
    ("atr_ratio", "found"),
    [(0.3, "trending"), (math.nextafter(1.5, 0), "trending"), (1.5, "volatile"), (9.0, "volatile")],
)
def test_a_market_of_one_and_a_half_times_its_usual_range_is_volatile_whatever_its_trend(
    atr_ratio: float, found: str
) -> None:
    assert regime({"adx": 40.0, "atr_ratio": atr_ratio}) == found


def test_without_an_adx_a_market_is_unknown_unless_it_is_volatile() -> None:
    assert regime({}) == "unknown"
    assert regime({"rsi": 30.0, "atr_ratio": 1.4}) == "unknown"
    assert regime({"atr_ratio": 1.6}) == "volatile"


def test_facts_of_other_timeframes_do_not_count() -> None:
    assert regime({"adx": 10.0, "adx_1h": 60.0, "atr_ratio_1h": 3.0}) == "ranging"

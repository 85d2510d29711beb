"""How volatile the market is against its own usual; the other facts are in test_snapshot.py."""

import math

import numpy as np
import pytest

from llm_modules.domain import TimeframeView
from llm_modules.market.facts import market_facts
from llm_modules.market.indicators import compute
from market.made_candles import made_candles


def facts_with_atr(*values: float) -> dict[str, float]:
    """The facts of a market whose ATR took these values last, oldest first."""
    candles = made_candles(rows=len(values))
    indicators = compute(candles) | {"atr_14": np.array(values)}
    return market_facts(TimeframeView(candles, indicators), [])


def test_volatility_is_compared_with_the_mean_of_up_to_fifty_values() -> None:
    candles = made_candles(seed=4)
    view = TimeframeView(candles, compute(candles))
    atr = view.indicators["atr_14"]

    assert market_facts(view, [])["atr_ratio"] == pytest.approx(atr[-1] / atr[-50:].mean())
    assert facts_with_atr(*[1.0] * 59, 3.0)["atr_ratio"] == pytest.approx(3 / 1.04)


@pytest.mark.parametrize(("age", "ratio"), [(50, 100 / 198), (51, 1.0), (52, 1.0)])
def test_an_older_value_than_the_newest_fifty_does_not_count(age: int, ratio: float) -> None:
    values = [2.0] * 60
    values[-age] = 100.0

    assert facts_with_atr(*values)["atr_ratio"] == pytest.approx(ratio)


@pytest.mark.parametrize(("known", "is_told"), [(19, False), (20, True), (21, True)])
def test_usual_volatility_takes_twenty_known_values(known: int, is_told: bool) -> None:
    facts = facts_with_atr(*[math.nan] * (60 - known), *[2.0] * (known - 1), 4.0)

    assert ("atr_ratio" in facts) is is_told
    if is_told:
        assert facts["atr_ratio"] == pytest.approx(4 * known / (2 * known + 2))


@pytest.mark.parametrize("newest", [math.nan, math.inf])
def test_without_a_newest_value_there_is_no_ratio(newest: float) -> None:
    assert "atr_ratio" not in facts_with_atr(*[2.0] * 59, newest)


def test_values_beyond_all_sums_are_no_warning_and_no_infinity() -> None:
    assert math.isfinite(facts_with_atr(*[1e308] * 60)["atr_ratio"])

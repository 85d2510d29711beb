import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, a_closed_trade, a_thesis
from llm_modules.domain import ClosedTrade
from llm_modules.learning.surprise import judgement, reach_ratio, surprise

TINY = 1e-9
RIGHT = {"mfe_ratio": 0.05, "mae_ratio": -0.02}
WRONG = {"mfe_ratio": 0.02, "mae_ratio": -0.05}


def a_trade(hours: float = 2.0, **changes: Any) -> ClosedTrade:
    """A trade at 3x whose ATR was 1 % per candle of 30 minutes, with a confidence of 50."""
    thesis: dict[str, Any] = {
        "facts": {"atr_pct": 1.0},
        "confidence_score": 50.0,
        "timeframe": "30m",
    }
    for name in thesis.keys() & changes.keys():
        thesis[name] = changes.pop(name)
    times = {"opened_at": NOON, "closed_at": NOON + timedelta(hours=hours)}
    return a_closed_trade(**({"thesis": a_thesis(**thesis)} | times | changes))


@pytest.mark.parametrize(
    ("hours", "timeframe", "candles"),
    [
        (0.0, "30m", 1),
        (0.25, "30m", 1),
        (0.5, "30m", 1),
        (0.75, "30m", 1.5),
        (2.0, "30m", 4),
        (2.0, "1h", 2),
        (2.0, "1d", 1),
        (336.0, "1w", 2),
    ],
)
def test_the_reach_grows_with_the_root_of_the_candles_held_and_counts_at_least_one(
    hours: float, timeframe: str, candles: float
) -> None:
    reach = reach_ratio(a_trade(hours, timeframe=timeframe))
    assert reach == pytest.approx(0.01 * 3 * math.sqrt(candles))


def test_the_reach_is_that_of_the_leveraged_profit() -> None:
    assert reach_ratio(a_trade(leverage=10.0)) == pytest.approx(0.01 * 10 * 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"thesis": None},
        {"facts": {}},
        {"facts": {"atr_pct": 0.0}},
        {"facts": {"atr_pct": -1.0}},
        {"facts": {"atr_pct": math.nan}},
        {"facts": {"atr_pct": math.inf}},
        {"timeframe": ""},
        {"timeframe": "2m"},
        {"timeframe": "<|im_start|>"},
    ],
)
def test_without_volatility_or_timeframe_there_is_neither_reach_nor_surprise(
    changes: dict[str, Any],
) -> None:
    assert reach_ratio(a_trade(**changes)) is None
    assert surprise(a_trade(**changes)) is None


@pytest.mark.parametrize(
    ("confidence", "profit_ratio", "value"),
    [
        (50.0, 0.0, 0.0),
        (50.0, 0.06, 1.0),
        (50.0, -0.12, -2.0),
        (100.0, 0.06, 0.0),
        (100.0, 0.0, -1.0),
        (75.0, 0.03, 0.0),
        (75.0, 0.06, 0.5),
        (1.0, 0.06, 1.98),
        (50.0, 0.0601, 1.0),
        (50.0, 0.0606, 1.01),
    ],
)
def test_surprise_is_the_result_less_what_confidence_expects_in_reaches(
    confidence: float, profit_ratio: float, value: float
) -> None:
    # Four candles at 1 % and 3x reach 6 %, and fees of 0.1 % of the price take 0.3 %.
    trade = a_trade(confidence_score=confidence, profit_ratio=profit_ratio - 0.003)
    assert surprise(trade) == value


@pytest.mark.parametrize(
    "changes", [{"confidence_score": math.nan}, {"facts": {"atr_pct": 1e-307}, "leverage": 1.0}]
)
def test_a_surprise_that_is_no_number_is_none(changes: dict[str, Any]) -> None:
    assert surprise(a_trade(profit_ratio=9e9, **changes)) is None


@pytest.mark.parametrize(
    ("profit_ratio", "excursion", "surprised", "looks_like"),
    [
        (TINY, RIGHT, None, "skill"),
        (TINY, RIGHT, 2.0, "skill"),
        (TINY, RIGHT, 2.01, "luck"),
        (TINY, RIGHT, -9.0, "skill"),
        (TINY, WRONG, None, "luck"),
        (TINY, WRONG, 0.0, "luck"),
        (0.0, WRONG, None, "mistake"),
        (-0.01, WRONG, None, "mistake"),
        (-0.01, WRONG, -2.0, "mistake"),
        (-0.01, WRONG, -9.0, "mistake"),
        (-0.1229, WRONG, None, "mistake"),
        (-0.1231, WRONG, None, "misfortune"),
        (-0.01, WRONG, 9.0, "mistake"),
        (-0.01, RIGHT, None, "misfortune"),
        (-0.01, RIGHT, 0.0, "misfortune"),
        (0.0, RIGHT, None, "misfortune"),
    ],
)
def test_a_trade_is_judged_by_its_direction_and_by_how_far_the_price_went(
    profit_ratio: float, excursion: dict[str, float], surprised: float | None, looks_like: str
) -> None:
    assert judgement(a_trade(profit_ratio=profit_ratio, **excursion), surprised) == looks_like


def test_without_a_reach_no_loss_is_excused_by_its_size() -> None:
    assert judgement(a_trade(profit_ratio=-0.9, facts={}, **WRONG), None) == "mistake"


@pytest.mark.parametrize("confidence", [1.0, 50.0, 100.0])
def test_confidence_excuses_no_loss(confidence: float) -> None:
    trade = a_trade(profit_ratio=-0.05, confidence_score=confidence, **WRONG)
    assert judgement(trade, surprise(trade)) == "mistake"


@pytest.mark.parametrize(
    ("profit_ratio", "looks_like"), [(-0.098, "misfortune"), (-0.1, "mistake")]
)
def test_a_right_direction_is_no_excuse_for_a_stop_that_was_overrun(
    profit_ratio: float, looks_like: str
) -> None:
    # The stop at 97 allows 3.3 % of the price, 9.9 % at 3x.
    trade = a_trade(profit_ratio=profit_ratio, mfe_ratio=0.2, mae_ratio=-0.1)
    assert judgement(trade, 0.0) == looks_like


@pytest.mark.parametrize("profit_ratio", [-0.5, 0.5])
def test_a_trade_that_nobody_had_reasons_for_is_not_judged(profit_ratio: float) -> None:
    assert judgement(a_trade(thesis=None, profit_ratio=profit_ratio), None) is None


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.builds(
        a_trade,
        hours=st.floats(0, 1e6),
        facts=st.fixed_dictionaries({}, optional={"atr_pct": numbers}),
        confidence_score=numbers,
        timeframe=st.sampled_from(["1m", "30m", "1w", "", "1y"]),
        leverage=st.floats(1, 125),
        profit_ratio=st.floats(-1e6, 1e6),
    )
)
def test_whatever_a_thesis_holds_a_surprise_is_a_number_or_none(trade: ClosedTrade) -> None:
    value = surprise(trade)
    assert value is None or math.isfinite(value)
    assert judgement(trade, value) in {"skill", "luck", "misfortune", "mistake"}


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(1, 100))
def test_more_profit_is_never_less_of_a_surprise(
    one: float, other: float, confidence: float
) -> None:
    less, more = sorted((one, other))
    worse = surprise(a_trade(profit_ratio=less, confidence_score=confidence))
    better = surprise(a_trade(profit_ratio=more, confidence_score=confidence))
    assert worse is not None
    assert better is not None
    assert worse <= better


@given(st.floats(-1, 1), st.floats(1, 100), st.floats(1, 100))
def test_the_more_confidence_the_less_a_result_surprises_upwards(
    profit_ratio: float, one: float, other: float
) -> None:
    humble, sure = sorted((one, other))
    upwards = surprise(a_trade(profit_ratio=profit_ratio, confidence_score=humble))
    downwards = surprise(a_trade(profit_ratio=profit_ratio, confidence_score=sure))
    assert upwards is not None
    assert downwards is not None
    assert downwards <= upwards

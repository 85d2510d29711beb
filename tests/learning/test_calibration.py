"""Confidence against results: every figure by hand, and what the model is told of them."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.domain import Language
from llm_modules.learning.calibration import (
    FEWEST_TRADES,
    Bin,
    Calibration,
    Group,
    Reliability,
    bin_name,
    calibration_sentence,
)
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.wording import learning_phrases
from llm_modules.metrics import wilson_interval
from llm_modules.weights import tokens, weight
from own_trades import own_trade

ENGLISH = learning_phrases("en")
MOST_TOKENS = 40


def said(confidence: float | None, *, wins: int, of: int, **changes: Any) -> list[RememberedTrade]:
    return [
        own_trade(number, won=number < wins, confidence_score=confidence, **changes)
        for number in range(of)
    ]


def calibrated(*trades: RememberedTrade) -> Calibration:
    calibration = Calibration()
    for trade in trades:
        calibration.add(trade)
    return calibration


def reliability(*trades: RememberedTrade) -> Reliability:
    return calibrated(*trades).reliability()


def filled(found: Reliability) -> list[Bin]:
    return [item for item in found.bins if item.n]


# --- figures ------------------------------------------------------------------------------------


def test_without_trades_every_figure_is_zero() -> None:
    found = reliability()
    assert (found.n, found.wins, found.mean_confidence, found.brier, found.ece) == (0, 0, 0, 0, 0)
    assert found.win_rate == 0
    assert found.win_rate_interval == (0.0, 1.0)
    assert len(found.bins) == 10
    assert set(filled(found)) == set()
    assert calibrated().groups() == ()


def test_a_bin_tells_what_was_said_what_was_won_and_how_sure_that_is() -> None:
    found = reliability(*said(80, wins=5, of=12), *said(85, wins=1, of=4))
    (item,) = filled(found)
    assert (item.low, item.high, item.n, item.wins) == (80, 90, 16, 6)
    assert item.mean_confidence == pytest.approx((12 * 0.80 + 4 * 0.85) / 16)
    assert item.win_rate == 6 / 16
    assert (item.win_rate_low, item.win_rate_high) == wilson_interval(6, 16)


def test_the_brier_score_is_the_mean_squared_distance_to_what_happened() -> None:
    found = reliability(*said(70, wins=3, of=4), *said(60, wins=0, of=1))
    assert found.brier == pytest.approx((3 * 0.3**2 + 0.7**2 + 0.6**2) / 5)
    assert (found.n, found.wins, found.win_rate) == (5, 3, 0.6)
    assert found.mean_confidence == pytest.approx((4 * 0.7 + 0.6) / 5)
    assert found.win_rate_interval == wilson_interval(3, 5)


def test_the_calibration_error_weighs_the_distance_of_each_bin_by_its_trades() -> None:
    found = reliability(*said(90, wins=6, of=10), *said(50, wins=25, of=30))
    assert found.ece == pytest.approx((10 * abs(0.9 - 0.6) + 30 * abs(0.5 - 25 / 30)) / 40)


def test_errors_of_different_bins_do_not_cancel() -> None:
    found = reliability(*said(80, wins=0, of=10), *said(20, wins=10, of=10))
    assert found.mean_confidence == found.win_rate == 0.5
    assert found.ece == pytest.approx(0.8)


@pytest.mark.parametrize(("wins", "brier"), [(10, 0.0), (0, 1.0)])
def test_certainty_is_best_when_right_and_worst_when_wrong(wins: int, brier: float) -> None:
    found = reliability(*said(100, wins=wins, of=10))
    assert (found.brier, found.ece) == (brier, brier)


@pytest.mark.parametrize(
    ("confidence", "low"),
    [(0, 0), (9.99, 0), (10, 10), (79.9, 70), (80, 80), (89.99, 80), (90, 90), (99, 90), (100, 90)],
)
def test_bins_are_ten_points_wide_and_the_last_includes_100(confidence: float, low: int) -> None:
    assert [item.low for item in filled(reliability(*said(confidence, wins=1, of=1)))] == [low]


@pytest.mark.parametrize(
    "confidence", [None, -0.001, 100.001, 1e300, -1e300, float("nan"), float("inf")]
)
def test_a_trade_without_a_possible_confidence_is_left_out(confidence: float | None) -> None:
    assert calibrated(*said(confidence, wins=1, of=1)).groups() == ()


def test_a_trade_that_people_or_a_halt_ended_is_left_out() -> None:
    assert calibrated(*said(80, wins=1, of=1, is_own=False)).groups() == ()


@pytest.mark.parametrize(("profit", "wins"), [(0.0, 0), (1e-9, 1), (-1e-9, 0)])
def test_breaking_even_is_not_won(profit: float, wins: int) -> None:
    assert reliability(own_trade(profit_ratio=profit)).wins == wins


# --- groups -------------------------------------------------------------------------------------

MIXED = calibrated(
    *said(80, wins=1, of=2, model="b", side="short", regime="ranging"),
    *said(80, wins=3, of=3, model="a", side="short", regime="volatile"),
    *said(60, wins=0, of=4, model="a", side="long", regime="ranging"),
    *said(50, wins=2, of=5, model="a", side="long", regime="volatile"),
)


def test_each_model_side_and_regime_is_a_group_by_name() -> None:
    assert MIXED.groups() == (
        Group("a", "long", "ranging"),
        Group("a", "long", "volatile"),
        Group("a", "short", "volatile"),
        Group("b", "short", "ranging"),
    )


@pytest.mark.parametrize(
    ("asked", "n", "wins"),
    [
        ({}, 14, 6),
        ({"model": "a"}, 12, 5),
        ({"model": "b"}, 2, 1),
        ({"model": "c"}, 0, 0),
        ({"side": "short"}, 5, 4),
        ({"regime": "ranging"}, 6, 1),
        ({"model": "a", "regime": "volatile"}, 8, 5),
        ({"model": "a", "side": "long", "regime": "volatile"}, 5, 2),
        ({"model": "b", "side": "long"}, 0, 0),
    ],
)
def test_any_of_the_three_may_be_asked_for(asked: dict[str, Any], n: int, wins: int) -> None:
    found = MIXED.reliability(**asked)
    assert (found.n, found.wins) == (n, wins)


def test_a_model_without_a_name_is_a_group_too() -> None:
    calibration = calibrated(*said(80, wins=1, of=2, model=""), *said(80, wins=1, of=3))
    assert calibration.reliability(model="").n == 2


# --- in words -----------------------------------------------------------------------------------


def test_too_much_confidence_is_told_with_the_bin_that_misses_most() -> None:
    trades = [
        *said(65, wins=14, of=28),
        *said(88, wins=5, of=12),
    ]
    assert calibration_sentence(ENGLISH, reliability(*trades)) == (
        "Your confidence (n=40): said 72 %, 48 % won; 80-89: 5 of 12. Subtract about 25 points."
    )


def test_too_little_confidence_is_told_too() -> None:
    trades = [*said(55, wins=26, of=30), *said(95, wins=10, of=10)]
    assert calibration_sentence(ENGLISH, reliability(*trades)) == (
        "Your confidence (n=40): said 65 %, 90 % won; 50-59: 26 of 30. Add about 25 points."
    )


def test_confidence_that_fits_is_called_in_line() -> None:
    assert calibration_sentence(ENGLISH, reliability(*said(60, wins=22, of=40))) == (
        "Your confidence (n=40): said 60 %, 55 % won; in line, keep it honest."
    )


@pytest.mark.parametrize(
    # Of 40 trades with 20 won, the Wilson interval is 0.351993 to 0.648007.
    ("confidence", "verdict"),
    [
        (35.199, "Add"),
        (35.200, "in line"),
        (50, "in line"),
        (64.800, "in line"),
        (64.801, "Subtract"),
    ],
)
def test_only_a_confidence_outside_the_interval_is_called_wrong(
    confidence: float, verdict: str
) -> None:
    sentence = calibration_sentence(ENGLISH, reliability(*said(confidence, wins=20, of=40)))
    assert sentence is not None
    assert verdict in sentence


@pytest.mark.parametrize(("count", "is_told"), [(19, False), (20, True), (21, True)])
def test_nothing_is_told_below_twenty_trades(count: int, *, is_told: bool) -> None:
    sentence = calibration_sentence(ENGLISH, reliability(*said(80, wins=10, of=count)))
    assert (sentence is not None) is is_told
    assert FEWEST_TRADES == 20


@pytest.mark.parametrize(
    ("wins", "points"), [(1200, 20), (1174, 20), (1176, 20), (1224, 20), (1226, 20), (1300, 15)]
)
def test_the_advice_is_rounded_to_five_points(wins: int, points: int) -> None:
    sentence = calibration_sentence(ENGLISH, reliability(*said(80, wins=wins, of=2000)))
    assert sentence is not None
    assert sentence.endswith(f"Subtract about {points} points.")


def test_the_smallest_advice_is_five_points() -> None:
    # Two points too much, but sure of it.
    sentence = calibration_sentence(ENGLISH, reliability(*said(80, wins=7800, of=10_000)))
    assert sentence is not None
    assert sentence.endswith("Subtract about 5 points.")


@pytest.mark.parametrize(
    ("confidence", "wins", "sentence"),
    [
        (72, 14, "你的置信度（n=40）：均值72%，胜率35%；70-79档40中14，应下调约35点。"),  # noqa: RUF001
        (30, 24, "你的置信度（n=40）：均值30%，胜率60%；30-39档40中24，可上调约30点。"),  # noqa: RUF001
        (60, 24, "你的置信度（n=40）：均值60%，胜率60%，两者相符。"),  # noqa: RUF001
    ],
)
def test_it_is_told_in_chinese_too(confidence: float, wins: int, sentence: str) -> None:
    found = reliability(*said(confidence, wins=wins, of=40))
    assert calibration_sentence(learning_phrases("zh"), found) == sentence


@pytest.mark.parametrize(("confidence", "wins"), [(88, 5), (12, 35), (60, 24)])
def test_the_line_costs_no_more_than_forty_tokens(confidence: float, wins: int) -> None:
    found = reliability(*said(confidence, wins=wins, of=40))
    sentence = calibration_sentence(ENGLISH, found)
    assert sentence is not None
    assert tokens(weight(sentence)) <= MOST_TOKENS
    # The estimate takes each Chinese character for a token; vocabularies need about 0.7.
    chinese = calibration_sentence(learning_phrases("zh"), found)
    assert chinese is not None
    assert len(chinese) <= 1.25 * MOST_TOKENS


@pytest.mark.parametrize(("low", "name"), [(0, "0-9"), (80, "80-89"), (90, "90-100")])
def test_a_bin_is_named_by_the_confidences_in_it(low: int, name: str) -> None:
    item = next(item for item in reliability().bins if item.low == low)
    assert bin_name(item) == name


# --- any trades ---------------------------------------------------------------------------------

trades_drawn = st.lists(
    st.builds(
        own_trade,
        st.integers(0, 50),
        won=st.booleans(),
        confidence_score=st.none() | st.floats(-10, 110),
        model=st.sampled_from(["a", "b", ""]),
        side=st.sampled_from(["long", "short"]),
        regime=st.sampled_from(["volatile", "trending", "ranging", "unknown"]),
        is_own=st.booleans(),
    ),
    max_size=40,
)


@given(trades_drawn, st.randoms())
def test_any_order_gives_the_same_to_the_last_bit(
    trades: list[RememberedTrade], dice: random.Random
) -> None:
    shuffled = dice.sample(trades, len(trades))
    one, other = calibrated(*trades), calibrated(*shuffled)
    assert one.groups() == other.groups()
    assert one.reliability() == other.reliability()
    for group in one.groups():
        assert one.reliability(*group) == other.reliability(*group)


@given(trades_drawn)
def test_groups_and_bins_add_up_to_the_whole(trades: list[RememberedTrade]) -> None:
    calibration = calibrated(*trades)
    whole = calibration.reliability()
    parts = [calibration.reliability(*group) for group in calibration.groups()]
    assert whole.n == sum(part.n for part in parts) == sum(item.n for item in whole.bins)
    assert whole.wins == sum(part.wins for part in parts) == sum(item.wins for item in whole.bins)
    assert whole.brier * whole.n == pytest.approx(sum(part.brier * part.n for part in parts))


@given(trades_drawn, st.sampled_from(["en", "zh"]))
def test_every_figure_stays_within_its_range_and_can_be_told(
    trades: list[RememberedTrade], language: Language
) -> None:
    found = reliability(*trades)
    assert 0 <= found.brier <= 1
    assert 0 <= found.ece <= 1
    assert 0 <= found.mean_confidence <= 1
    for item in filled(found):
        assert item.win_rate_low <= item.win_rate + 1e-12
        assert item.win_rate <= item.win_rate_high + 1e-12
        assert item.low / 100 - 1e-9 <= item.mean_confidence <= item.high / 100 + 1e-9
    sentence = calibration_sentence(learning_phrases(language), replace(found, n=found.n + 20))
    assert sentence is not None
    assert "\n" not in sentence

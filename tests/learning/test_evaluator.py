from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, a_closed_trade, a_thesis
from llm_modules.domain import ClosedTrade
from llm_modules.learning.booked_risk import (
    SLIPPAGE_RATIO,
    allowed_loss_ratio,
    booked_stop,
    is_liquidated_before_stop,
    overran_stop,
)
from llm_modules.learning.evaluator import (
    TradeEvaluator,
    drawdown_points,
    efficiency_points,
    entry_points,
    exit_points,
    grade_of,
    hours_open,
    kept_share,
    leverage_points,
    profit_points,
    stop_points,
)

TINY = 1e-9
ratios = st.floats(-2, 5, allow_nan=False)


def near(value: float) -> Any:
    return pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("profit_ratio", "points"),
    [
        (-0.5, 0.0),
        (-0.05 - TINY, 0.0),
        (-0.05, 0.0),
        (-0.025, 5.0),
        (-TINY, 10.0),
        (0.0, 10.0),
        (0.025, 15.0),
        (0.05 - TINY, 20.0),
        (0.05, 20.0),
        (0.05 + TINY, 20.0),
        (0.075, 25.0),
        (0.10, 30.0),
        (0.10 + TINY, 30.0),
        (3.0, 30.0),
    ],
)
def test_profit_earns_up_to_30_points_linear_between_the_edges_of_its_bands(
    profit_ratio: float, points: float
) -> None:
    assert profit_points(profit_ratio) == near(points)


def test_the_allowed_loss_is_the_stop_distance_plus_slippage_times_leverage() -> None:
    trade = a_closed_trade(leverage=3.0, open_rate=100.0)
    assert allowed_loss_ratio(trade, 97.0) == near((0.03 + SLIPPAGE_RATIO) * 3)


def test_a_short_counts_its_stop_upwards() -> None:
    trade = a_closed_trade(side="short", leverage=2.0, open_rate=100.0)
    assert allowed_loss_ratio(trade, 104.0) == near((0.04 + SLIPPAGE_RATIO) * 2)


@pytest.mark.parametrize("stop", [100.0, 103.0])
def test_a_stop_at_or_beyond_break_even_allows_slippage_only(stop: float) -> None:
    trade = a_closed_trade(leverage=3.0, open_rate=100.0)
    assert allowed_loss_ratio(trade, stop) == near(SLIPPAGE_RATIO * 3)


@pytest.mark.parametrize(
    ("share_of_allowed_loss", "points"),
    [
        (-1.0, 10.0),
        (0.0, 10.0),
        (1 - TINY, 10.0),
        (1.0, 10.0),
        (1.25, 7.5),
        (2.0, 0.0),
        (2 + TINY, 0.0),
        (9.0, 0.0),
    ],
)
def test_a_stop_is_respected_up_to_slippage_and_worthless_at_twice_the_loss(
    share_of_allowed_loss: float, points: float
) -> None:
    allowed = allowed_loss_ratio(a_closed_trade(), 97.0)
    trade = a_closed_trade(stop_price=97.0, profit_ratio=-share_of_allowed_loss * allowed)
    assert stop_points(trade) == near(points)


def test_a_stop_is_overrun_only_beyond_slippage() -> None:
    allowed = allowed_loss_ratio(a_closed_trade(), 97.0)
    assert not overran_stop(a_closed_trade(stop_price=97.0, profit_ratio=-allowed))
    assert overran_stop(a_closed_trade(stop_price=97.0, profit_ratio=-allowed - TINY))


def test_a_loss_behind_a_tightened_stop_is_measured_by_that_stop() -> None:
    trade = a_closed_trade(stop_price=101.0, profit_ratio=-0.08, thesis=a_thesis(stop_price=97.0))
    assert stop_points(trade) == 0.0


@pytest.mark.parametrize(
    ("leverage", "points"),
    [
        (1.0, 10.0),
        (5.0, 10.0),
        (5.0 + TINY, 10.0),
        (12.5, 5.0),
        (20.0 - TINY, 0.0),
        (20.0, 0.0),
        (50.0, 0.0),
    ],
)
def test_leverage_is_full_up_to_5x_and_falls_to_0_at_the_maximum(
    leverage: float, points: float
) -> None:
    assert leverage_points(a_closed_trade(leverage=leverage), 20.0) == near(points)


@pytest.mark.parametrize("maximum", [1.0, 3.0, 5.0])
def test_a_maximum_of_5x_or_less_leaves_modest_leverage_full(maximum: float) -> None:
    assert leverage_points(a_closed_trade(leverage=maximum), maximum) == 10.0
    assert leverage_points(a_closed_trade(leverage=5.5), maximum) == 0.0


@pytest.mark.parametrize(
    ("side", "liquidation", "lost_to_liquidation"),
    [
        ("long", None, False),
        ("long", 96.9, False),
        ("long", 97.0, False),
        ("long", 97.1, True),
        ("short", None, False),
        ("short", 103.1, False),
        ("short", 103.0, False),
        ("short", 102.9, True),
    ],
)
def test_leverage_earns_nothing_when_liquidation_lay_nearer_than_the_booked_stop(
    side: str, liquidation: float | None, *, lost_to_liquidation: bool
) -> None:
    stop = 97.0 if side == "long" else 103.0
    trade = a_closed_trade(
        side=side, liquidation_price=liquidation, leverage=2.0, thesis=a_thesis(stop_price=stop)
    )
    assert is_liquidated_before_stop(trade) is lost_to_liquidation
    assert leverage_points(trade, 20.0) == (0.0 if lost_to_liquidation else 10.0)


def test_the_booked_stop_is_the_one_of_the_thesis_where_there_is_one() -> None:
    assert booked_stop(a_closed_trade(stop_price=101.0, thesis=a_thesis(stop_price=97.0))) == 97.0
    assert booked_stop(a_closed_trade(stop_price=101.0, thesis=a_thesis(stop_price=None))) == 101.0
    assert booked_stop(a_closed_trade(stop_price=101.0, thesis=None)) == 101.0


@pytest.mark.parametrize(
    ("used_share", "points"),
    [(-0.1, 5.0), (0.0, 5.0), (0.5, 2.5), (1.0, 0.0), (1 + TINY, 0.0), (4.0, 0.0)],
)
def test_drawdown_is_measured_against_the_booked_risk(used_share: float, points: float) -> None:
    allowed = allowed_loss_ratio(a_closed_trade(), 97.0)
    # The stop was tightened later: the risk that had been booked still counts.
    trade = a_closed_trade(mae_ratio=-used_share * allowed, stop_price=101.0)
    assert drawdown_points(trade) == near(points)


@pytest.mark.parametrize(
    ("mae_ratio", "points"),
    [(0.01, 12.0), (0.0, 12.0), (-0.0125, 9.0), (-0.05 + TINY, 0.0), (-0.05, 0.0), (-0.8, 0.0)],
)
def test_an_entry_is_the_better_the_less_it_went_into_the_red(
    mae_ratio: float, points: float
) -> None:
    assert entry_points(mae_ratio) == near(points)


@pytest.mark.parametrize(
    ("profit_ratio", "mfe_ratio", "points"),
    [
        (0.08, 0.08, 13.0),
        (0.09, 0.08, 13.0),
        (0.04, 0.08, 6.5),
        (0.0, 0.08, 0.0),
        (-0.04, 0.08, 0.0),
        (-0.04, 0.0, 0.0),
        (-0.04, -0.01, 0.0),
    ],
)
def test_an_exit_is_the_better_the_more_of_the_best_profit_it_kept(
    profit_ratio: float, mfe_ratio: float, points: float
) -> None:
    assert exit_points(profit_ratio, mfe_ratio) == near(points)


def test_a_trade_that_was_never_in_profit_had_nothing_to_keep() -> None:
    assert kept_share(-0.01, 0.0) is None
    assert kept_share(-0.01, TINY) == 0.0


def test_a_profit_that_the_candles_missed_was_kept_whole() -> None:
    assert kept_share(0.02, -0.001) == 1.0


@pytest.mark.parametrize(
    ("per_hour", "points"),
    [
        (0.0101, 20.0),
        (0.01, 15.0),
        (0.0051, 15.0),
        (0.005, 10.0),
        (0.0011, 10.0),
        (0.001, 5.0),
        (0.0001, 5.0),
        (0.0, 0.0),
        (-0.02, 0.0),
    ],
)
def test_efficiency_counts_profit_per_hour_in_steps(per_hour: float, points: float) -> None:
    assert efficiency_points(per_hour, 1.0) == points
    assert efficiency_points(per_hour * 4, 4.0) == points


def test_a_trade_closed_in_the_second_it_opened_counts_as_one_minute() -> None:
    assert efficiency_points(0.01 / 60, 0.0) == 15.0
    assert efficiency_points(-0.01, 0.0) == 0.0


def test_hours_open_is_the_time_between_opening_and_closing() -> None:
    trade = a_closed_trade(opened_at=NOON, closed_at=NOON + timedelta(minutes=90))
    assert hours_open(trade) == 1.5


@pytest.mark.parametrize(
    ("score", "grade"),
    [
        (100.0, "S"),
        (90.0, "S"),
        (89.99, "A"),
        (80.0, "A"),
        (79.99, "B"),
        (70.0, "B"),
        (69.99, "C"),
        (60.0, "C"),
        (59.99, "D"),
        (50.0, "D"),
        (49.99, "F"),
        (0.0, "F"),
    ],
)
def test_grades_change_at_every_tenth_point_from_50_on(score: float, grade: str) -> None:
    assert grade_of(score) == grade


def test_a_flawless_trade_scores_100() -> None:
    perfect = a_closed_trade(profit_ratio=0.12, mfe_ratio=0.12, mae_ratio=0.0)
    evaluation = TradeEvaluator(20.0).evaluate(perfect)
    assert (evaluation.score, evaluation.grade) == (100.0, "S")
    assert evaluation.profit_points == 30.0
    assert evaluation.risk_points == 25.0
    assert evaluation.timing_points == 25.0
    assert evaluation.efficiency_points == 20.0


def test_a_trade_that_blew_through_its_stop_at_full_leverage_scores_0() -> None:
    disaster = a_closed_trade(
        profit_ratio=-0.98, mfe_ratio=0.0, mae_ratio=-0.98, leverage=20.0, stop_price=99.0
    )
    evaluation = TradeEvaluator(20.0).evaluate(disaster)
    assert (evaluation.score, evaluation.grade) == (0.0, "F")


def test_an_ordinary_trade_adds_up_by_hand() -> None:
    trade = a_closed_trade(
        leverage=10.0,
        profit_ratio=0.04,
        mfe_ratio=0.08,
        mae_ratio=-0.02,
        opened_at=NOON - timedelta(hours=8),
        closed_at=NOON,
    )
    evaluation = TradeEvaluator(20.0).evaluate(trade)
    booked_risk = (0.03 + 0.003) * 10
    risk = 10 + 10 * (20 - 10) / (20 - 5) + 5 * (1 - 0.02 / booked_risk)
    assert evaluation.profit_points == near(18.0)
    assert evaluation.risk_points == near(round(risk, 2))
    assert evaluation.timing_points == near(round(12 * 0.6 + 13 * 0.5, 2))
    assert evaluation.efficiency_points == 10.0
    assert evaluation.grade == "C"


def a_random_trade(draw: st.DrawFn) -> ClosedTrade:
    return a_closed_trade(
        side=draw(st.sampled_from(["long", "short"])),
        leverage=draw(st.floats(1, 125)),
        open_rate=draw(st.floats(1e-6, 1e6)),
        stop_price=draw(st.floats(1e-6, 1e6)),
        liquidation_price=draw(st.none() | st.floats(0, 1e6)),
        profit_ratio=draw(ratios),
        mfe_ratio=draw(ratios),
        mae_ratio=draw(ratios),
        closed_at=a_closed_trade().opened_at + timedelta(seconds=draw(st.integers(0, 10**7))),
        thesis=draw(st.none() | st.builds(a_thesis, stop_price=st.none() | st.floats(1e-6, 1e6))),
    )


@given(st.composite(a_random_trade)(), st.floats(1, 125))
def test_whatever_happened_the_score_lies_within_0_and_100_and_is_the_sum_of_its_parts(
    trade: ClosedTrade, max_leverage: float
) -> None:
    evaluation = TradeEvaluator(max_leverage).evaluate(trade)
    parts = {
        "profit": (evaluation.profit_points, 30),
        "risk": (evaluation.risk_points, 25),
        "timing": (evaluation.timing_points, 25),
        "efficiency": (evaluation.efficiency_points, 20),
    }
    assert all(0 <= points <= most for points, most in parts.values()), parts
    assert 0 <= evaluation.score <= 100
    assert evaluation.score == near(sum(points for points, _ in parts.values()))


@given(ratios, ratios)
def test_more_profit_never_earns_fewer_points(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert profit_points(less) <= profit_points(more)
    assert efficiency_points(less, 2.0) <= efficiency_points(more, 2.0)
    assert exit_points(less, 1.0) <= exit_points(more, 1.0)

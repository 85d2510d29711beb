import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessing import DAY, HALF_HOUR, MIDNIGHT, a_curve, grown, trades_of
from builders import a_closed_trade
from llm_modules import metrics
from llm_modules.backtest.outcome import Equity
from llm_modules.backtest.statistics import (
    EQUITY_METRICS,
    TRADE_METRICS,
    between,
    opened_between,
    statistics_of,
)

PROFITS = st.lists(st.floats(-50, 50).map(lambda one: round(one, 2)), min_size=2, max_size=40)
SIMULATED = 100
TRUE_MEAN, TRUE_SPREAD = 0.002, 0.02


def a_random_walk(seed: int, days: int = 60, mean: float = TRUE_MEAN) -> Equity:
    returns = np.random.default_rng(seed).normal(mean, TRUE_SPREAD, days)
    return a_curve(grown(returns))


def test_a_stretch_says_how_much_is_behind_it() -> None:
    statistics = statistics_of(a_random_walk(1), trades_of(1, -1, 2))
    assert statistics.trades == 3
    assert statistics.days == 60
    assert set(statistics.figures) == {*EQUITY_METRICS, *TRADE_METRICS}


@pytest.mark.parametrize("seed", range(5))
def test_every_interval_holds_its_value_in_sensible_samples(seed: int) -> None:
    profits = np.random.default_rng(seed).normal(1, 10, 60)
    statistics = statistics_of(a_random_walk(seed), trades_of(*profits))
    for name in (*EQUITY_METRICS, *TRADE_METRICS):
        figure = statistics.figures[name]
        assert None not in (figure.value, figure.low, figure.high), name
        assert figure.low < figure.value < figure.high, name


def test_the_values_are_the_formulas_on_the_whole_curve() -> None:
    curve = a_random_walk(3)
    figures = statistics_of(curve, ()).figures
    daily = curve.values[1:] / curve.values[:-1] - 1
    gain, fall = metrics.return_ratio(curve.values), metrics.max_drawdown_ratio(curve.values)
    assert figures["return_ratio"].value == pytest.approx(gain)
    assert figures["max_drawdown_ratio"].value == pytest.approx(fall)
    assert figures["sharpe"].value == pytest.approx(metrics.sharpe(daily, 365))
    assert figures["sortino"].value == pytest.approx(metrics.sortino(daily, 365))
    assert figures["calmar"].value == pytest.approx(metrics.calmar(gain, fall, 60))


def test_short_runs_are_looked_at_every_four_hours_and_long_ones_every_day() -> None:
    returns = np.random.default_rng(5).normal(0.001, 0.01, 6 * 30)
    values = grown(returns)
    month = a_curve(values, timedelta(hours=4))
    daily = np.array(values[::6])
    sharpe = metrics.sharpe(daily[1:] / daily[:-1] - 1, 365)
    assert statistics_of(month, ()).figures["sharpe"].value == pytest.approx(sharpe)
    shorter = a_curve(values[:-1], timedelta(hours=4))
    fine = metrics.sharpe(returns[:-1], 6 * 365)
    assert statistics_of(shorter, ()).figures["sharpe"].value == pytest.approx(fine)


def test_less_than_two_days_have_a_return_and_a_drawdown_alone() -> None:
    curve = a_curve([1000.0, 900.0, 990.0], timedelta(hours=23))
    figures = statistics_of(curve, ()).figures
    assert figures["return_ratio"].value == pytest.approx(-0.01)
    assert figures["max_drawdown_ratio"].value == pytest.approx(0.1)
    assert figures["return_ratio"].low is figures["return_ratio"].high is None
    assert [figures[name].value for name in ("sharpe", "sortino", "calmar")] == [None] * 3


def test_two_days_are_enough_for_ratios() -> None:
    values = grown(np.random.default_rng(4).normal(0, 0.002, 96))
    figures = statistics_of(a_curve(values, HALF_HOUR), ()).figures
    assert figures["sharpe"].value is not None
    assert figures["return_ratio"].low is not None


@pytest.mark.parametrize("last", [0.0, -50.0])
def test_an_account_that_lost_all_has_no_ratios(last: float) -> None:
    figures = statistics_of(a_curve([1000.0, 500.0, last]), ()).figures
    assert figures["return_ratio"].value == pytest.approx(last / 1000 - 1)
    assert figures["sharpe"].value is None
    assert figures["max_drawdown_ratio"].low is None


@pytest.mark.parametrize("curve", [a_curve([]), a_curve([1000.0]), a_curve([0.0, 1.0, 2.0])])
def test_what_is_no_account_has_no_figures(curve: Equity) -> None:
    figures = statistics_of(curve, ()).figures
    assert {figure.value for figure in figures.values()} == {None}


def test_an_account_that_stands_still_earns_nothing_and_has_no_ratios() -> None:
    figures = statistics_of(a_curve([1000.0] * 60), ()).figures
    still = figures["return_ratio"], figures["max_drawdown_ratio"]
    assert [(one.value, one.low, one.high) for one in still] == [(0.0, 0.0, 0.0)] * 2
    assert [figures[name].value for name in ("sharpe", "sortino", "calmar")] == [None] * 3


def test_without_a_losing_day_sortino_and_calmar_are_not_defined() -> None:
    figures = statistics_of(a_curve(grown([0.01, 0.02] * 20)), ()).figures
    assert figures["sharpe"].value is not None
    assert figures["sortino"].value is figures["calmar"].value is None


@given(st.floats(0.001, 1000))
@settings(max_examples=10, deadline=None)
def test_nothing_depends_on_how_large_the_account_is(size: float) -> None:
    curve = a_random_walk(7, days=20)
    larger = Equity(curve.at, curve.values * size)
    small, large = (statistics_of(one, ()).figures for one in (curve, larger))
    for name in EQUITY_METRICS:
        assert large[name].value == pytest.approx(small[name].value)
        assert large[name].low == pytest.approx(small[name].low)
        assert large[name].high == pytest.approx(small[name].high)


def test_the_same_run_has_the_same_intervals() -> None:
    once, again = (statistics_of(a_random_walk(2), trades_of(1, -2, 3)) for _ in range(2))
    assert once == again


@given(PROFITS, st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_the_order_of_trades_changes_nothing(profits: list[float], chance: object) -> None:
    trades = list(trades_of(*profits))
    before = statistics_of(a_curve([1.0]), trades).figures
    chance.shuffle(trades)  # type: ignore[attr-defined]
    assert statistics_of(a_curve([1.0]), trades).figures == before


def test_without_trades_nothing_is_known_of_them() -> None:
    figures = statistics_of(a_random_walk(1), ()).figures
    assert [figures[name].value for name in TRADE_METRICS] == [None] * 3


def test_a_single_trade_has_values_and_no_interval() -> None:
    figures = statistics_of(a_random_walk(1), trades_of(-5)).figures
    assert figures["win_rate"].value == 0
    assert figures["expectancy_ratio"].value == pytest.approx(-0.05)
    assert figures["profit_factor"].value == 0
    assert {figures[name].low for name in TRADE_METRICS} == {None}


def test_without_a_losing_trade_there_is_no_profit_factor() -> None:
    figure = statistics_of(a_random_walk(1), trades_of(5, 6, 7)).figures["profit_factor"]
    assert (figure.value, figure.low, figure.high) == (None, None, None)


def test_a_single_loss_leaves_the_profit_factor_without_an_upper_bound() -> None:
    figure = statistics_of(a_random_walk(1), trades_of(5, 6, 7, -2)).figures["profit_factor"]
    assert figure.value == 9
    assert figure.low is not None
    assert figure.high is None


def test_win_rate_and_profit_factor_are_of_money_and_expectancy_of_ratios() -> None:
    large = a_closed_trade(profit_abs=-30.0, profit_ratio=0.5)
    small = a_closed_trade(profit_abs=10.0, profit_ratio=-0.1)
    figures = statistics_of(a_curve([1.0]), (large, small)).figures
    assert figures["win_rate"].value == 0.5
    assert figures["profit_factor"].value == pytest.approx(1 / 3)
    assert figures["expectancy_ratio"].value == pytest.approx(0.2)


def covered(name: str, truth: float, days: int = 120) -> float:
    hits = 0
    for seed in range(SIMULATED):
        figure = statistics_of(a_random_walk(seed, days), ()).figures[name]  # type: ignore[index]
        hits += figure.low <= truth <= figure.high
    return hits / SIMULATED


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    # Percentiles of a sample of 120 days are a little too narrow, which is known of them.
    assert 0.88 <= covered("sharpe", TRUE_MEAN / TRUE_SPREAD * math.sqrt(365)) <= 0.99


def test_the_interval_of_trades_covers_the_truth_too() -> None:
    hits = 0
    for seed in range(SIMULATED):
        profits = np.random.default_rng(seed).normal(1, 10, 80)
        figure = statistics_of(a_curve([1.0]), trades_of(*profits)).figures["expectancy_ratio"]
        hits += figure.low <= 0.01 <= figure.high
    assert 0.90 <= hits / SIMULATED <= 0.99


def test_a_part_of_a_curve_has_a_value_at_both_ends() -> None:
    curve = a_curve([1.0, 2.0, 3.0, 4.0])
    part = between(curve, MIDNIGHT + 0.5 * DAY, MIDNIGHT + 2.5 * DAY)
    assert part.values.tolist() == [1.0, 2.0, 3.0, 3.0]
    assert (part.at[-1] - part.at[0]) / 86_400_000 == 2.0


def test_before_its_first_point_and_after_its_last_an_account_stands_still() -> None:
    curve = a_curve([1.0, 2.0])
    part = between(curve, MIDNIGHT - DAY, MIDNIGHT + 3 * DAY)
    assert part.values.tolist() == [1.0, 1.0, 2.0, 2.0]


def test_a_point_on_the_edge_belongs_to_both_sides_as_end_and_as_beginning() -> None:
    curve = a_curve([1.0, 2.0, 3.0])
    before = between(curve, MIDNIGHT, MIDNIGHT + DAY)
    after = between(curve, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)
    assert before.values[-1] == after.values[0] == 2.0
    assert after.values[-1] == 3.0


def test_the_last_of_two_values_at_the_end_counts() -> None:
    at = np.array([0, 1000, 1000], dtype=np.int64)
    curve = Equity(at, np.array([1.0, 2.0, 5.0]))
    epoch = MIDNIGHT - (MIDNIGHT - type(MIDNIGHT).fromtimestamp(0, MIDNIGHT.tzinfo))
    part = between(curve, epoch, epoch + timedelta(seconds=1))
    assert part.values[-1] == 5.0


def test_a_trade_belongs_to_the_time_in_which_it_was_decided() -> None:
    trades = trades_of(1, 2, 3)
    hour = timedelta(hours=1)
    inside = opened_between(trades, MIDNIGHT + hour, MIDNIGHT + 2 * hour)
    assert [trade.profit_abs for trade in inside] == [2]

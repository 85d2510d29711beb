import math

import numpy as np
import pandas as pd
import pytest
from freqtrade.data import metrics as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from assessing import MIDNIGHT, grown
from llm_modules import metrics as ours

RETURNS = st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=60)
VALUES = st.lists(st.floats(1, 1e6), min_size=2, max_size=60)
PROFITS = st.lists(st.integers(-10_000, 10_000).map(float), min_size=1, max_size=60)


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def balance(values: list[float]) -> pd.DataFrame:
    dates = pd.date_range(MIDNIGHT, periods=len(values), freq="1D")
    return pd.DataFrame({"date": dates, "total_quote": values})


def closed(profits: list[float]) -> pd.DataFrame:
    dates = pd.date_range(MIDNIGHT, periods=len(profits), freq="1D")
    return pd.DataFrame({"close_date": dates, "profit_abs": profits})


def test_a_return_is_reckoned_from_the_first_to_the_last_value() -> None:
    assert ours.return_ratio(array(100, 50, 125)) == pytest.approx(0.25)


def test_a_drawdown_is_the_deepest_fall_from_a_peak_before_it() -> None:
    assert ours.max_drawdown_ratio(array(100, 120, 90, 130, 117)) == pytest.approx(0.25)
    assert ours.max_drawdown_ratio(array(100, 110, 120)) == 0
    assert ours.max_drawdown_ratio(array(100, -20)) == pytest.approx(1.2)


def test_sharpe_is_the_mean_over_the_sample_deviation_of_a_year() -> None:
    # Mean 1 %, deviation 2 %: half a unit of risk per step, 19.1 steps to the root of 365.
    assert ours.sharpe(array(-0.01, 0.01, 0.03), 365) == pytest.approx(0.5 * math.sqrt(365))
    assert ours.sharpe(array(-0.01, 0.01, 0.03), 4) == pytest.approx(1.0)


def test_returns_that_are_all_the_same_have_no_sharpe_ratio() -> None:
    assert math.isnan(ours.sharpe(array(0.1, 0.1, 0.1), 365))
    assert math.isnan(ours.sharpe(array(0, 0, 0), 365))


def test_a_tiny_spread_is_still_one() -> None:
    assert math.isfinite(ours.sharpe(array(0.1, 0.1 + 1e-9), 365))


def test_sortino_counts_gains_as_nothing_in_the_spread() -> None:
    downside = math.sqrt(0.02**2 / 4)
    mean = (0.01 + 0.03 - 0.02 + 0) / 4
    found = ours.sortino(array(0.01, 0.03, -0.02, 0), 100)
    assert found == pytest.approx(mean / downside * 10)


def test_without_a_loss_sortino_has_no_bound_and_without_a_move_no_value() -> None:
    assert ours.sortino(array(0.01, 0.02), 365) == math.inf
    assert math.isnan(ours.sortino(array(0, 0), 365))


def test_calmar_is_the_return_of_a_year_over_the_deepest_fall() -> None:
    assert ours.calmar(array(0.02), array(0.1), 73) == pytest.approx(1.0)
    assert ours.calmar(array(0.02), array(0.0), 73) == math.inf
    assert np.isnan(ours.calmar(array(0.0), array(0.0), 73))


def test_a_trade_that_came_out_even_is_no_win() -> None:
    assert ours.win_rate(array(1, 0, -1, 2)) == 0.5


def test_the_profit_factor_is_all_that_was_won_over_all_that_was_lost() -> None:
    assert ours.profit_factor(array(3, -1, 1, -1)) == 2
    assert ours.profit_factor(array(3)) == math.inf
    assert math.isnan(ours.profit_factor(array(0.0)))


def test_a_thousand_samples_are_judged_row_by_row() -> None:
    rows = np.array([[0.01, -0.02, 0.03], [0.02, 0.01, -0.05]])
    for formula in (ours.win_rate, ours.profit_factor, ours.expectancy):
        assert formula(rows).tolist() == [formula(row) for row in rows]
    assert ours.sharpe(rows, 365).tolist() == [ours.sharpe(row, 365) for row in rows]
    assert ours.sortino(rows, 365).tolist() == [ours.sortino(row, 365) for row in rows]
    values = 1 + rows
    assert ours.return_ratio(values).tolist() == [ours.return_ratio(row) for row in values]
    falls = [ours.max_drawdown_ratio(row) for row in values]
    assert ours.max_drawdown_ratio(values).tolist() == falls


@given(VALUES, st.floats(0.01, 100))
@settings(deadline=None)
def test_figures_of_the_account_do_not_depend_on_its_size(values: list[float], size: float) -> None:
    small, large = array(*values), size * array(*values)
    assert ours.return_ratio(large) == pytest.approx(ours.return_ratio(small), abs=1e-9)
    assert ours.max_drawdown_ratio(large) == pytest.approx(ours.max_drawdown_ratio(small), abs=1e-9)


@given(PROFITS)
@settings(deadline=None)
def test_figures_of_trades_do_not_depend_on_their_order(profits: list[float]) -> None:
    shuffled = sorted(profits)
    for formula in (ours.win_rate, ours.profit_factor, ours.expectancy):
        expected = float(formula(array(*profits)))
        found = float(formula(array(*shuffled)))
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)


@given(VALUES)
@settings(deadline=None)
def test_a_drawdown_lies_between_nothing_and_all(values: list[float]) -> None:
    assert 0 <= ours.max_drawdown_ratio(array(*values)) < 1


# Against Freqtrade's own figures: where they differ, and why.


@given(VALUES)
@settings(deadline=None)
def test_the_drawdown_is_freqtrades_relative_one_on_the_same_curve(values: list[float]) -> None:
    frame = balance(values)
    found = theirs.calculate_max_drawdown_from_balance(frame, relative=True)
    assert ours.max_drawdown_ratio(array(*values)) == pytest.approx(
        found.relative_account_drawdown, abs=1e-9
    )


@given(RETURNS)
@settings(deadline=None)
def test_sharpe_is_freqtrades_but_for_the_sample_deviation(returns: list[float]) -> None:
    # Theirs divides by the number of days, ours by one less: a sample does not know its mean.
    values = grown(returns)
    daily = array(*pd.Series(values).pct_change().dropna())
    sharpe = float(ours.sharpe(daily, 365))
    if daily.std() <= 1e-9:
        return
    found = theirs.calculate_sharpe_from_balance(balance(values))
    days = len(daily)
    assert sharpe == pytest.approx(found * math.sqrt((days - 1) / days), rel=1e-6, abs=1e-9)


def test_an_undefined_sharpe_is_none_of_ours_and_minus_a_hundred_of_theirs() -> None:
    assert theirs.calculate_sharpe_from_balance(balance([1000.0] * 5)) == -100
    assert math.isnan(ours.sharpe(np.zeros(4), 365))


def test_sortino_differs_where_losses_are_alike() -> None:
    # Theirs is the spread of the losses among themselves: losses that are alike are no risk at all.
    returns = array(0.02, -0.01, 0.02, -0.0101)
    found = theirs.calculate_sortino_from_balance(balance(grown(returns)))
    assert found == pytest.approx(returns.mean() / 0.00005 * math.sqrt(365), rel=1e-6)
    downside = math.sqrt((0.01**2 + 0.0101**2) / 4)
    assert ours.sortino(returns, 365) == pytest.approx(returns.mean() / downside * math.sqrt(365))


def test_calmar_differs_by_the_root_and_the_hundred_of_theirs() -> None:
    # Theirs scales the daily return in percent by the root of 365, as if it were a deviation.
    values = [1000.0, 1100.0, 990.0, 1040.0]
    found = theirs.calculate_calmar_from_balance(balance(values))
    gain, fall = ours.return_ratio(array(*values)), ours.max_drawdown_ratio(array(*values))
    expected = found / (100 * math.sqrt(365)) * 365
    assert ours.calmar(gain, fall, 3) == pytest.approx(expected)


@given(PROFITS)
@settings(deadline=None)
def test_expectancy_is_freqtrades(profits: list[float]) -> None:
    found, _ = theirs.calculate_expectancy(closed(profits))
    assert float(ours.expectancy(array(*profits))) == pytest.approx(found, rel=1e-6, abs=1e-6)

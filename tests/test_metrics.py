import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.metrics import expectancy, profit_factor, wilson_interval, win_rate

PROFITS = [0.10, -0.05, 0.02, -0.03, 0.0]
ratios = st.floats(-1, 10, allow_nan=False)


def test_the_win_rate_counts_profits_above_zero_only() -> None:
    assert win_rate(PROFITS) == 2 / 5
    assert win_rate([0.0]) == 0.0
    assert win_rate([math.ulp(0.0)]) == 1.0


def test_the_profit_factor_is_what_was_won_over_what_was_lost() -> None:
    assert profit_factor(PROFITS) == pytest.approx(0.12 / 0.08)
    assert profit_factor([-0.1]) == 0.0


def test_expectancy_is_the_mean_profit_per_unit_of_the_mean_loss() -> None:
    assert expectancy(PROFITS) == pytest.approx((0.04 / 5) / 0.04)
    assert expectancy([-0.1, -0.3]) == pytest.approx(-1.0)


def test_expectancy_agrees_with_the_textbook_form_of_win_rate_and_reward_to_risk() -> None:
    profits = [0.06, 0.02, -0.02, -0.02]
    reward_to_risk = 0.04 / 0.02
    assert expectancy(profits) == pytest.approx((1 + reward_to_risk) * win_rate(profits) - 1)


def test_without_trades_nothing_was_won_and_ratios_are_not_defined() -> None:
    assert win_rate([]) == 0.0
    assert profit_factor([]) is None
    assert expectancy([]) is None


def test_without_a_loss_there_is_nothing_to_divide_by() -> None:
    assert profit_factor([0.1, 0.0]) is None
    assert expectancy([0.1, 0.0]) is None


@pytest.mark.parametrize("formula", [win_rate, profit_factor, expectancy])
def test_the_order_of_trades_changes_nothing_not_even_the_last_bit(formula: object) -> None:
    assert callable(formula)
    profits = [0.1, 0.7, -0.3, 1e-9, -0.2]
    assert len({formula(list(order)) for order in permutations(profits)}) == 1


def test_wilsons_interval_has_its_published_values() -> None:
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=5e-4)
    assert wilson_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=5e-4)
    assert wilson_interval(10, 10) == pytest.approx((0.7225, 1.0), abs=5e-4)


def test_without_trials_the_interval_is_everything() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_a_larger_z_asks_for_more_certainty_and_widens_the_interval() -> None:
    low, high = wilson_interval(5, 10)
    surer_low, surer_high = wilson_interval(5, 10, z=2.58)
    assert surer_low < low < high < surer_high


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_lies_within_zero_and_one_and_holds_the_observed_rate(
    trial: tuple[int, int],
) -> None:
    successes, n = trial
    low, high = wilson_interval(successes, n)
    assert 0.0 <= low <= high <= 1.0
    assert low <= successes / n + 1e-12
    assert high >= successes / n - 1e-12


@given(st.lists(ratios, min_size=1))
def test_expectancy_has_the_sign_of_the_sum(profits: list[float]) -> None:
    found = expectancy(profits)
    if found is not None:
        assert found * math.fsum(profits) >= 0

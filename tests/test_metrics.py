from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON
from llm_modules.metrics import net_of_costs, wilson_interval


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


def at(hour: int) -> datetime:
    return NOON + timedelta(hours=hour)


def test_an_equity_curve_is_lowered_by_what_had_been_paid_by_then() -> None:
    equity = [(at(0), 100.0), (at(1), 110.0), (at(2), 105.0)]
    costs = [(at(3), 50.0), (at(1), 2.0), (at(-5), 1.0)]
    assert net_of_costs(equity, costs) == [(at(0), 99.0), (at(1), 107.0), (at(2), 102.0)]


def test_without_costs_a_curve_stays_as_it_is_and_without_points_there_is_none() -> None:
    assert net_of_costs([(at(0), 100.0)], []) == [(at(0), 100.0)]
    assert net_of_costs([], [(at(0), 1.0)]) == []


@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(-1e6, 1e6)), max_size=20),
    st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1e3)), max_size=20),
)
def test_net_of_costs_a_curve_is_never_higher_and_ends_lower_by_all_that_was_paid(
    points: list[tuple[int, float]], paid: list[tuple[int, float]]
) -> None:
    equity = [(at(hour), value) for hour, value in sorted(points)] + [(at(50), 0.0)]
    net = net_of_costs(equity, [(at(hour), cost) for hour, cost in paid])
    assert [when for when, _ in net] == [when for when, _ in equity]
    assert all(low <= high for (_, low), (_, high) in zip(net, equity, strict=True))
    assert net[-1][1] == pytest.approx(-sum(cost for _, cost in paid))

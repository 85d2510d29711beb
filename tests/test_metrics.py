import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.metrics import wilson_interval


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

import random
from fractions import Fraction
from math import comb, exp, lgamma, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.learning.significance import (
    benjamini_hochberg,
    binomial_p_value,
    bootstrap_interval,
)

trials = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def exact_p_value(successes: int, n: int, rate: Fraction) -> float:
    """The same test, term by term in whole fractions."""
    terms = [comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n + 1)]
    smaller_tail = min(sum(terms[: successes + 1]), sum(terms[successes:]))
    return min(1.0, float(2 * smaller_tail))


def test_five_heads_in_five_tosses_happen_once_in_sixteen() -> None:
    assert binomial_p_value(5, 5, 0.5) == pytest.approx(2 / 32)
    assert binomial_p_value(0, 5, 0.5) == pytest.approx(2 / 32)


def test_what_was_expected_is_no_surprise() -> None:
    assert binomial_p_value(5, 10, 0.5) == 1.0


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_rate_without_any_doubt_leaves_nothing_to_test(rate: float) -> None:
    assert binomial_p_value(3, 10, rate) == 1.0


def test_hundreds_of_thousands_of_trials_neither_overflow_nor_take_long() -> None:
    assert binomial_p_value(100_500, 200_000, 0.5) == pytest.approx(0.0254, abs=2e-4)
    assert binomial_p_value(0, 200_000, 0.5) == 0.0


@given(trials, st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=100))
def test_the_p_value_equals_the_sum_of_all_terms(trial: tuple[int, int], rate: Fraction) -> None:
    successes, n = trial
    found = binomial_p_value(successes, n, float(rate))
    assert found == pytest.approx(exact_p_value(successes, n, rate), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("successes", "n", "rate"),
    [(0, 5000, 0.001), (3, 5000, 0.001), (1, 60, 0.1), (70, 500, 0.2), (99, 500, 0.2)],
)
def test_every_term_that_can_be_seen_is_summed_down_to_none(
    successes: int, n: int, rate: float
) -> None:
    terms = [comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(successes + 1)]
    assert binomial_p_value(successes, n, rate) == pytest.approx(2 * sum(terms), rel=1e-9)


def test_of_many_trials_enough_terms_are_summed() -> None:
    n, successes = 40_000, 19_900
    ways = (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) for k in range(successes, 17_000, -1))
    tail = sum(exp(way + n * log(0.5)) for way in ways)
    assert binomial_p_value(successes, n, 0.5) == pytest.approx(2 * tail, rel=1e-7)


@given(trials, st.floats(0.01, 0.99))
def test_a_p_value_is_a_probability(trial: tuple[int, int], rate: float) -> None:
    assert 0.0 <= binomial_p_value(*trial, rate) <= 1.0


def test_the_published_example_of_benjamini_and_hochberg_finds_four() -> None:
    # Table of their paper of 1995: fifteen tests, four discoveries at 5 %.
    p_values = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    limit = benjamini_hochberg(p_values, 0.05)
    assert [p for p in p_values if p <= limit] == p_values[:4]


def test_a_late_success_carries_the_earlier_failures_with_it() -> None:
    # 0.04 alone would need 0.025, but 0.05 passes as the second of two.
    assert benjamini_hochberg([0.05, 0.04], 0.05) == 0.05


@pytest.mark.parametrize(("p_value", "limit"), [(0.05, 0.05), (0.0500001, 0.0)])
def test_a_single_test_is_held_to_the_plain_limit(p_value: float, limit: float) -> None:
    assert benjamini_hochberg([p_value], 0.05) == limit


def test_without_tests_there_is_no_discovery() -> None:
    assert benjamini_hochberg([], 0.05) == 0.0


@given(st.lists(st.floats(0, 1), min_size=1), st.integers(1, 20))
def test_asking_more_hopeless_questions_never_finds_more(
    p_values: list[float], hopeless: int
) -> None:
    few = benjamini_hochberg(p_values, 0.05)
    assert benjamini_hochberg(p_values + [1.0] * hopeless, 0.05) <= few


# --- bootstrap ----------------------------------------------------------------------------------


def test_the_interval_of_a_mean_is_that_of_the_normal_law_for_many_values() -> None:
    dice = random.Random(3)  # noqa: S311 a fixed seed makes the test repeatable
    values = [dice.gauss(0.01, 0.05) for _ in range(500)]
    low, high = bootstrap_interval(values)
    mean = sum(values) / 500
    # 1.96 standard errors of 0.05 / 22.4.
    assert (mean - low, high - mean) == pytest.approx((0.00438, 0.00438), rel=0.1)


def test_it_holds_the_true_mean_in_about_95_of_100_cases() -> None:
    dice = random.Random(5)  # noqa: S311 a fixed seed makes the test repeatable
    intervals = [bootstrap_interval([dice.expovariate(1) for _ in range(80)]) for _ in range(200)]
    held = sum(low <= 1 <= high for low, high in intervals)
    assert 0.90 <= held / 200 <= 0.98


def test_a_skewed_sample_has_a_skewed_interval() -> None:
    values = [-0.01] * 19 + [0.5]
    low, high = bootstrap_interval(values)
    mean = sum(values) / 20
    assert high - mean > 1.5 * (mean - low)
    assert low == pytest.approx(-0.01)


def drawn_interval(values: list[float]) -> tuple[float, float]:
    """Efron's bootstrap as it was published: each sample drawn with replacement."""
    draws = np.random.default_rng(1).integers(0, len(values), (10_000, len(values)))
    low, high = np.percentile(np.array(values)[draws].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


@pytest.mark.parametrize(
    ("n", "narrowest", "widest"), [(8, 1.0, 1.2), (30, 0.9, 1.12), (100, 0.9, 1.1), (500, 0.9, 1.1)]
)
def test_poisson_weights_give_the_interval_of_draws_with_replacement_or_of_few_values_a_wider_one(
    n: int, narrowest: float, widest: float
) -> None:
    dice = random.Random(n)  # noqa: S311 a fixed seed makes the test repeatable
    ratios = []
    for _ in range(20):
        values = [dice.gauss(0.001, 0.03) for _ in range(n)]
        (low, high), (drawn_low, drawn_high) = bootstrap_interval(values), drawn_interval(values)
        width = drawn_high - drawn_low
        assert (low, high) == pytest.approx((drawn_low, drawn_high), abs=0.15 * width)
        ratios.append((high - low) / width)
    assert narrowest <= sum(ratios) / 20 <= widest


def test_a_single_value_is_its_own_interval() -> None:
    assert bootstrap_interval([0.25]) == (0.25, 0.25)


def test_the_same_values_give_the_same_interval() -> None:
    assert bootstrap_interval([1.0, 2.0, 4.0]) == bootstrap_interval([1.0, 2.0, 4.0])


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=50))
def test_an_interval_lies_within_the_values(values: list[float]) -> None:
    low, high = bootstrap_interval(values)
    slack = 1e-9 * max(1.0, *map(abs, values))
    assert min(values) - slack <= low <= high <= max(values) + slack

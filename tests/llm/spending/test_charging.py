from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.dialogue import Usage
from llm_modules.llm.recorder import ABANDONED
from llm_modules.llm.spending.charging import LARGEST_COUNT, Outlook, charged, fault_kind

OUTLOOK = Outlook(prompt_tokens=1000, completion_tokens=500)
COUNTS = st.none() | st.integers(-(10**20), 10**20)


def after(fault: str | None, **reported: Any) -> Usage:
    return charged(Usage(**reported), fault, OUTLOOK)


def test_what_a_server_reports_is_charged() -> None:
    reported = Usage(900, 50, 600, 100, 20, 0.01)
    assert charged(reported, None, OUTLOOK) == reported


@pytest.mark.parametrize("prompt", [None, 0, -5, LARGEST_COUNT + 1, 1, 249])
def test_a_prompt_that_is_not_told_or_cannot_be_counts_as_estimated(prompt: int | None) -> None:
    found = after(None, prompt_tokens=prompt, completion_tokens=50, cached_tokens=1)
    assert (found.prompt_tokens, found.completion_tokens) == (1000, 50)
    # No discount on what is not known.
    assert (found.cached_tokens, found.cache_write_tokens) == (None, None)


@pytest.mark.parametrize("prompt", [250, 1000, 5000, LARGEST_COUNT])
def test_a_prompt_shorter_or_longer_than_estimated_is_believed(prompt: int) -> None:
    assert after(None, prompt_tokens=prompt).prompt_tokens == prompt


@pytest.mark.parametrize("completion", [None, 0, -1, LARGEST_COUNT + 1])
def test_an_answer_that_is_not_told_counts_as_the_longest(completion: int | None) -> None:
    assert after(None, completion_tokens=completion).completion_tokens == 500


@pytest.mark.parametrize("completion", [1, 500, 5000, LARGEST_COUNT])
def test_an_answer_that_is_told_counts_also_beyond_the_limit(completion: int) -> None:
    assert after(None, completion_tokens=completion).completion_tokens == completion


def test_reasoning_beside_the_answer_is_added_to_it() -> None:
    assert after(None, completion_tokens=50, reasoning_tokens=50).completion_tokens == 50
    assert after(None, completion_tokens=50, reasoning_tokens=51).completion_tokens == 101
    assert after(None, reasoning_tokens=900).completion_tokens == 900
    assert after(None, completion_tokens=50, reasoning_tokens=-3).reasoning_tokens is None


@pytest.mark.parametrize("part", [-1, 901, LARGEST_COUNT + 1])
def test_a_cached_part_that_cannot_be_is_no_discount(part: int) -> None:
    found = after(None, prompt_tokens=900, cached_tokens=part, cache_write_tokens=part)
    assert (found.cached_tokens, found.cache_write_tokens) == (None, None)
    whole = after(None, prompt_tokens=900, cached_tokens=900, cache_write_tokens=0)
    assert (whole.cached_tokens, whole.cache_write_tokens) == (900, 0)


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -0.01, 1000.1])
def test_a_cost_that_cannot_be_is_not_believed(cost: float) -> None:
    assert after(None, cost=cost).cost is None


@pytest.mark.parametrize("cost", [None, 0.0, 0.02, 1000.0])
def test_a_cost_that_can_be_is(cost: float | None) -> None:
    assert after(None, cost=cost).cost == cost


@pytest.mark.parametrize(
    "fault",
    ["timeout", "connection", "server_error", "bad_response", "too_large", ABANDONED, "news"],
)
def test_where_a_model_may_have_answered_the_longest_answer_counts(fault: str) -> None:
    found = after(f"{fault}: no answer")
    assert (found.prompt_tokens, found.completion_tokens) == (1000, 500)


@pytest.mark.parametrize("fault", ["rate_limited", "unauthorised", "rejected", "redirected"])
def test_where_no_model_was_reached_the_prompt_counts(fault: str) -> None:
    found = after(f"{fault}: no")
    assert (found.prompt_tokens, found.completion_tokens) == (1000, 0)


@pytest.mark.parametrize("fault", ["unavailable", "over_budget", "not_on_tape"])
def test_what_was_never_sent_costs_nothing(fault: str) -> None:
    assert after(f"{fault}: no") == Usage(0, 0, cost=0.0)


def test_a_fault_is_known_by_its_first_word() -> None:
    assert fault_kind("timeout: no: really") == "timeout"
    assert fault_kind(None) is None


@given(st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.none() | st.floats()))
def test_whatever_a_server_says_the_charge_is_sane(usage: Usage) -> None:
    found = charged(usage, None, OUTLOOK)
    assert found.prompt_tokens is not None
    assert found.completion_tokens is not None
    assert 250 <= found.prompt_tokens <= LARGEST_COUNT
    assert 1 <= found.completion_tokens <= 2 * LARGEST_COUNT
    assert 0 <= (found.cached_tokens or 0) <= found.prompt_tokens
    assert 0 <= (found.cache_write_tokens or 0) <= found.prompt_tokens
    assert found.cost is None or 0 <= found.cost <= 1000
    # Charging what was charged changes nothing but reasoning that was beside the answer.
    assert charged(found, None, OUTLOOK).prompt_tokens == found.prompt_tokens

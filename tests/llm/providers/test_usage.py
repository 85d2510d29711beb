from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.dialogue import Usage
from llm_modules.llm.providers.table import PROVIDERS
from llm_modules.llm.providers.usage import (
    MOST_DOLLARS,
    MOST_TOKENS,
    OPENAI_USAGE,
    UsageFields,
    read_usage,
)

NESTED = UsageFields(cached="details.cached", cost="cost")
APART = UsageFields(cached="read", cache_write="written", cache_apart=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("absurd", [-1, MOST_TOKENS + 1, 1.0, "7", True, False, None, [], {}])
def test_what_is_no_count_is_not_told(absurd: Any) -> None:
    assert read_usage({"prompt_tokens": absurd}, OPENAI_USAGE) == Usage()


@pytest.mark.parametrize("count", [0, 1, MOST_TOKENS])
def test_a_count_is_taken_as_it_is(count: int) -> None:
    usage = read_usage({"prompt_tokens": count, "completion_tokens": count}, OPENAI_USAGE)
    assert (usage.prompt_tokens, usage.completion_tokens) == (count, count)


@pytest.mark.parametrize(
    ("told", "cost"),
    [(0, 0.0), (0.25, 0.25), (3, 3.0), (MOST_DOLLARS, MOST_DOLLARS)]
    + [(absurd, None) for absurd in (-0.1, MOST_DOLLARS * 2, True, "1", None, {}, 10**400)]
    + [(float("nan"), None), (float("inf"), None)],
)
def test_a_cost_is_a_sane_number_or_not_told(told: Any, cost: float | None) -> None:
    found = read_usage({"cost": told}, NESTED).cost
    assert found == cost
    assert found is None or isinstance(found, float)


def test_no_cost_is_read_where_none_is_promised() -> None:
    assert read_usage({"cost": 1, "": 1}, OPENAI_USAGE).cost is None


@pytest.mark.parametrize(("cached", "told"), [(9, 9), (10, 10), (11, None)])
def test_a_part_is_not_larger_than_its_whole(cached: int, told: int | None) -> None:
    usage = {"prompt_tokens": 10, "details": {"cached": cached}}
    assert read_usage(usage, NESTED).cached_tokens == told


@pytest.mark.parametrize(("reasoning", "told"), [(5, 5), (6, None)])
def test_reasoning_is_part_of_the_completion(reasoning: int, told: int | None) -> None:
    details = {"reasoning_tokens": reasoning}
    usage = {"completion_tokens": 5, "completion_tokens_details": details}
    assert read_usage(usage, OPENAI_USAGE).reasoning_tokens == told


def test_a_part_of_an_unknown_whole_is_not_told() -> None:
    usage = {"details": {"cached": 3}, "completion_tokens_details": {"reasoning_tokens": 3}}
    assert read_usage(usage, NESTED) == Usage()


def test_a_name_that_leads_nowhere_is_not_told() -> None:
    for details in (None, 3, "cached", [], {"other": 1}):
        usage = {"prompt_tokens": 4, "details": details}
        assert read_usage(usage, NESTED).cached_tokens is None


def test_a_prompt_is_all_of_it_where_the_cache_is_counted_apart() -> None:
    usage = read_usage({"prompt_tokens": 10, "read": 100, "written": 1000}, APART)
    assert usage == Usage(prompt_tokens=1110, cached_tokens=100, cache_write_tokens=1000)
    assert read_usage({"prompt_tokens": 10}, APART).prompt_tokens == 10
    assert read_usage({"read": 5}, APART) == Usage()


@pytest.mark.parametrize("name", sorted(PROVIDERS))
@given(usage=JSON)
def test_no_usage_whatsoever_is_an_error(name: str, usage: Any) -> None:
    assert isinstance(read_usage(usage, PROVIDERS[name].usage), Usage)


@pytest.mark.parametrize(
    ("name", "usage", "told"),
    [
        ("deepseek", {"prompt_cache_hit_tokens": 8}, Usage(10, cached_tokens=8)),
        ("openrouter", {"cost": 0.5}, Usage(10, cost=0.5)),
        ("openai", {"cost": 0.5, "prompt_cache_hit_tokens": 8}, Usage(10)),
        (
            "qwen",
            {"prompt_tokens_details": {"cache_creation_input_tokens": 4}},
            Usage(10, cache_write_tokens=4),
        ),
    ],
)
def test_each_provider_counts_in_fields_of_its_own(
    name: str, usage: dict[str, Any], told: Usage
) -> None:
    assert read_usage({"prompt_tokens": 10} | usage, PROVIDERS[name].usage) == told

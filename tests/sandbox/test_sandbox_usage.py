"""What the scripted model says an answer took, its context cache included."""

import json
from typing import Any

import pytest

from llm_modules.sandbox.chat import PrefixCache, turn_of_text, usage

LONG = "x" * 8000


def a_body(text: str, *, tools: Any = (), **changes: Any) -> bytes:
    request = {"messages": [{"role": "user", "content": text}], "tools": list(tools)}
    return json.dumps(request | changes, ensure_ascii=False).encode()


def cached(*bodies: bytes) -> list[int]:
    """Return how much of each prompt is cached when they come in turn."""
    cache = PrefixCache()
    return [cache.cached_tokens(body) for body in bodies]


def test_what_a_prompt_shares_with_one_before_is_cached_in_steps() -> None:
    first, longer, other = a_body(LONG), a_body(LONG + " now"), a_body(LONG[:6000] + " other")
    assert cached(first, longer, other) == [0, 1920, 1408]


@pytest.mark.parametrize(
    ("length", "tokens"), [(4000, 0), (4096, 1024), (4500, 1024), (4700, 1152)]
)
def test_only_long_beginnings_are_cached(length: int, tokens: int) -> None:
    prompt = "x" * length
    assert cached(a_body(prompt), a_body(prompt)) == [0, tokens]


def test_a_prompt_that_begins_otherwise_is_not_cached() -> None:
    assert cached(a_body("a" + LONG), a_body("b" + LONG)) == [0, 0]


def test_tools_come_before_messages() -> None:
    tools = [{"type": "function", "function": {"name": "f", "description": LONG}}]
    assert cached(a_body("one", tools=tools), a_body("two", tools=tools))[1] >= 1920
    assert cached(a_body(LONG), a_body(LONG, tools=tools)) == [0, 0]


def test_settings_are_no_part_of_the_prompt() -> None:
    assert cached(a_body(LONG), a_body(LONG, temperature=0.1, model="m"))[1] == 1920


def test_a_request_without_tools_is_remembered_as_well() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": LONG}]}).encode()
    assert cached(body, body)[1] == 1920


def test_half_a_character_is_no_reason_to_fail() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": LONG + "\ud83d"}]}).encode()
    assert cached(body, body)[1] == 1920


def test_only_the_last_prompts_are_remembered() -> None:
    others = [a_body(f"{number:04}" * 1500) for number in range(50)]
    assert cached(a_body(LONG), *others[:49], a_body(LONG))[-1] == 1920
    assert cached(a_body(LONG), *others, a_body(LONG))[-1] == 0


def test_usage_has_the_fields_of_openai() -> None:
    assert usage(turn_of_text("wait"), 401, 128) == {
        "prompt_tokens": 101,
        "completion_tokens": 15,
        "total_tokens": 116,
        "prompt_tokens_details": {"cached_tokens": 101},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def test_not_more_is_cached_than_was_counted() -> None:
    assert usage(turn_of_text("wait"), 4000, 900)["prompt_tokens_details"] == {"cached_tokens": 900}

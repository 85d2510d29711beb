import asyncio
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest
from pydantic import SecretStr

from adversary import adversary, completion, http
from builders import a_prompt
from llm_modules.dialogue import Message, Prompt
from llm_modules.errors import ProviderError
from llm_modules.llm.chat import ChatCompletions, endpoint_root
from llm_modules.llm.failures import LONGEST_MESSAGE, provider_error, without_key
from llm_modules.llm.providers.row import ModelRule, Provider
from llm_modules.llm.providers.table import GENERIC, PROVIDERS
from models import a_target, llm_config

KEY = SecretStr("sk-canary-0123456789abcdef")


def chat(row: Provider = GENERIC, api_base: str = "http://127.0.0.1:9/v1") -> ChatCompletions:
    return ChatCompletions(replace(a_target(api_base), provider=row), llm_config(api_base))


def body_of(row: Provider = GENERIC, **changes: Any) -> dict[str, Any]:
    return chat(row).body(replace(a_prompt(), **changes), "m", forced=True)


def sent(api_base: str, body: dict[str, Any]) -> bytes:
    async def once() -> bytes:
        dialect = chat(api_base=api_base)
        try:
            return await dialect.send(body)
        finally:
            await dialect.close()

    return asyncio.run(once())


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://host:1", "http://host:1/v1"),
        ("http://host:1/", "http://host:1/v1"),
        ("http://host:1/v1", "http://host:1/v1"),
        ("http://host:1/v1/", "http://host:1/v1"),
        ("https://host/compatible-mode/v1", "https://host/compatible-mode/v1"),
        ("https://host/api/v3", "https://host/api/v3"),
        ("https://host/v1beta/openai", "https://host/v1beta/openai"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("https://host/v1/messages", "https://host/v1"),
        ("https://host/messages/v1", "https://host/messages/v1"),
        ("https://api.deepseek.com", "https://api.deepseek.com/v1"),
        ("http://v1/", "http://v1/v1"),
        ("https://host/vault", "https://host/vault/v1"),
    ],
)
def test_the_version_is_added_where_none_is_named(given: str, used: str) -> None:
    assert endpoint_root(given) == used


def test_a_forced_call_is_demanded_only_where_it_is_wanted_and_understood() -> None:
    prompt = a_prompt()
    assert chat().body(prompt, "m", forced=True)["tool_choice"] == "required"
    assert chat().body(prompt, "m", forced=False)["tool_choice"] == "auto"
    deaf = replace(GENERIC, forced_call=False)
    assert chat(deaf).body(prompt, "m", forced=True)["tool_choice"] == "auto"


@pytest.mark.parametrize(
    ("several", "able", "switch", "sent_as"),
    [
        (False, True, True, False),
        (True, True, True, True),
        (True, False, True, False),
        (True, True, False, None),
        (False, False, False, None),
    ],
)
def test_several_calls_are_asked_for_where_there_is_a_switch(
    *, several: bool, able: bool, switch: bool, sent_as: bool | None
) -> None:
    row = replace(GENERIC, several_calls=able, parallel_switch=switch)
    assert body_of(row, several=several).get("parallel_tool_calls") is sent_as


def test_questions_with_the_same_rules_and_tools_meet_at_one_cache() -> None:
    row = PROVIDERS["openai"]

    def key(system: str, user: str, tools: Any = ()) -> Any:
        messages = (Message("system", system), Message("user", user))
        return chat(row).body(Prompt(messages, tools), "m", forced=True)["prompt_cache_key"]

    assert key("rules", "BTC") == key("rules", "ETH")
    assert key("rules", "BTC") != key("other rules", "BTC")
    assert key("rules", "BTC") != key("rules", "BTC", a_prompt("in_position").tools)
    assert key("rules \ud83d", "BTC")
    assert "prompt_cache_key" not in body_of(GENERIC)


def test_only_the_rules_are_marked_for_a_cache_that_wants_marks() -> None:
    system, user = body_of(replace(GENERIC, cache="marked"))["messages"]
    mark = {"type": "ephemeral"}
    assert system["content"] == [{"type": "text", "text": "rules", "cache_control": mark}]
    assert user == {"role": "user", "content": "what now?"}


def test_a_field_that_no_library_knows_reaches_the_server() -> None:
    with adversary(http(completion())) as server:
        sent(server.url, {"model": "m", "messages": [], "thinking": {"type": "disabled"}})
    assert server.requests == [{"model": "m", "messages": [], "thinking": {"type": "disabled"}}]


def test_an_account_of_the_environment_is_told_to_no_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-of-somebody")
    with adversary(http(completion())) as server:
        sent(server.url, {"model": "m", "messages": []})
    assert "of-somebody" not in server.heads[0]


def test_what_cannot_be_put_on_the_wire_is_a_fault_and_no_crash() -> None:
    with adversary(http(completion())) as server, pytest.raises(ProviderError):
        sent(server.url, {"model": "m", "temperature": float("nan")})
    assert server.requests == []


@pytest.mark.parametrize(
    "message", [None, "hello", {"tool_calls": "abc"}, {"tool_calls": {"a": 1}}]
)
def test_a_message_that_is_none_is_a_bad_response(message: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        chat().read({"choices": [{"message": message}]})
    assert caught.value.fault == "bad_response"


@pytest.mark.parametrize("calls", [None, [], "", 0])
def test_a_message_without_calls_is_text(calls: Any) -> None:
    message = {"content": "wait", "tool_calls": calls}
    reply = chat().read({"choices": [{"message": message, "finish_reason": None}]})
    assert (reply.text, reply.tool_requests, reply.finish_reason, reply.model) == (
        "wait",
        (),
        "",
        "",
    )


def test_the_key_is_removed_whole_and_in_part() -> None:
    text = f"key {KEY.get_secret_value()} starting sk-canar ending cdef"
    assert without_key(text, KEY) == "key [key] starting [key] ending [key]"


def test_a_key_that_is_escaped_in_an_error_is_removed_too() -> None:
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in KEY.get_secret_value())
    assert without_key(f"key {spelled} refused", KEY) == "key [key] refused"
    tail = "".join(f"\\u{ord(letter):04x}" for letter in KEY.get_secret_value()[-4:])
    assert without_key(f"ending {tail}", KEY) == "ending [key]"


def test_a_short_placeholder_key_is_removed_only_whole() -> None:
    assert without_key("no-key and no", SecretStr("no-key")) == "[key] and no"
    assert without_key("text", SecretStr("")) == "text"


def test_foreign_text_is_one_short_line() -> None:
    cleaned = without_key("line\nbreak " + "x" * 1000, KEY)
    assert "\n" not in cleaned
    assert len(cleaned) == LONGEST_MESSAGE


def test_a_fault_found_by_our_transport_keeps_its_name() -> None:
    outer = openai.APIConnectionError(request=httpx2.Request("POST", "http://127.0.0.1"))
    outer.__cause__ = ProviderError("too_large", "big")
    assert provider_error(outer, KEY).fault == "too_large"


def test_a_timeout_of_the_sdk_is_a_timeout() -> None:
    error = openai.APITimeoutError(request=httpx2.Request("POST", "http://127.0.0.1"))
    assert provider_error(error, KEY).fault == "timeout"


def test_the_same_tools_are_written_once_and_others_anew() -> None:
    dialect, flat = chat(), a_prompt()
    (first, again), other = (
        [dialect.body(flat, "m", forced=forced)["tools"] for forced in (True, False)],
        dialect.body(a_prompt("long"), "m", forced=True)["tools"],
    )
    fewer = replace(flat, tools=flat.tools[:1])
    assert again is first
    assert other == chat().body(a_prompt("long"), "m", forced=True)["tools"] != first
    assert dialect.body(fewer, "m", forced=True)["tools"] == first[:1]


def test_tools_are_written_for_each_model_as_it_takes_them() -> None:
    rule = ModelRule(("strict*",), {"strict_tools": True})
    dialect, prompt = chat(replace(GENERIC, rules=(rule,))), a_prompt()
    for _ in range(2):
        plain, strict = (
            dialect.body(prompt, model, forced=True)["tools"][0]["function"]
            for model in ("m", "strict-m")
        )
        assert "strict" not in plain
        assert strict["strict"] is True

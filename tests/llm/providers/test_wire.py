"""Each preset against recorded shapes of its provider: what is sent, and what came back."""

import asyncio
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from adversary import Adversary, adversary, http
from llm_modules.dialogue import Message, Prompt, Reply, ToolSpec
from llm_modules.errors import ProviderError
from llm_modules.llm.providers.dialect import Dialect, Target
from llm_modules.llm.providers.speaking import dialect_for
from llm_modules.llm.providers.table import PROVIDERS
from models import CANARY, llm_config

WIRE = Path(__file__).parent.parent.parent / "golden" / "wire"
NAMES = sorted(path.stem for path in WIRE.glob("*.json"))
WAIT = ToolSpec(
    "signal_wait",
    "Stay out.",
    {
        "type": "object",
        "properties": {
            "pair": {"type": "string", "maxLength": 64},
            "confidence_score": {
                "description": "how sure",
                "maximum": 100,
                "minimum": 1,
                "type": "number",
            },
            "stop_price": {"exclusiveMinimum": 0, "type": "number"},
        },
        "required": ["pair", "confidence_score"],
        "additionalProperties": False,
    },
)


@cache
def recorded(name: str) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads((WIRE / f"{name}.json").read_text(encoding="utf-8"))
    return wire


def cases(part: str) -> list[Any]:
    return [
        pytest.param(name, case, id=f"{name}-{case}")
        for name in NAMES
        for case in recorded(name)[part]
    ]


def asked(text: str = "BTC?", *, several: bool = False) -> Prompt:
    messages = (Message("system", "You trade."), Message("user", text))
    return Prompt(messages, (WAIT,), several)


def speaker(name: str, api_base: str = "http://127.0.0.1:9/v1") -> Dialect:
    target = Target(PROVIDERS[name], api_base, recorded(name)["model"], SecretStr(CANARY))
    return dialect_for(target, llm_config(api_base, temperature=0.5, max_tokens=900))


def body_of(name: str, model: str, prompt: Prompt | None = None) -> dict[str, Any]:
    """What is sent, with the cache's key blanked: it is a hash."""
    body = speaker(name).body(prompt or asked(), model, forced=True)
    if "prompt_cache_key" in body:
        assert len(body["prompt_cache_key"]) == 16
        body["prompt_cache_key"] = "KEY"
    return body


def exchange(name: str, server: Adversary) -> Reply:
    async def once() -> Reply:
        dialect = speaker(name, server.url)
        try:
            body = dialect.body(asked(), recorded(name)["model"], forced=True)
            return dialect.read(json.loads(await dialect.send(body)))
        finally:
            await dialect.close()

    return asyncio.run(once())


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_no_header_of_the_environment_reaches_a_server_or_replaces_our_key(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = "Authorization: Bearer of-somebody\nX-Api-Key: of-somebody\nX-Mine: of-somebody"
    for library in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{library}_CUSTOM_HEADERS", foreign)
        monkeypatch.setenv(f"{library}_AUTH_TOKEN", "of-somebody")
        monkeypatch.setenv(f"{library}_API_KEY", "of-somebody")
        monkeypatch.setenv(f"{library}_ADMIN_KEY", "of-somebody")
    answer = json.dumps(recorded(name)["answers"]["tool_call"]["body"])
    with adversary(http(answer)) as server:
        exchange(name, server)
    assert "of-somebody" not in server.heads[0]
    assert CANARY in server.heads[0]


def as_recorded(reply: Reply) -> dict[str, Any]:
    calls = [[call.call_id, call.name, call.arguments] for call in reply.tool_requests]
    return {
        "text": reply.text,
        "calls": calls,
        "finish_reason": reply.finish_reason,
        "model": reply.model,
        "usage": asdict(reply.usage),
    }


def test_every_provider_is_recorded_and_every_record_names_its_source() -> None:
    assert set(NAMES) == set(PROVIDERS)
    for name in NAMES:
        assert recorded(name)["source"]
        assert {"tool_call", "text_only", "reasoning", "length"} <= set(recorded(name)["answers"])


@pytest.mark.parametrize("name", NAMES)
def test_the_request_is_what_the_provider_documents(name: str) -> None:
    wire = recorded(name)
    assert body_of(name, wire["model"]) == wire["request"]


@pytest.mark.parametrize(("name", "model"), cases("differing_models"))
def test_a_model_that_differs_is_asked_in_its_way(name: str, model: str) -> None:
    wire = recorded(name)
    difference = wire["differing_models"][model]
    expected = wire["request"] | {"model": model} | difference["changed"]
    assert body_of(name, model) == {
        key: value for key, value in expected.items() if key not in difference["absent"]
    }


@pytest.mark.parametrize("name", NAMES)
def test_questions_differ_in_the_users_words_alone(name: str) -> None:
    """Prefix caches compare bytes: whatever stands before the question may never change."""
    model = recorded(name)["model"]
    first, again, other = (
        json.dumps(body_of(name, model, asked(text))) for text in ("BTC?", "BTC?", "ETH?")
    )
    assert first == again
    assert first.replace("BTC?", "ETH?") == other


@pytest.mark.parametrize("name", NAMES)
def test_a_question_without_tools_sends_nothing_that_belongs_to_them(name: str) -> None:
    prompt = Prompt((Message("user", "Say it shorter."),), ())
    body = body_of(name, recorded(name)["model"], prompt)
    tool_fields = {"tools", "tool_choice", "parallel_tool_calls", "system"}
    assert set(body) == set(recorded(name)["request"]) - tool_fields


@pytest.mark.parametrize(("name", "answer"), cases("answers"))
def test_an_answer_is_read_as_recorded(name: str, answer: str) -> None:
    case = recorded(name)["answers"][answer]
    assert as_recorded(speaker(name).read(case["body"])) == case["reply"]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"openai"}))
def test_thoughts_stand_where_the_table_says_and_are_never_the_answer(name: str) -> None:
    case = recorded(name)["answers"]["reasoning"]
    if name == "anthropic":
        thoughts = {block["type"] for block in case["body"]["content"]}
    else:
        thoughts = set(case["body"]["choices"][0]["message"])
    assert thoughts & set(PROVIDERS[name].reasoning_fields)
    assert case["reply"]["text"] in {"Wait.", ""}


@pytest.mark.parametrize("name", NAMES)
def test_a_question_and_its_answer_cross_a_real_connection(name: str) -> None:
    case = recorded(name)["answers"]["tool_call"]
    with adversary(http(json.dumps(case["body"]))) as server:
        assert as_recorded(exchange(name, server)) == case["reply"]
    sent = server.requests[0]
    assert sent.pop("prompt_cache_key", None) != "KEY"
    expected = recorded(name)["request"]
    assert sent == {key: value for key, value in expected.items() if key != "prompt_cache_key"}
    path = "messages" if PROVIDERS[name].dialect == "messages" else "chat/completions"
    assert server.heads[0].startswith(f"POST /v1/{path} ")
    assert CANARY in server.heads[0]
    assert "accept-encoding: identity" in server.heads[0].lower()


@pytest.mark.parametrize(("name", "error"), cases("errors"))
def test_an_error_is_named_for_what_it_means(name: str, error: str) -> None:
    case = recorded(name)["errors"][error]
    answer = http(json.dumps(case["body"]), f"{case['status']} Told", **case["headers"])
    with adversary(answer) as server, pytest.raises(ProviderError) as caught:
        exchange(name, server)
    assert caught.value.fault == case["fault"]
    seconds = case["headers"].get("retry_after")
    assert caught.value.retry_after_seconds == (float(seconds) if seconds else None)
    assert len(server.requests) == 1

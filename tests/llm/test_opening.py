import asyncio
from typing import Any

import pytest

from adversary import Adversary, adversary, completion, http
from asking import ask, fault_of
from builders import a_prompt
from llm_modules.dialogue import Inquiry
from llm_modules.errors import ConfigError, ProviderError
from llm_modules.llm.opening import targets
from models import CANARY, a_client, llm_config

OPENAI = "https://api.openai.com/v1"


def keys(environment: dict[str, str], **changes: Any) -> list[str]:
    config = llm_config(**({"api_base": "http://127.0.0.1:9/v1"} | changes))
    return [target.key.get_secret_value() for target in targets(config, environment)]


def test_the_key_comes_from_the_environment() -> None:
    assert keys({"LLM_API_KEY": "sk-1"}) == ["sk-1"]
    assert keys({}) == ["no-key"]
    (target,) = targets(llm_config(OPENAI), {"LLM_API_KEY": "sk-1"})
    assert "sk-1" not in repr(target)


def test_a_providers_own_variable_serves_where_ours_is_empty() -> None:
    assert keys({"OPENAI_API_KEY": "sk-o"}, api_base=OPENAI) == ["sk-o"]
    assert keys({"OPENAI_API_KEY": "sk-o", "LLM_API_KEY": "sk-1"}, api_base=OPENAI) == ["sk-1"]


def test_a_key_goes_to_the_server_it_was_given_for_and_to_no_other() -> None:
    fallbacks = [
        {"model": "other", "api_base": "http://127.0.0.1:9/v1"},
        {"model": "foreign", "api_base": "http://10.0.0.1/v1"},
        {"model": "gpt", "provider": "openai"},
    ]
    environment = {"LLM_API_KEY": "sk-1", "OPENAI_API_KEY": "sk-o"}
    assert keys(environment, fallbacks=fallbacks) == ["sk-1", "sk-1", "no-key", "sk-o"]


@pytest.mark.parametrize("api_base", ["http://127.0.0.1:9/v1", "http://127.0.0.1:9/", ""])
def test_a_model_is_named_once(api_base: str) -> None:
    same = {"model": "test-model", "api_base": api_base, "provider": "" if api_base else "openai"}
    other = same | {"model": "other"}
    first = {} if api_base else {"provider": "openai", "api_base": OPENAI}
    for fallbacks in ([same], [other, other], [other, same]):
        with pytest.raises(ConfigError, match=r"llm_config.fallbacks: found '.*' twice"):
            keys({}, **first, fallbacks=fallbacks)
    assert len(keys({}, **first, fallbacks=[other])) == 2


OWN = {"LLM_API_KEY": "sk-1", "DEEPSEEK_API_KEY": "sk-d", "DASHSCOPE_API_KEY": "sk-q"}
ELSEWHERE = "https://elsewhere.example/v1"


@pytest.mark.parametrize(
    ("provider", "api_base", "key"),
    [
        ("deepseek", "", "sk-d"),
        ("deepseek", "https://api.deepseek.com/v1", "sk-d"),
        ("deepseek", "https://api.deepseek.com:443", "sk-d"),
        ("deepseek", "http://127.0.0.1:7/v1", "sk-d"),
        ("deepseek", "http://localhost:9/v1", "sk-d"),
        ("qwen", "https://dashscope-us.aliyuncs.com/compatible-mode/v1", "sk-q"),
        ("deepseek", ELSEWHERE, "no-key"),
        ("deepseek", "http://10.0.0.1/v1", "no-key"),
        ("deepseek", OPENAI, "no-key"),
        ("deepseek", "https://api.deepseek.com:8443/v1", "no-key"),
    ],
)
def test_a_providers_own_key_goes_to_its_own_servers_alone(
    provider: str, api_base: str, key: str
) -> None:
    fallback = {"model": "m", "provider": provider, "api_base": api_base}
    assert keys(OWN, fallbacks=[fallback]) == ["sk-1", key]
    without_ours = {name: value for name, value in OWN.items() if name != "LLM_API_KEY"}
    assert keys(without_ours, provider=provider, api_base=api_base) == [key]


def test_a_preset_elsewhere_is_told_to_take_the_common_variable() -> None:
    (target,) = targets(llm_config(ELSEWHERE, provider="deepseek"), OWN)
    assert (target.provider.name, target.key.get_secret_value()) == ("deepseek", "sk-1")
    assert target.provider.key_variable == "LLM_API_KEY"


@pytest.mark.parametrize("spelled", ["https://a.example/v1/", "https://a.example"])
def test_a_server_is_the_same_however_its_address_is_spelled(spelled: str) -> None:
    fallback = {"model": "other", "api_base": spelled}
    named = {"api_base": "https://a.example/v1", "fallbacks": [fallback]}
    assert keys({"LLM_API_KEY": "sk-1"}, **named) == ["sk-1", "sk-1"]


@pytest.mark.parametrize("provider", ["", "deepseek"])
def test_no_key_goes_to_a_provider_without_encryption(provider: str) -> None:
    with pytest.raises(ConfigError, match=r"'http://API.deepseek.com/v1', expected https://"):
        keys(OWN, provider=provider, api_base="http://API.deepseek.com/v1")


def test_a_presets_address_stands_in_for_an_empty_one() -> None:
    (target,) = targets(llm_config("", provider="openai"), {})
    assert (target.api_base, target.provider.name) == (OPENAI, "openai")


def test_an_unknown_provider_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"llm_config\.provider: found 'opnai', expected one of"):
        targets(llm_config("", provider="opnai"), {})


OK = http(completion(model="second-model"))
DOWN = http("{}", "500 Oops")


def fallback(server: Adversary, model: str = "second-model") -> dict[str, str]:
    return {"model": model, "api_base": server.url}


def test_the_next_model_answers_when_the_first_server_is_down() -> None:
    with adversary(DOWN) as first, adversary(OK) as second:
        reply = ask(first, retry_times=0, fallbacks=[fallback(second)])
    assert reply.model == "second-model"
    assert (len(first.requests), len(second.requests)) == (1, 1)
    assert first.requests[0]["model"] == "test-model"
    assert second.requests[0]["model"] == "second-model"
    assert CANARY not in second.heads[0]


def test_a_first_model_that_hangs_leaves_time_for_the_second() -> None:
    with adversary(lambda _: [60.0]) as first, adversary(OK) as second:
        reply = ask(first, timeout=4, retry_times=5, fallbacks=[fallback(second)])
    assert reply.model == "second-model"
    assert len(first.requests) == 1


def test_who_would_retry_too_late_leaves_the_question_to_the_next() -> None:
    limited = http("{}", "429 Too Many Requests", retry_after="3600")
    with adversary(limited) as first, adversary(OK) as second:
        reply = ask(first, timeout=60, retry_times=5, fallbacks=[fallback(second)])
    assert reply.model == "second-model"
    assert (len(first.requests), len(second.requests)) == (1, 1)


def test_when_all_fail_the_error_names_them() -> None:
    with adversary(http("{}", "403 No")) as second:
        error, _ = fault_of(DOWN, fallbacks=[fallback(second)])
    assert error.fault == "unauthorised"
    assert "(second-model; before it: test-model server_error)" in str(error)


def test_models_of_one_server_share_its_limits() -> None:
    def asked(first: Adversary, second: Adversary) -> tuple[int, int]:
        with pytest.raises(ProviderError):
            ask(first, retry_times=0, requests_per_minute=1, fallbacks=[fallback(second)])
        return len(first.requests), len(second.requests)

    with adversary(DOWN) as first, adversary(DOWN) as second:
        assert asked(first, second) == (1, 1)
    with adversary(DOWN) as server:
        assert asked(server, server) == (1, 1)


async def two_questions(server: Adversary, **changes: Any) -> list[str]:
    """Ask two questions one after the other and tell what became of them."""
    client = a_client(llm_config(server.url, **({"retry_times": 0} | changes)))
    ends = []
    for _ in range(2):
        try:
            await client.ask(a_prompt(), Inquiry())
            ends.append("answered")
        except ProviderError as error:
            ends.append(error.fault)
    await client.close()
    return ends


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({}, ["server_error", "server_error"]),
        ({"breaker_failures": 1}, ["server_error", "unavailable"]),
        ({"breaker_failures": 1, "breaker_seconds": 1e-6}, ["server_error", "server_error"]),
        ({"breaker_failures": 2}, ["server_error", "server_error"]),
        ({"requests_per_minute": 1}, ["server_error", "unavailable"]),
        ({"requests_per_minute": 2}, ["server_error", "server_error"]),
        ({"tokens_per_minute": 3000}, ["server_error", "unavailable"]),
        ({"tokens_per_minute": 300_000}, ["server_error", "server_error"]),
    ],
)
def test_every_limit_of_the_configuration_reaches_the_server(
    changes: dict[str, Any], ends: list[str]
) -> None:
    with adversary(DOWN) as server:
        assert asyncio.run(two_questions(server, **changes)) == ends


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_requests_are_under_way_than_configured(at_once: int) -> None:
    async def scene(server: Adversary) -> int:
        client = a_client(llm_config(server.url, max_concurrent=at_once, timeout=60))
        tasks = [asyncio.create_task(client.ask(a_prompt())) for _ in range(5)]
        while len(server.requests) < at_once:  # noqa: ASYNC110 - it runs on another thread
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        seen = len(server.requests)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()
        return seen

    with adversary(lambda _: [60.0]) as server:
        assert asyncio.run(scene(server)) == at_once

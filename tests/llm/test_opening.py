from typing import Any

import pytest

from llm_modules.errors import ConfigError
from llm_modules.llm.opening import targets
from models import llm_config

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


def test_a_presets_address_stands_in_for_an_empty_one() -> None:
    (target,) = targets(llm_config("", provider="openai"), {})
    assert (target.api_base, target.provider.name) == (OPENAI, "openai")


def test_an_unknown_provider_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"llm_config\.provider: found 'opnai', expected one of"):
        targets(llm_config("", provider="opnai"), {})

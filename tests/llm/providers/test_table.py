"""The capability table: how a row is found, and that every column of it changes something."""

import json
import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from llm_modules.dialogue import Message, Prompt, Reply, ToolSpec
from llm_modules.errors import ConfigError
from llm_modules.llm.opening import targets
from llm_modules.llm.providers import table
from llm_modules.llm.providers.catalogue import capability_table, deviations
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.messages import Messages
from llm_modules.llm.providers.row import ModelRule, Provider
from llm_modules.llm.providers.speaking import dialect_for
from llm_modules.llm.providers.strict import ANTHROPIC_STRICT
from llm_modules.llm.providers.table import GENERIC, PROVIDERS, provider_of
from llm_modules.llm.providers.usage import UsageFields
from models import llm_config

SOURCE = Path(table.__file__).parent.parent
ROW = Provider("studio", strict_tools=True, temperature=True)
HOLD = ToolSpec(
    "signal_hold",
    "Keep it.",
    {"properties": {"pair": {"type": "string"}, "stop": {"type": "number", "minimum": 0}}},
)
PROMPT = Prompt((Message("system", "rules"), Message("user", "now?")), (HOLD,), several=True)
ANSWER = {
    "choices": [{"message": {"content": "wait"}}],
    "usage": {"prompt_tokens": 7, "prompt": 9, "completion_tokens": 2},
}


def target_of(row: Provider) -> Target:
    return Target(row, "http://127.0.0.1:9/v1", "m", SecretStr("sk"))


def body_of(row: Provider, model: str = "m") -> str:
    dialect = dialect_for(target_of(row), llm_config("http://127.0.0.1:9/v1"))
    return json.dumps(dialect.body(PROMPT, model, forced=True))


def reply_of(row: Provider) -> Reply:
    return dialect_for(target_of(row), llm_config("http://127.0.0.1:9/v1")).read(ANSWER)


def dialect_of(row: Provider) -> type:
    return type(dialect_for(target_of(row), llm_config("http://127.0.0.1:9/v1")))


def printed(row: Provider) -> str:
    return capability_table([row]) + deviations([row])


def found_by(row: Provider, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The row found by name, by its address, by another one of it, and the target made of it."""
    monkeypatch.setattr(table, "PROVIDERS", {row.name: row})
    monkeypatch.setenv("STUDIO_KEY", "sk-studio")
    hosts = ("https://one.example/v1", "https://two.example/v1")
    try:
        (target,) = targets(llm_config("", provider="studio"), {"STUDIO_KEY": "sk-studio"})
        named = [target.api_base, target.key.get_secret_value()]
    except ConfigError:
        named = ["unknown"]
    return [*(provider_of("", host).name for host in hosts), *named]


Seen = Callable[[Provider, pytest.MonkeyPatch], object]


def sent(row: Provider, _: pytest.MonkeyPatch) -> object:
    return body_of(row)


def shown(row: Provider, _: pytest.MonkeyPatch) -> object:
    return printed(row)


# For each column: another value of it, and where the difference must be seen.
COLUMNS: dict[str, tuple[Any, Seen]] = {
    "name": ("other", found_by),
    "api_base": ("https://one.example/v1", found_by),
    "also_at": (("https://two.example/v1",), found_by),
    "key_variable": ("STUDIO_KEY", found_by),
    "dialect": ("messages", lambda row, _: dialect_of(row)),
    "strict_tools": (False, sent),
    "strict_subset": (ANTHROPIC_STRICT, sent),
    "forced_call": (False, sent),
    "parallel_switch": (False, sent),
    "several_calls": (False, sent),
    "temperature": (False, sent),
    "limit_field": ("max_completion_tokens", sent),
    "reasoning_fields": (("thoughts",), shown),
    "usage": (UsageFields(prompt="prompt"), lambda row, _: reply_of(row)),
    "cache": ("marked", sent),
    "cache_key": (True, sent),
    "extra": ({"thinking": False}, sent),
    "rules": ((ModelRule(("m",), {"temperature": False}),), sent),
    "quirks": (("odd",), shown),
    "source": ("its handbook", shown),
}


@pytest.mark.parametrize("column", [column.name for column in fields(Provider)])
def test_every_column_changes_something(column: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, look = COLUMNS[column]
    changed = replace(ROW, **{column: value})
    assert look(changed, monkeypatch) != look(ROW, monkeypatch)


def test_both_dialects_obey_the_same_columns() -> None:
    shared = ("strict_tools", "strict_subset", "forced_call", "parallel_switch", "several_calls")
    row = replace(ROW, dialect="messages")
    for column in (*shared, "temperature", "limit_field", "cache", "extra", "rules"):
        value, _ = COLUMNS[column]
        assert body_of(replace(row, **{column: value})) != body_of(row), column


def test_no_code_asks_who_it_is_talking_to() -> None:
    names = set(PROVIDERS) - {"anthropic", "openai"}
    for path in [*SOURCE.glob("*.py"), *SOURCE.glob("providers/*.py")]:
        if path.name in {"rows.py", "prices.py"}:
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(rf"[=!]= ?[\"']({'|'.join(names)}|openai|anthropic)[\"']", text), path


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: str(row.name))
def test_a_rule_names_columns_that_exist_and_models_in_small_letters(row: Provider) -> None:
    for rule in row.rules:
        for pattern in rule.models:
            assert pattern == pattern.lower()
            assert row.of(pattern.replace("*", "x").replace("[", "").replace("]", ""))
        assert replace(row, **rule.columns) != row


def test_a_rule_holds_for_its_models_however_they_are_spelled() -> None:
    row = replace(ROW, rules=(ModelRule(("big-*",), {"temperature": False}),))
    assert row.of("big-1").temperature is False
    assert row.of("BIG-1").temperature is False
    assert row.of("not-big-1") is row


def test_of_two_rules_the_later_wins_and_the_others_columns_stay() -> None:
    earlier = ModelRule(("*",), {"temperature": False, "forced_call": False})
    row = replace(ROW, rules=(earlier, ModelRule(("m*",), {"temperature": True}))).of("m")
    assert (row.temperature, row.forced_call) == (True, False)


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("gpt-4o", None),
        ("gpt-5", None),
        ("gpt-5-mini", None),
        ("gpt-5.4", None),
        ("gpt-5.5", "none"),
        ("gpt-5.6-sol", "none"),
        ("gpt-6", "none"),
    ],
)
def test_reasoning_is_off_where_openai_refuses_it_with_tools(
    model: str, effort: str | None
) -> None:
    assert PROVIDERS["openai"].of(model).extra.get("reasoning_effort") == effort


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://API.OpenAI.com/v1/chat/completions", "openai"),
        ("https://api.deepseek.com", "deepseek"),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen"),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen"),
        ("http://localhost:11434", "ollama"),
        ("http://127.0.0.1:11434/v1", "ollama"),
        ("http://127.0.0.1:11435/v1", "compatible"),
        ("http://localhost:8000/v1", "compatible"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://api.anthropic.com/v1/messages", "anthropic"),
        ("https://api.openai.com.example/v1", "compatible"),
        ("", "compatible"),
    ],
)
def test_a_provider_is_known_by_the_host_and_port_of_its_address(address: str, name: str) -> None:
    assert provider_of("", address).name == name


def test_a_name_goes_before_the_address() -> None:
    assert provider_of("vllm", "https://api.openai.com/v1").name == "vllm"


def test_what_is_no_address_is_said() -> None:
    with pytest.raises(ConfigError, match=r"llm_config\.api_base: found 'http://\[oops'"):
        provider_of("", "http://[oops")


def test_no_two_rows_share_a_server() -> None:
    addresses = [base for row in PROVIDERS.values() for base in (row.api_base, *row.also_at)]
    hosts = [base.split("/")[2] for base in addresses if base]
    assert len(hosts) == len(set(hosts))
    assert PROVIDERS["compatible"] is GENERIC


def test_a_server_without_an_address_is_refused() -> None:
    target = replace(target_of(PROVIDERS["vllm"]), api_base="")
    with pytest.raises(ConfigError, match="'vllm' has no server of its own; set the address"):
        dialect_for(target, llm_config("", provider="vllm"))


def test_the_dialect_is_the_one_the_row_names() -> None:
    assert dialect_of(PROVIDERS["anthropic"]) is Messages

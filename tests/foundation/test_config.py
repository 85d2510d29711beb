from typing import Any

import pytest

from builders import a_config, settings
from llm_modules.config import TraderConfig, parse_config
from llm_modules.errors import ConfigError


def message_of(merged: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(merged)
    return str(caught.value)


def test_a_complete_configuration_is_read() -> None:
    config = a_config()
    assert config.llm_config.model == "test-model"
    assert config.risk_management.max_stop_pct == 5.0
    assert config.context_config.informative_timeframes == ("1h",)


def test_freqtrades_own_keys_are_left_alone() -> None:
    assert parse_config(settings() | {"stake_currency": "USDT", "exchange": {}})


@pytest.mark.parametrize("block", sorted(settings()))
def test_a_missing_block_is_named(block: str) -> None:
    merged = settings()
    del merged[block]
    assert f"{block}: missing" in message_of(merged)


def test_a_mistyped_block_is_recognised() -> None:
    merged = settings()
    merged["llm_confg"] = merged.pop("llm_config")
    assert "llm_config: missing; found 'llm_confg', did you mean 'llm_config'?" in message_of(
        merged
    )


REQUIRED = [
    (block, key)
    for block, field in TraderConfig.model_fields.items()
    for key, value in field.annotation.model_fields.items()
    if value.is_required()
]


@pytest.mark.parametrize(("block", "key"), REQUIRED)
def test_each_missing_key_is_named(block: str, key: str) -> None:
    merged = settings()
    del merged[block][key]
    assert f"{block}.{key}: missing" in message_of(merged)


def test_a_mistyped_key_is_recognised() -> None:
    merged = settings()
    merged["risk_management"]["max_levrage"] = merged["risk_management"].pop("max_leverage")
    message = message_of(merged)
    assert "did you mean 'max_leverage'?" in message
    assert "risk_management.max_levrage: unknown key; allowed in risk_management: " in message


@pytest.mark.parametrize(
    ("block", "key", "value"),
    [
        ("llm_config", "temperature", "0.6"),
        ("llm_config", "temperature", 2.1),
        ("llm_config", "temperature", float("nan")),
        ("llm_config", "max_tokens", 63),
        ("llm_config", "max_tokens", 2000.5),
        ("llm_config", "timeout", 0),
        ("llm_config", "retry_times", -1),
        ("llm_config", "retry_times", True),
        ("llm_config", "api_base", "localhost:3120"),
        ("risk_management", "max_leverage", 0.9),
        ("risk_management", "max_leverage", 126),
        ("risk_management", "max_position_pct", 0),
        ("risk_management", "max_position_pct", 100.1),
        ("risk_management", "max_open_trades", 0),
        ("risk_management", "allow_model_freedom", "yes"),
        ("risk_management", "emergency_stop_loss", 0.15),
        ("risk_management", "emergency_stop_loss", -1),
        ("experience_config", "decision_log_path", ""),
        ("experience_config", "max_recent_trades_context", 101),
        ("context_config", "max_context_tokens", 499),
        ("context_config", "informative_timeframes", ["1h", "7h"]),
        ("context_config", "informative_timeframes", ["1h", "1h"]),
        ("context_config", "multi_timeframe_history", {"1h": 0}),
    ],
)
def test_a_wrong_value_is_named_with_what_was_found(block: str, key: str, value: Any) -> None:
    merged = settings()
    merged[block][key] = value
    message = message_of(merged)
    assert f"{block}.{key}" in message
    assert "found " in message
    assert "expected " in message


@pytest.mark.parametrize("address", ["https://me:hunter2@host/v1", "https://host/v1?key=hunter2"])
def test_a_secret_in_an_address_is_refused_and_not_repeated(address: str) -> None:
    message = message_of(settings(llm_config={"api_base": address}))
    assert "llm_config.api_base" in message
    assert "LLM_API_KEY" in message
    assert "hunter2" not in message


def test_a_default_leverage_above_the_maximum_is_refused() -> None:
    merged = settings()
    merged["risk_management"] |= {"max_leverage": 2.0, "default_leverage": 3.0}
    assert "default_leverage may not exceed max_leverage" in message_of(merged)


def test_history_of_a_timeframe_that_is_not_shown_is_refused() -> None:
    merged = settings(context_config={"multi_timeframe_history": {"4h": 5}})
    assert "multi_timeframe_history names ['4h']" in message_of(merged)


@pytest.mark.parametrize("missing", ["model", "api_base"])
def test_model_and_server_are_named_together(missing: str) -> None:
    merged = settings(llm_config={missing: ""})
    assert "named together" in message_of(merged)


def test_both_empty_means_the_sandbox() -> None:
    assert a_config(llm_config={"model": "", "api_base": ""}).llm_config.model == ""


def test_a_literal_key_is_refused_and_never_shown() -> None:
    message = message_of(settings(llm_config={"api_key": "sk-canary"}))
    assert "./manage.sh move-keys" in message
    assert "canary" not in message


def test_every_problem_is_told_at_once() -> None:
    merged = settings(llm_config={"timeout": 0}, risk_management={"max_open_trades": 0})
    message = message_of(merged)
    assert "llm_config.timeout" in message
    assert "risk_management.max_open_trades" in message


def test_an_empty_key_may_stand_in_the_file() -> None:
    assert a_config(llm_config={"api_key": ""}).llm_config.api_key == ""


def test_lists_and_only_lists_stand_for_several_names() -> None:
    assert a_config(context_config={"extra_indicators": ["cci"]}).context_config.extra_indicators
    message = message_of(settings(context_config={"extra_indicators": "cci"}))
    assert "context_config.extra_indicators: found 'cci'" in message


def test_rewards_live_beside_the_trades() -> None:
    assert str(a_config("logs").experience_config.reward_path) == "logs/reward_learning.json"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fallbacks": [{"provider": "deepseek"}]}, "llm_config.fallbacks.0.model: missing"),
        ({"fallbacks": [{"modell": "x", "provider": "p"}]}, "did you mean 'model'?"),
        ({"fallbacks": {}}, "llm_config.fallbacks: found {}, expected a list, as [..]"),
        ({"budget": None}, 'llm_config.budget: found null, expected a block of keys, as {"key"'),
        ({"budget": {"usd_per_dy": 1}}, "allowed in llm_config.budget: tokens_per_day"),
        ({"asking": {"scope": "all"}}, "asking.scope: found 'all', expected 'pair' or 'portfolio'"),
    ],
)
def test_a_problem_in_a_block_within_a_block_is_told_as_plainly(
    changes: dict[str, Any], said: str
) -> None:
    assert said in message_of(settings(llm_config=changes))


def test_a_key_that_is_missing_is_not_likened_to_one_of_another_block() -> None:
    merged = settings(llm_config={"fallbacks": [{"provider": "deepseek"}]})
    assert "did you mean" not in message_of(merged)

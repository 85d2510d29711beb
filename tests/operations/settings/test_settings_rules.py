import copy
from collections.abc import Mapping
from typing import Any

import pytest
from freqtrade.config_schema.config_schema import CONF_SCHEMA as SCHEMA

from llm_modules.config import TraderConfig
from llm_modules.errors import ConfigError
from llm_modules.operations.places import Places
from llm_modules.operations.settings.reading import environment_settings, merged, read_settings
from llm_modules.operations.settings.rules import checked, has_no_twin_of_ours

MISSING = object()


@pytest.fixture
def settings(places: Places, api_secrets: Mapping[str, str]) -> dict[str, Any]:
    return merged(read_settings(places.settings), environment_settings(api_secrets))


def changed(settings: Mapping[str, Any], dotted: str, value: object) -> dict[str, Any]:
    result = copy.deepcopy(dict(settings))
    *parents, name = dotted.split(".")
    around = result
    for parent in parents:
        around = around.setdefault(parent, {})
    if value is MISSING:
        del around[name]
    else:
        around[name] = value
    return result


def complaint(settings: Mapping[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        checked(settings)
    heading, *lines = str(caught.value).splitlines()
    assert heading == "config.json cannot be used:"
    return "\n".join(line.strip() for line in lines)


def test_the_shipped_settings_pass(settings: dict[str, Any]) -> None:
    assert isinstance(checked(settings), TraderConfig)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("dry_run", "true or false"),
        ("trading_mode", "'futures'"),
        ("margin_mode", "'isolated'"),
        ("stake_currency", "a text"),
        ("stake_amount", "'unlimited'"),
        ("max_open_trades", "a whole number from 1 to 100"),
        ("entry_pricing.price_side", "'other'"),
        ("entry_pricing.use_order_book", "true"),
        ("exit_pricing.price_side", "'other'"),
        ("exit_pricing.use_order_book", "true"),
        ("exchange.name", "a text"),
        ("exchange.pair_whitelist", "a list of futures pairs such as ['BTC/USDT:USDT']"),
        ("pairlists", "a list such as [{'method': 'StaticPairList'}]"),
        ("api_server.enabled", "true"),
        ("api_server.listen_ip_address", "a text"),
        ("api_server.listen_port", "a whole number from 1024 to 65535"),
        ("api_server.username", "a text"),
    ],
)
def test_what_freqtrade_needs_is_missed_by_name(
    settings: dict[str, Any], key: str, expected: str
) -> None:
    assert complaint(changed(settings, key, MISSING)) == f"{key}: missing, expected {expected}"


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("dry_run", "yes", "'yes'"),
        ("dry_run", 1, "1"),
        ("dry_run_wallet", -5, "-5"),
        ("dry_run_wallet", "1000", "'1000'"),
        ("trading_mode", "spot", "'spot'"),
        ("margin_mode", "cross", "'cross'"),
        ("stake_amount", 100, "100"),
        ("tradable_balance_ratio", 1.01, "1.01"),
        ("max_open_trades", 0, "0"),
        ("max_open_trades", -1, "-1"),
        ("max_open_trades", True, "True"),
        ("max_open_trades", 2.5, "2.5"),
        ("timeframe", "31m", "'31m'"),
        ("entry_pricing.price_side", "same", "'same'"),
        ("entry_pricing.use_order_book", 1, "1"),
        ("exchange.name", "", "''"),
        ("exchange.pair_whitelist", [], "[]"),
        ("exchange.pair_whitelist", ["BTC/USDT"], "['BTC/USDT']"),
        ("exchange.pair_whitelist", ["BTC/USDT:USDT", "ETH/BUSD:BUSD"], "['ETH/BUSD:BUSD']"),
        ("pairlists", [{}], "[{}]"),
        ("pairlists", ["StaticPairList"], "['StaticPairList']"),
        ("api_server.listen_port", 1023, "1023"),
        ("api_server.listen_port", 65536, "65536"),
    ],
)
def test_a_wrong_value_is_told_with_key_and_value(
    settings: dict[str, Any], key: str, value: object, found: str
) -> None:
    assert complaint(changed(settings, key, value)).startswith(f"{key}: found {found}, expected ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_open_trades", 1),
        ("max_open_trades", 100),
        ("api_server.listen_port", 1024),
        ("api_server.listen_port", 65535),
        ("tradable_balance_ratio", 1),
        ("timeframe", "1m"),
    ],
)
def test_the_ends_of_a_range_are_inside(settings: dict[str, Any], key: str, value: object) -> None:
    checked(changed(settings, key, value))


@pytest.mark.parametrize("key", ["dry_run_wallet", "tradable_balance_ratio", "timeframe"])
def test_what_freqtrade_has_a_default_for_may_be_left_out(
    settings: dict[str, Any], key: str
) -> None:
    checked(changed(settings, key, MISSING))


def test_a_typo_is_answered_with_the_right_name(settings: dict[str, Any]) -> None:
    wrong = changed(changed(settings, "stake_currency", MISSING), "stake_curency", "USDT")
    assert "found 'stake_curency', did you mean 'stake_currency'?" in complaint(wrong)


def test_a_missing_block_is_named_with_its_typo(settings: dict[str, Any]) -> None:
    wrong = changed(settings, "exit_pricing", MISSING)
    wrong["exit_pricings"] = settings["exit_pricing"]
    assert "found 'exit_pricings', did you mean 'exit_pricing'?" in complaint(wrong)


def test_a_block_of_the_wrong_kind_is_told(settings: dict[str, Any]) -> None:
    text = complaint(changed(settings, "entry_pricing", "other"))
    assert "entry_pricing: found 'other', expected an object with price_side" in text


def test_problems_of_all_blocks_come_in_one_message(settings: dict[str, Any]) -> None:
    wrong = changed(settings, "dry_run", MISSING)
    wrong = changed(wrong, "risk_management.max_leverage", 500)
    wrong = changed(wrong, "context_config.max_tokens", 5)
    lines = complaint(wrong).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "dry_run",
        "risk_management.max_leverage",
        "context_config.max_tokens",
    ]


@pytest.mark.parametrize("key", ["api_server.password", "api_server.jwt_secret_key"])
def test_a_missing_api_secret_is_sent_to_the_env_file(settings: dict[str, Any], key: str) -> None:
    assert complaint(changed(settings, key, MISSING)).startswith(f"{key}: missing; it belongs in")


@pytest.mark.parametrize(("length", "passes"), [(31, False), (32, True)])
def test_a_short_signing_key_is_refused_and_not_shown(
    settings: dict[str, Any], length: int, *, passes: bool
) -> None:
    changed_settings = changed(settings, "api_server.jwt_secret_key", "c" * length)
    if passes:
        checked(changed_settings)
    else:
        text = complaint(changed_settings)
        assert "too short" in text
        assert "ccc" not in text


def test_live_trading_needs_the_keys_of_an_account(settings: dict[str, Any]) -> None:
    live = changed(settings, "dry_run", False)
    text = complaint(live)
    assert "FREQTRADE__EXCHANGE__KEY is needed in .env" in text
    assert "FREQTRADE__EXCHANGE__SECRET is needed in .env" in text
    checked(changed(changed(live, "exchange.key", "k"), "exchange.secret", "s"))


def test_telegram_is_whole_or_absent(settings: dict[str, Any]) -> None:
    half = changed(settings, "telegram", {"enabled": False, "token": "t"})
    assert complaint(half).startswith("telegram.chat_id: missing")
    checked(changed(half, "telegram.chat_id", "5"))


def a_model(settings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    block = settings["llm_config"] | {"provider": "openai", "model": "nobody-knows-it"} | changes
    return settings | {"llm_config": block}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"provider": "opnai"}, "llm_config.provider: found 'opnai'"),
        ({"provider": "vllm"}, "llm_config.api_base: empty, but vllm has no server of its own"),
        (
            {"budget": {"usd_per_day": 1.0}},
            "limits money, but nobody knows what 'nobody-knows-it' costs",
        ),
    ],
)
def test_what_would_end_a_start_is_told_before_it(
    settings: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    assert checked(a_model(settings))
    assert said in complaint(a_model(settings, **changes))


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("llm_cofig", "llm_config"),
        ("LLM_CONFIG", "llm_config"),
        ("risk-management", "risk_management"),
        ("risk_managment", "risk_management"),
        ("experience_conf", "experience_config"),
        ("contextconfig", "context_config"),
    ],
)
def test_a_misspelt_block_of_ours_beside_the_right_one_is_told(
    settings: dict[str, Any], key: str, meant: str
) -> None:
    told = complaint(changed(settings, key, {"model": "m"}))
    assert told == f"{key}: unknown block, and {meant!r} is there too: which one is meant?"


def test_a_misspelt_block_of_ours_instead_of_the_right_one_is_told_once(
    settings: dict[str, Any],
) -> None:
    wrong = changed(changed(settings, "llm_cofig", settings["llm_config"]), "llm_config", MISSING)
    assert complaint(wrong) == "llm_config: missing; found 'llm_cofig', did you mean 'llm_config'?"


def test_no_setting_of_freqtrade_is_taken_for_a_block_of_ours(settings: dict[str, Any]) -> None:
    known = dict.fromkeys(SCHEMA["properties"])
    twins = list(has_no_twin_of_ours({**known, **settings, "bot_config": {}}))
    assert twins == []


def test_a_key_of_an_older_version_names_the_command_that_mends_it(
    settings: dict[str, Any],
) -> None:
    told = complaint(changed(settings, "forcebuy_enable", value=False))
    assert told == (
        "forcebuy_enable: now force_entry_enable, since Freqtrade 2022; run ./manage.sh migrate"
    )


@pytest.mark.parametrize("capital", [0, -5, "100", True])
def test_a_capital_that_is_no_positive_number_is_refused(
    settings: dict[str, Any], capital: object
) -> None:
    with pytest.raises(ConfigError, match="available_capital: found"):
        checked(settings | {"available_capital": capital})

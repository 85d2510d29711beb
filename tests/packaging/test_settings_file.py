import re
from pathlib import Path
from typing import Any

import pytest
import rapidjson

from llm_modules.config import TraderConfig, parse_config
from llm_modules.operations.settings.reading import read_settings, value_at
from llm_modules.operations.settings.secret_keys import VARIABLES, literal_secrets

ROOT = Path(__file__).parent.parent.parent
PATH = ROOT / "user_data" / "config.json"
SETTINGS = read_settings(PATH)
CONFIG = parse_config(SETTINGS)

# The keys and figures the user named, and ours beside them.
BLOCKS: dict[str, dict[str, Any]] = {
    "llm_config": {
        "api_base": "",
        "api_key": "",
        "model": "",
        "temperature": 0.6,
        "max_tokens": 2000,
        "timeout": 60,
        "retry_times": 2,
    },
    "risk_management": {
        "max_leverage": 10,
        "default_leverage": 3,
        "max_position_pct": 20,
        "max_open_trades": 4,
        "allow_model_freedom": True,
        "emergency_stop_loss": -0.15,
        "max_stop_pct": 5,
        "max_price_drift_pct": 1,
    },
    "experience_config": {
        "log_decisions": True,
        "log_trades": True,
        "decision_log_path": "./user_data/logs/llm_decisions.jsonl",
        "trade_log_path": "./user_data/logs/trade_experience.jsonl",
        "max_recent_trades_context": 3,
        "max_recent_decisions_context": 10,
        "include_pair_specific_trades": True,
        "reward_learning": True,
    },
    "context_config": {
        "max_context_tokens": 6000,
        "indicator_history_points": 8,
        "raw_kline_history_points": 8,
        "table_columns": ["high", "low", "close", "volume", "rsi_14"],
        "timeframe_columns": ["bb_lower", "bb_upper"],
        "include_multi_timeframe_data": False,
        "multi_timeframe_history": {},
        "informative_timeframes": ["1h", "4h", "1d"],
        "extra_indicators": [],
    },
}


@pytest.mark.parametrize("block", BLOCKS)
def test_each_block_holds_every_key(block: str) -> None:
    for key, value in BLOCKS[block].items():
        assert SETTINGS[block][key] == value, key


def test_every_key_the_code_knows_is_shown_to_the_user() -> None:
    for block, field in TraderConfig.model_fields.items():
        keys = set(field.annotation.model_fields)  # type: ignore[union-attr]
        assert set(SETTINGS[block]) == keys


def test_every_key_of_our_blocks_is_explained_beside_it() -> None:
    explained = re.findall(r'(?m)^ {8}"(\w+)": [^/\n]+,? +// \S', PATH.read_text(encoding="utf-8"))
    obvious = {"log_decisions", "log_trades", "decision_log_path", "trade_log_path"}
    obvious |= {"max_recent_trades_context", "max_recent_decisions_context"}
    obvious |= {"informative_timeframes"}
    for block, keys in BLOCKS.items():
        assert set(keys) - obvious <= set(explained), block


def test_money_is_simulated_and_the_shape_is_what_the_strategy_needs() -> None:
    expected = {
        "dry_run": True,
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "stake_amount": "unlimited",
        "tradable_balance_ratio": 0.95,
        "timeframe": "30m",
        "max_open_trades": 4,
        "entry_pricing.price_side": "other",
        "exit_pricing.price_side": "other",
        "exchange.name": "binance",
        "force_entry_enable": False,
        "initial_state": "running",
        "internals.process_throttle_secs": 2,
        "api_server.enabled": True,
        "api_server.listen_ip_address": "127.0.0.1",
        "api_server.listen_port": 8086,
        "api_server.username": "freqtrader",
    }
    assert {key: value_at(SETTINGS, key) for key in expected} == expected


def test_five_liquid_pairs_are_traded() -> None:
    coins = ("BTC", "ETH", "SOL", "XRP", "DOGE")
    assert SETTINGS["exchange"]["pair_whitelist"] == [f"{coin}/USDT:USDT" for coin in coins]


def test_no_secret_stands_in_it() -> None:
    assert literal_secrets(SETTINGS) == ()
    keys_with_text = [key for key in VARIABLES if value_at(SETTINGS, key)]
    assert keys_with_text == []


def test_no_key_stands_twice() -> None:
    def refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), keys
        return dict(pairs)

    class Decoder(rapidjson.Decoder):  # type: ignore[misc]
        """Sees every object as the list of its pairs."""

        def start_object(self) -> list[tuple[str, Any]]:
            return []

        def end_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            return refuse_repeats(pairs)

    mode = rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS
    assert Decoder(parse_mode=mode)(PATH.read_text(encoding="utf-8")) == SETTINGS


def test_the_example_of_an_env_file_is_completed_on_the_first_start() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in ("LLM_API_KEY", "FREQTRADE__EXCHANGE__KEY", "FREQTRADE__EXCHANGE__SECRET"):
        assert f"# {name}=\n" in text
    assert not re.search(r"(?m)^[A-Z].*=.+", text)


def test_defaults_in_the_file_are_the_defaults_of_the_code() -> None:
    for block, field in TraderConfig.model_fields.items():
        for name, key in field.annotation.model_fields.items():  # type: ignore[union-attr]
            if not key.is_required():
                default = key.get_default(call_default_factory=True)
                assert getattr(getattr(CONFIG, block), name) == default, name

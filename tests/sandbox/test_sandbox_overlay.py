"""config.sandbox.json: nothing can leave the machine, and it fits the sandbox it is for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ccxt
import ccxt.pro
import rapidjson

from llm_modules.config import LLMConfig
from llm_modules.sandbox.chat import MODEL_NAME
from llm_modules.sandbox.contracts import CONTRACTS
from llm_modules.sandbox.exchange import EXCHANGE_PREFIX
from llm_modules.sandbox.main import build_parser

PATH = Path(__file__).parents[2] / "user_data" / "config.sandbox.json"


def overlay() -> Any:
    """Return the overlay as Freqtrade reads it: comments and trailing commas allowed."""
    mode = rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS
    return rapidjson.loads(PATH.read_text(encoding="utf-8"), parse_mode=mode)


def addresses(urls: Any) -> Iterator[str]:
    """Return every address in a tree of them."""
    for item in urls.values():
        if isinstance(item, dict):
            yield from addresses(item)
        else:
            yield item


def test_every_address_ccxt_could_ask_is_on_loopback() -> None:
    exchange = overlay()["exchange"]
    synchronous = ccxt.binance(exchange["ccxt_config"])
    # Freqtrade lays ccxt_async_config over ccxt_config for its second client.
    both = ccxt.Exchange.deep_extend(exchange["ccxt_config"], exchange["ccxt_async_config"])
    asynchronous = ccxt.pro.binance(both)

    for client in (synchronous, asynchronous):
        found = list(addresses(client.urls["api"]))
        assert len(found) >= 22
        assert {urlsplit(address).netloc for address in found} == {"127.0.0.1:18086"}
        assert not client.enableRateLimit
    assert synchronous.urls["api"]["fapiPublic"] == f"http://127.0.0.1:18086{EXCHANGE_PREFIX}"
    assert synchronous.options["fetchMarkets"]["types"] == ["linear"]


def test_its_ports_are_the_defaults_of_the_sandbox() -> None:
    defaults = build_parser().parse_args([])
    settings = overlay()

    model = urlsplit(settings["llm_config"]["api_base"])
    assert (model.hostname, model.port, model.path) == ("127.0.0.1", defaults.model_port, "/v1")
    exchange = urlsplit(settings["exchange"]["ccxt_config"]["urls"]["api"]["fapiPublic"])
    assert exchange.port == defaults.exchange_port


def test_it_trades_exactly_the_pairs_that_the_sandbox_lists() -> None:
    settings = overlay()

    assert settings["exchange"]["pair_whitelist"] == [contract.pair for contract in CONTRACTS]
    assert settings["pairlists"] == [{"method": "StaticPairList"}]


def test_its_model_block_is_complete_and_names_the_scripted_model() -> None:
    block = LLMConfig.model_validate(overlay()["llm_config"])

    assert block.model == MODEL_NAME
    assert block.api_key == ""
    assert (block.timeout, block.retry_times, block.max_tokens) == (10, 1, 600)


def test_it_is_a_dry_run_on_one_minute_candles_without_keys() -> None:
    settings = overlay()

    assert settings["dry_run"] is True
    assert settings["timeframe"] == "1m"
    assert settings["exchange"]["key"] == settings["exchange"]["secret"] == ""
    assert settings["exchange"]["enable_ws"] is False
    assert settings["internals"]["process_throttle_secs"] == 1

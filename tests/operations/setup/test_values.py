from collections.abc import Callable
from typing import Any

import pytest

from llm_modules.errors import ConfigError
from llm_modules.llm.providers.table import PROVIDERS
from llm_modules.operations.setup import values


@pytest.mark.parametrize(
    ("value", "text", "result"),
    [
        (values.provider, "deepseek", "deepseek"),
        (values.provider, "sandbox", "sandbox"),
        (values.model, "meta/llama-3:8b", "meta/llama-3:8b"),
        (values.address, "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        (values.exchange, "binance", "binance"),
        (values.exchange, "hyperliquid", "hyperliquid"),
        (values.timeframe, "1h", "1h"),
        (values.wallet, "1", 1),
        (values.wallet, "1e12", 10**12),
        (values.wallet, "99.5", 99.5),
        (values.risk, "careful", "careful"),
        (values.telegram_token, "1:ABCDEFGHI-_", "1:ABCDEFGHI-_"),
        (values.telegram_chat, "-100123", "-100123"),
        (values.key, "sk-$'\"#", "sk-$'\"#"),
    ],
)
def test_what_is_meant_is_taken(value: Callable[[str], Any], text: str, result: object) -> None:
    found = value(text)
    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    ("value", "text", "told"),
    [
        (values.provider, "opena", "found 'opena', expected one of sandbox, openai"),
        (values.provider, "", "found '', expected one of"),
        (values.model, "", "found nothing, expected the model's name"),
        (values.model, " m", "expected a model's name, without space"),
        (values.address, "", "found nothing, expected the address"),
        (values.address, "host/v1", "starts with http.* or https://$"),
        (values.wallet, "5,000", "without commas"),
        (values.address, "http://user:canary@host", "without user, password"),
        (values.exchange, "binanse", "did you mean 'binance'"),
        (values.exchange, "Binance", "did you mean 'binance'"),
        (values.exchange, "", "found '', expected the name of an exchange, such as 'binance'$"),
        (values.exchange, "__init__", "expected the name of an exchange"),
        (values.timeframe, "31m", "found '31m', expected one of 1m, 3m"),
        (values.wallet, "0.99", "found '0.99', expected an amount of 1 or more"),
        (values.wallet, "1.1e12", "expected an amount"),
        (values.wallet, "nan", "expected an amount"),
        (values.wallet, "much", "found 'much', expected an amount"),
        (values.risk, "own", "expected one of careful, normal, free"),
        (values.telegram_token, "canary", "expected the token of a Telegram bot"),
        (values.telegram_chat, "@canary", "expected the number of a chat"),
        (values.key, "", "expected a key"),
        (values.key, "canary two", "expected a key: one line, without spaces"),
        (values.key, "canary\n", "expected a key"),
        (values.key, "canary-ü", "expected a key"),
    ],
)
def test_what_is_not_is_told_without_secrets(
    value: Callable[[str], Any], text: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        value(text)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("texts", "result"),
    [
        (["BTC/USDT:USDT"], ("BTC/USDT:USDT",)),
        (["BTC/USDT:USDT, ETH/USDT:USDT"], ("BTC/USDT:USDT", "ETH/USDT:USDT")),
        (["1000PEPE/USDT:USDT", "ETH/USDT:USDT,"], ("1000PEPE/USDT:USDT", "ETH/USDT:USDT")),
    ],
)
def test_pairs_may_be_written_in_several_ways(texts: list[str], result: tuple[str, ...]) -> None:
    assert values.pairs(texts, "USDT") == result


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([], "found nothing, expected pairs such as BTC/USDC:USDC"),
        ([" , "], "found nothing"),
        (["btc"], r"found 'btc', .*; did you mean BTC/USDC:USDC\?"),
        (["BTCUSDC"], r"did you mean BTC/USDC:USDC\?"),
        (["BTC/USDC"], r"did you mean BTC/USDC:USDC\?"),
        (["BTC/USDT:USDT"], r"did you mean BTC/USDC:USDC\?"),
        (["BTC-USDC"], r"did you mean BTC/USDC:USDC\?"),
        (["USDC"], "expected pairs such as BTC/USDC:USDC$"),
        (["ETH/USDC:USDC", "ETH/USDC:USDC"], "found 'ETH/USDC:USDC' twice"),
    ],
)
def test_pairs_of_another_form_are_told_with_what_was_meant(texts: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        values.pairs(texts, "USDC")


def test_every_provider_can_be_chosen() -> None:
    assert set(values.PROVIDER_CHOICES) == {*PROVIDERS, values.SANDBOX}

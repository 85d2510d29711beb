"""What of `llm_config` is refused because it cannot be meant."""

from typing import Any

import pytest

from builders import a_config, settings
from llm_modules.config import parse_config
from llm_modules.errors import ConfigError

PRICE = {"input": 1.0, "output": 2.0}
HERE = "http://127.0.0.1:9/v1"


def message_of(**llm: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(settings(llm_config=llm))
    return str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "http:///v1",
        "https://a b/v1",
        "https://host/a b",
        "https://host:99999/v1",
        "https://host:0/v1",
        "https://host:/v1",
        "https://host:port/v1",
        "https://[oops/v1",
        "https://[zz]/v1",
        "https://api.openai.com\\.evil.example/v1",
        "https://host/v1\\",
        "https://host/v1\n",
        "https://h\u00f6st/v1",
        "ftp://host/v1",
        "HTTPS://host/v1",
    ],
)
def test_an_address_without_a_host_is_none(address: str) -> None:
    message = message_of(api_base=address)
    assert f"llm_config.api_base: found {address!r}, expected a URL" in message


@pytest.mark.parametrize(
    "address",
    [
        "https://host",
        "https://host/",
        "http://localhost:11434",
        "http://127.0.0.1:65535/v1",
        "http://[::1]:8000/v1",
        "http://my_gpu-1.lan/a/b/v1",
        "https://generativelanguage.googleapis.com/v1beta/openai/",
    ],
)
def test_an_address_with_a_host_is_one(address: str) -> None:
    assert a_config(llm_config={"api_base": address}).llm_config.api_base == address


def test_a_fragment_is_refused() -> None:
    message = message_of(api_base="https://host/v1#top")
    assert "without user, password, query or fragment" in message


@pytest.mark.parametrize("name", [" ", " m", "m ", "m\n", "m\x1b[2J", "m\u00a0m", "\t"])
def test_a_name_of_white_space_or_control_characters_is_none(name: str) -> None:
    expected = "expected a model's name"
    assert expected in message_of(model=name)
    assert expected in message_of(asking={"cheap_model": name})
    assert expected in message_of(prices={name: PRICE})
    assert expected in message_of(fallbacks=[{"model": name, "api_base": HERE}])


@pytest.mark.parametrize("name", ["gpt-5", "qwen3:32b", "org/model v2", "\u6a21\u578b"])
def test_any_other_name_is_one(name: str) -> None:
    changes: dict[str, Any] = {"model": name, "prices": {name: PRICE}}
    assert a_config(llm_config=changes).llm_config.model == name


@pytest.mark.parametrize("name", ["*", "**", ""])
def test_no_price_is_that_of_any_model(name: str) -> None:
    assert f"expected the names of models: {name!r} would be the price of any" in message_of(
        prices={name: PRICE}
    )
    assert a_config(llm_config={"prices": {f"{name}my-*": PRICE}})


@pytest.mark.parametrize("unit", ["usd", "tokens"])
def test_a_day_may_cost_as_much_as_its_month_and_no_more(unit: str) -> None:
    day, month = f"{unit}_per_day", f"{unit}_per_month"
    message = message_of(budget={day: 11, month: 10})
    assert f"expected {day} within {month}, 11" in message
    for budget in ({day: 10, month: 10}, {day: 9, month: 10}, {day: 11}, {month: 10}):
        assert a_config(llm_config={"budget": budget})


def test_a_cheap_model_is_another_than_the_main_one() -> None:
    assert "asking.cheap_model is `model` itself" in message_of(
        asking={"cheap_model": "test-model"}
    )
    sandbox = {"model": "", "api_base": "", "asking": {"cheap_model": ""}}
    assert a_config(llm_config=sandbox).llm_config.asking.cheap_model == ""


def test_a_fallback_without_a_model_is_refused() -> None:
    nothing = {"model": "", "api_base": "", "provider": ""}
    assert "one without a model answers nothing" in message_of(fallbacks=[nothing])

from datetime import date, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from builders import NOON
from costs import utc
from llm_modules.config import PriceConfig
from llm_modules.dialogue import Usage
from llm_modules.llm.providers.table import PROVIDERS
from llm_modules.llm.spending.prices import Price, PriceList, Prices, shipped_prices

SHIPPED = shipped_prices()
CURRENT = utc("2026-11-21")


def a_table(**rows: list[dict[str, Any]]) -> PriceList:
    """Rows by provider; "any" stands for all of them."""
    named = [
        {"name": "*" if name == "any" else name, "source": "a test", "prices": found}
        for name, found in rows.items()
    ]
    return PriceList.model_validate({"checked": date(2026, 1, 1), "provider": named})


def known(*rows: dict[str, Any], **own: PriceConfig) -> Prices:
    return Prices(a_table(openai=list(rows)), own)


def dollars(prices: Prices, model: str, **changes: Any) -> float | None:
    """The price of a million tokens of prompt."""
    values: dict[str, Any] = {"provider": "openai", "at": NOON} | changes
    found = prices.price(model=model, **values)
    return found and found.input


def a_row(model: str, input_usd: float = 1.0, **changes: Any) -> dict[str, Any]:
    return {"model": model, "input": input_usd, "output": 2.0} | changes


def test_each_sort_of_token_has_its_price() -> None:
    price = Price(input=10.0, cached=1.0, cache_write=12.0, output=50.0)
    usage = Usage(1_000_000, 100_000, cached_tokens=600_000, cache_write_tokens=300_000)
    assert price.cost(usage) == pytest.approx(0.1 * 10 + 0.6 * 1 + 0.3 * 12 + 0.1 * 50)


def test_what_is_not_told_costs_nothing_and_nothing_costs_less_than_nothing() -> None:
    price = Price(input=10.0, cached=1.0, cache_write=12.0, output=50.0)
    assert price.cost(Usage()) == 0
    assert price.cost(Usage(100, 0, cached_tokens=80, cache_write_tokens=80)) == pytest.approx(
        (80 * 1 + 80 * 12) / 1e6
    )


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_the_most_a_request_can_cost_is_never_too_low(
    prompt: int, answer: int, cached: float, written: float
) -> None:
    price = Price(input=10.0, cached=1.0, cache_write=12.0, output=50.0)
    part = int(prompt * cached)
    usage = Usage(prompt, answer, part, int((prompt - part) * written))
    assert price.cost(usage) <= price.most(prompt, answer) + 1e-9


def test_without_prices_of_a_cache_reading_has_no_discount_and_writing_is_a_quarter_more() -> None:
    found = known(a_row("m", 4.0)).price("openai", "m", NOON)
    assert found == Price(input=4.0, cached=4.0, cache_write=5.0, output=2.0)
    told = known(a_row("m", 4.0, cached=0.4, cache_write=0.0)).price("openai", "m", NOON)
    assert told == Price(input=4.0, cached=0.4, cache_write=0.0, output=2.0)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-x", 1.0),
        ("GPT-X", 1.0),
        ("gpt-x-2026-01-31", 1.0),
        ("gpt-x-20260131", 1.0),
        ("gpt-x-0131", 1.0),
        ("gpt-x-latest", 1.0),
        ("gpt-x-pro", None),
        ("gpt-x-pro-2026-01-31", None),
        ("gpt-x-1", None),
        ("gpt-x:free", None),
        ("gpt-xl", None),
        ("gpt", None),
        ("my-gpt-x", None),
        ("", None),
    ],
)
def test_a_name_stands_for_itself_with_a_date_and_for_no_other_model(
    model: str, expected: float | None
) -> None:
    assert dollars(known(a_row("gpt-x")), model) == expected


def test_of_the_names_that_fit_the_longest_counts() -> None:
    prices = known(
        a_row("*", 1), a_row("gpt-*", 2), a_row("gpt-x", 3), a_row("gpt-x-2026-01-31", 4)
    )
    asked = ("llama", "gpt-z", "gpt-x-2026-02-01", "gpt-x-2026-01-31")
    assert [dollars(prices, model) for model in asked] == [1, 2, 3, 4]


def test_a_whole_name_counts_before_its_beginning() -> None:
    prices = known(a_row("gpt-x*", 1), a_row("gpt-x", 2))
    assert [dollars(prices, model) for model in ("gpt-x", "gpt-xl")] == [2, 1]


def test_the_users_price_comes_before_any_other() -> None:
    own = {"gpt-x": PriceConfig(input=7, output=8), "llama*": PriceConfig(input=9, output=9)}
    prices = known(a_row("gpt-x-2026-01-31", 1), **own)
    assert dollars(prices, "gpt-x-2026-01-31") == 7
    assert dollars(prices, "gpt-x", provider="who-knows") == 7
    assert dollars(prices, "llama-9") == 9


def test_the_users_price_of_cached_tokens_counts() -> None:
    own = {"m": PriceConfig(input=7, cached=0.7, output=8)}
    assert known(**own).price("openai", "m", NOON) == Price(7, 0.7, 8.75, 8)


def test_a_price_of_nothing_is_not_an_unknown_one() -> None:
    prices = known(m=PriceConfig(input=0, output=0))
    assert prices.price("openai", "m", NOON) == Price(0, 0, 0, 0)
    assert prices.price("openai", "n", NOON) is None


def test_a_provider_has_its_own_prices_before_those_of_any() -> None:
    table = a_table(openai=[a_row("m", 1)], any=[a_row("m", 2), a_row("m-2026-01-31", 3)])
    prices = Prices(table, {})
    assert dollars(prices, "m") == 1
    assert dollars(prices, "m", provider="other") == 2
    assert dollars(prices, "m-2026-01-31") == 1


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("1999-12-31T00:00:00", 1.0),
        ("2026-02-28T23:59:59.999", 1.0),
        ("2026-03-01T00:00:00", 2.0),
        ("2026-05-31T23:59:59", 2.0),
        ("2026-06-01T00:00:00", 3.0),
        ("2099-01-01T00:00:00", 3.0),
    ],
)
def test_a_price_holds_from_its_day_on_and_the_earliest_before_as_well(
    at: str, expected: float
) -> None:
    rows = [
        a_row("m", 3, **{"from": date(2026, 6, 1)}),
        a_row("m", 1, **{"from": date(2026, 1, 1)}),
        a_row("m", 2, **{"from": date(2026, 3, 1)}),
    ]
    assert dollars(known(*rows), "m", at=utc(at)) == expected


def test_days_are_those_of_utc() -> None:
    rows = [a_row("m", 1), a_row("m", 2, **{"from": date(2026, 3, 1)})]
    at = utc("2026-02-28T23:30:00").astimezone(timezone(timedelta(hours=9)))
    assert dollars(known(*rows), "m", at=at) == 1
    assert dollars(known(*rows), "m", at=at + timedelta(hours=1)) == 2


@pytest.mark.parametrize(("prompt", "expected"), [(0, 1), (1, 1), (100, 1), (101, 5), (201, 9)])
def test_long_prompts_have_prices_of_their_own(prompt: int, expected: float) -> None:
    rows = [a_row("m", 9, above=200), a_row("m", 1), a_row("m", 5, above=100)]
    assert dollars(known(*rows), "m", prompt_tokens=prompt) == expected


def test_a_new_price_ends_the_old_one_for_long_prompts_too() -> None:
    rows = [a_row("m", 1), a_row("m", 5, above=100), a_row("m", 2, **{"from": date(2026, 1, 1)})]
    assert dollars(known(*rows), "m", prompt_tokens=500) == 2
    assert dollars(known(*rows), "m", prompt_tokens=500, at=utc("2025-12-31")) == 5


def test_a_model_priced_for_long_prompts_alone_costs_that_for_short_ones() -> None:
    assert dollars(known(a_row("m", 5, above=100)), "m", prompt_tokens=1) == 5


@pytest.mark.parametrize(
    "changes",
    [{"input": -1}, {"output": float("nan")}, {"model": ""}, {"above": -1}, {"euros": 1}],
)
def test_a_row_that_cannot_be_a_price_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_table(openai=[a_row("m") | changes])


@pytest.mark.parametrize("provider", ["ollama", "vllm"])
def test_ones_own_machine_asks_for_nothing(provider: str) -> None:
    found = Prices(SHIPPED, {}, {provider}).price(provider, "qwen3:32b", CURRENT)
    assert found is not None
    assert found.most(10**6, 10**6) == 0
    # The same software on somebody else's has a price, and we do not know it.
    assert Prices(SHIPPED, {}).price(provider, "qwen3:32b", CURRENT) is None


def test_the_sandbox_costs_nothing_and_an_unknown_server_is_unknown() -> None:
    prices = Prices(SHIPPED, {}, {"compatible"})
    assert dollars(prices, "scripted-sandbox", provider="compatible") == 0
    assert prices.price("compatible", "gpt-5", NOON) is None
    assert prices.price("openai", "scripted-sandbox", NOON) is None


def test_what_the_user_says_costs_nothing_costs_nothing() -> None:
    free = {"mine": PriceConfig(input=0.0, output=0.0)}
    assert dollars(Prices(SHIPPED, free), "mine", provider="vllm") == 0


def test_a_price_of_answers_alone_is_one() -> None:
    table = a_table(openai=[a_row("m", input=0.0, output=1.0)])
    assert Prices(table, {}).price("openai", "m", NOON) is not None


@pytest.mark.parametrize(
    ("provider", "model", "at", "expected"),
    [
        ("openai", "gpt-5-mini-2025-08-07", "2026-11-21", (0.25, 0.025, 2.0)),
        ("openai", "gpt-5.6-luna", "2026-07-29", (1.0, 0.1, 6.0)),
        ("openai", "gpt-5.6-luna", "2026-07-30", (0.2, 0.02, 1.2)),
        ("openai", "gpt-6.1-sol", "2026-11-21", (2.0, 0.1, 10.0)),
        ("deepseek", "deepseek-v4-flash", "2026-08-15", (0.14, 0.0028, 0.28)),
        ("deepseek", "deepseek-flash", "2026-11-21", (0.3, 0.006, 1.2)),
        ("qwen", "qwen-plus-2025-09-11", "2026-11-21", (0.4, 0.08, 4.0)),
        ("anthropic", "claude-sonnet-4-5-20250929", "2026-11-21", (3.0, 0.3, 15.0)),
        ("anthropic", "claude-sonnet-5-5", "2026-10-06", (2.0, 0.2, 10.0)),
        ("anthropic", "claude-sonnet-5-5", "2026-10-07", (2.0, 0.1, 10.0)),
    ],
)
def test_the_table_knows_what_providers_asked_at_the_time(
    provider: str, model: str, at: str, expected: tuple[float, float, float]
) -> None:
    found = Prices(SHIPPED, {}).price(provider, model, utc(at))
    assert found is not None
    assert (found.input, found.cached, found.output) == expected


def test_every_row_of_the_table_is_sound() -> None:
    for provider in SHIPPED.provider:
        keys = [(row.model, row.since, row.above) for row in provider.prices]
        assert len(set(keys)) == len(keys), provider.name
        for row in provider.prices:
            price = row.price
            assert price.cached <= price.input <= price.cache_write
            assert price.input <= price.output
            assert row.since <= SHIPPED.checked
            # Else the shorter prompts of the same day would have no price.
            assert (row.model, row.since, 0) in keys


def test_the_table_names_providers_that_there_are_and_its_sources() -> None:
    names = [provider.name for provider in SHIPPED.provider]
    assert len(set(names)) == len(names)
    assert set(names) <= {*PROVIDERS, "*"}
    assert all(provider.source for provider in SHIPPED.provider)

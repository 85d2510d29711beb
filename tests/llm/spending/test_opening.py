import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, a_config
from costs import Clock, an_expense, an_inquiry, enter
from llm_modules.dialogue import Usage
from llm_modules.errors import ConfigError, JournalError, ProviderError
from llm_modules.llm.spending.opening import open_spending
from llm_modules.llm.spending.spending import Spending

PRICE = {"input": 2.0, "output": 3.0}
MONEY = {"usd_per_day": 1.0}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llm_costs.sqlite"


def opened(path: Path, *, lesson_model: str = "", **llm: Any) -> Spending:
    blocks = {"llm_config": llm, "experience_config": {"lesson_model": lesson_model}}
    return open_spending(a_config(str(path.parent), **blocks), path, mode="live", clock=Clock())


def test_the_users_prices_and_the_longest_answer_count(path: Path) -> None:
    meter = opened(path, prices={"test-model": PRICE}, max_tokens=64)
    found = meter.charge(an_inquiry(), an_expense(usage=Usage()), 1000)
    assert found.usage == Usage(1000, 64)
    assert found.cost == pytest.approx((1000 * 2 + 64 * 3) / 1e6)


def test_the_table_counts_where_the_user_says_nothing(path: Path) -> None:
    meter = opened(path)
    known = an_expense(provider="openai", model="gpt-5-mini")
    assert meter.priced(known).cost == pytest.approx((1000 * 0.25 + 100 * 2) / 1e6)
    assert meter.priced(an_expense()).cost is None


def test_a_long_prompt_has_the_price_of_its_length(path: Path) -> None:
    long = an_expense(provider="openai", model="gpt-5.4", usage=Usage(300_000, 100))
    assert opened(path).priced(long).cost == pytest.approx((300_000 * 5 + 100 * 22.5) / 1e6)


LOCAL, CLOUD = "http://localhost:11434/v1", "https://ollama.com/v1"


@pytest.mark.parametrize(
    ("servers", "cost"),
    [
        ([LOCAL], 0),
        (["http://10.1.2.3:11434/v1", LOCAL], 0),
        ([CLOUD], None),
        ([LOCAL, CLOUD], None),
        ([CLOUD, LOCAL], None),
    ],
)
def test_models_are_free_where_all_their_servers_are_in_ones_own_network(
    path: Path, servers: list[str], cost: float | None
) -> None:
    first, *others = ({"provider": "ollama", "api_base": one, "model": "m"} for one in servers)
    fallbacks = [one | {"model": f"m{n}"} for n, one in enumerate(others)]
    meter = opened(path, **first, fallbacks=fallbacks)
    assert meter.priced(an_expense(provider="ollama", model="m")).cost == cost


def test_a_budget_demands_the_price_of_a_free_presets_model_elsewhere(path: Path) -> None:
    with pytest.raises(ConfigError, match="nobody knows what 'gpt-5-pro' costs"):
        opened(
            path,
            provider="vllm",
            api_base="https://api.together.example/v1",
            model="gpt-5-pro",
            budget=MONEY,
        )


@pytest.mark.parametrize("key", ["tokens_per_day", "tokens_per_month"])
def test_limits_of_tokens_need_no_price(path: Path, key: str) -> None:
    enter(path)
    meter = opened(path, budget={key: 1000})
    with pytest.raises(ProviderError, match=key):
        meter.admit()


@pytest.mark.parametrize("key", ["usd_per_day", "usd_per_month"])
def test_limits_of_money_count_money(path: Path, key: str) -> None:
    enter(path, cost=2.0)
    meter = opened(path, budget={key: 1.0}, prices={"test-model": PRICE})
    with pytest.raises(ProviderError, match=key):
        meter.admit()


@pytest.mark.parametrize(
    "changes",
    [
        {"prices": {}},
        {"asking": {"cheap_model": "little"}},
        {"fallbacks": [{"model": "other", "api_base": "http://127.0.0.1:8/v1"}]},
        {"lesson_model": "teacher"},
        {"budget": {"usd_per_month": 1.0}, "prices": {}},
    ],
)
def test_money_is_limited_only_where_every_model_has_a_price(
    path: Path, changes: dict[str, Any]
) -> None:
    known = {"prices": {"test-model": PRICE}, "budget": MONEY}
    opened(path, **known)
    with pytest.raises(ConfigError, match=r"llm_config.budget limits money"):
        opened(path, **known | changes)


def test_the_error_names_the_models_and_what_to_write(path: Path) -> None:
    fallback = {"model": "other", "api_base": "http://127.0.0.1:8/v1"}
    asking = {"cheap_model": "other"}
    with pytest.raises(ConfigError) as refused:
        opened(path, budget=MONEY, fallbacks=[fallback], asking=asking)
    said = str(refused.value)
    assert "nobody knows what 'test-model', 'other' costs" in said
    entry = json.loads("{" + said.partition("tokens: ")[2] + "}")
    assert set(entry["prices"]) == {"test-model", "other"}
    opened(path, budget=MONEY, fallbacks=[fallback], asking=asking, **entry)


def test_a_fallback_is_priced_at_its_own_server(path: Path) -> None:
    openai = {"model": "gpt-5", "provider": "openai"}
    opened(path, budget=MONEY, fallbacks=[openai], prices={"test-model": PRICE})
    with pytest.raises(ConfigError, match="'gpt-5'"):
        opened(path, budget=MONEY, model="gpt-5")


def test_where_no_model_is_named_there_is_none_to_price(path: Path) -> None:
    opened(path, budget=MONEY, model="", api_base="")


def test_the_mode_stands_in_every_row(path: Path) -> None:
    meter = opened(path)
    meter.charge(an_inquiry(), an_expense(), 10)
    assert meter._ledger.rows("SELECT mode FROM requests") == [("live",)]


def test_a_ledger_that_is_none_stops_the_start(path: Path) -> None:
    path.write_bytes(b"no ledger " * 200)
    with pytest.raises(JournalError):
        opened(path)


def test_the_clock_is_the_machines_unless_another_is_given(path: Path) -> None:
    meter = open_spending(a_config(str(path.parent)), path)
    assert meter._clock() - NOON > timedelta(0)

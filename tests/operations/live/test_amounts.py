"""Limits in money."""

from decimal import Decimal
from typing import Any

import pytest

from llm_modules.config import RiskConfig, parse_config
from llm_modules.operations.live.amounts import (
    Stakes,
    figures,
    is_amount,
    rounded,
    stakes_of,
)
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.operations.settings.reading import read_settings

SHIPPED = read_settings(SHIPPED_USER_DATA / "config.json")
RISK = parse_config(SHIPPED).risk_management


def table(balance: float, risk: RiskConfig = RISK, **settings: Any) -> list[tuple[str, str]]:
    whole = {**SHIPPED, **settings}
    found = figures(whole, risk, stakes_of(whole, balance))
    return [(one.name, one.amount) for one in found]


def test_every_limit_stands_there_in_money() -> None:
    assert table(1000) == [
        ("account", "1,000.00 USDT"),
        ("the bot may use", "950.00 USDT"),
        ("largest position", "200.00 USDT"),
        ("all positions", "800.00 USDT"),
        ("loss of a trade", "50.00 USDT"),
        ("loss of a day", "60.00 USDT"),
        ("", "100.00 USDT"),
        ("emergency stop", "150.00 USDT"),
    ]


def test_what_leverage_makes_of_a_stake_is_told() -> None:
    found = {one.name: one.source for one in figures(SHIPPED, RISK, stakes_of(SHIPPED, 1000))}
    assert "up to 2,000.00 USDT with leverage" in found["largest position"]
    assert "up to 4,000.00 USDT with leverage" in found["all positions"]
    assert found["the bot may use"] == "tradable_balance_ratio 0.95"


def test_without_a_stop_for_the_day_none_is_told() -> None:
    risk = RISK.model_copy(update={"emergency_day_loss": None})
    assert [name for name, _ in table(1000, risk)][-2:] == ["loss of a day", "emergency stop"]


@pytest.mark.parametrize(
    ("settings", "at_risk"),
    [
        ({}, "950.00"),
        ({"tradable_balance_ratio": 1}, "1000.00"),
        ({"tradable_balance_ratio": None}, "990.00"),
        ({"available_capital": 400}, "400.00"),
        ({"available_capital": 4000}, "1000.00"),
    ],
)
def test_at_risk_is_what_freqtrade_lets_the_bot_use(settings: dict[str, Any], at_risk: str) -> None:
    stakes = stakes_of({**SHIPPED, **settings}, 1000)
    assert stakes.shown == f"{at_risk} USDT"


def test_capital_that_is_set_aside_is_named_as_such() -> None:
    settings = {**SHIPPED, "available_capital": 400}
    found = {one.name: one.source for one in figures(settings, RISK, stakes_of(settings, 1000))}
    assert found["the bot may use"] == "available_capital"


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (412.4999, "USDT", "412.50"),
        (412.494, "USDT", "412.49"),
        (0.005, "USDT", "0.01"),
        (1e6, "USDC", "1000000.00"),
        (0.123456789, "BTC", "0.12345679"),
    ],
)
def test_an_amount_has_the_digits_of_its_currency(amount: float, currency: str, shown: str) -> None:
    assert str(rounded(amount, currency)) == shown


@pytest.mark.parametrize("text", ["412.50", "412.5", " 412.50 USDT ", "412.50USDT", "412.500"])
def test_the_amount_at_risk_is_accepted(text: str) -> None:
    assert is_amount(text, Stakes("USDT", 434.21, Decimal("412.50")))


@pytest.mark.parametrize(
    "text",
    [
        *("", "412", "412.51", "412.503", "413", "yes", "USDT", "412,50", "-412.50", "412.50 USDC"),
        *("NaN", "sNaN", "inf", "1e400000"),
    ],
)
def test_nothing_else_is(text: str) -> None:
    assert not is_amount(text, Stakes("USDT", 434.21, Decimal("412.50")))

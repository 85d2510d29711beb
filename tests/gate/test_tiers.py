"""The market's tiers: less leverage and more margin for larger positions."""

import math
from typing import Any

import pytest

from builders import a_gate_state, a_position, a_promise, an_account
from judging import allowed, codes, judge, only_reason
from llm_modules.domain import LeverageTier, MarketRules
from llm_modules.gate.tiers import (
    largest_leverage,
    largest_notional,
    leverage_limit,
    maintenance_margin,
    whole,
)
from llm_modules.gate.verdict import Refusal

TIERS = (
    LeverageTier(1_000.0, 50.0, 0.004),
    LeverageTier(5_000.0, 10.0, 0.01),
    LeverageTier(20_000.0, 4.0, 0.025),
)
TIERED = MarketRules(0.1, 5.0, 125.0, TIERS)
PLAIN = MarketRules(0.1, 5.0, 125.0)


def rich(**changes: Any) -> Any:
    """An account in which only the market's own limits matter."""
    return a_gate_state(
        account=an_account(equity=1e9, free=1e9, day_start_equity=1e9), rules=TIERED, **changes
    )


@pytest.mark.parametrize(
    ("leverage", "expected"),
    [(1, 1), (1.0, 1), (1.999, 1), (2, 2), (2.0001, 2), (124.9, 124), (0.5, 0)],
)
def test_a_leverage_is_rounded_down_to_a_whole_one(leverage: float, expected: float) -> None:
    assert whole(leverage) == expected


def test_a_leverage_that_is_no_number_stays_none() -> None:
    assert whole(math.inf) == math.inf
    assert math.isnan(whole(math.nan))


@pytest.mark.parametrize(
    ("notional", "limit"),
    [
        (0, 50),
        (999.9, 50),
        (1_000, 50),
        (1_000.1, 10),
        (5_000, 10),
        (5_001, 4),
        (20_000, 4),
        (20_001, 0),
        (math.inf, 0),
        (math.nan, 0),
    ],
)
def test_a_larger_position_is_allowed_less_leverage(notional: float, limit: float) -> None:
    assert leverage_limit(TIERED, notional) == limit
    assert leverage_limit(PLAIN, notional) == math.inf


@pytest.mark.parametrize(
    ("stake", "asked", "given"),
    [
        (10, 50, 50),
        (20, 50, 50),  # exactly 1,000
        (20, 60, 50),
        (25, 50, 40),  # at 40x 1,000; at 41x it would need the tier of 10x
        (26, 50, 38),
        (500, 10, 10),  # exactly 5,000
        (501, 10, 9),
        (500, 9.5, 9.5),
        (501, 9.99, 9),
        (1_000, 50, 5),  # 5,000 at 5x, which the tier of 10x holds
        (2_000, 50, 4),
        (5_000, 4, 4),
        (5_001, 4, 3),
        (20_000, 4, 1),
        (20_001, 4, 0),
        (1e12, 50, 0),
    ],
)
def test_the_largest_leverage_whose_tier_holds_the_position(
    stake: float, asked: float, given: float
) -> None:
    assert largest_leverage(TIERED, stake, asked) == given
    assert given * stake <= 20_000
    assert largest_leverage(PLAIN, stake, asked) == asked


def test_a_tier_may_end_at_a_leverage_that_is_not_whole() -> None:
    rules = MarketRules(0.1, 5.0, 125.0, (LeverageTier(1_000.0, 9.5, 0.01),))
    given = [largest_leverage(rules, 10, asked) for asked in (9.4, 9.5, 9.6)]
    assert given == [9.4, 9.5, 9]


@pytest.mark.parametrize(
    ("leverage", "notional"),
    [(1, 20_000), (4, 20_000), (4.1, 5_000), (10, 5_000), (10.1, 1_000), (50, 1_000), (51, 0)],
)
def test_the_largest_position_a_leverage_may_have(leverage: float, notional: float) -> None:
    assert largest_notional(TIERED, leverage) == notional
    assert largest_notional(PLAIN, leverage) == math.inf


@pytest.mark.parametrize(
    ("notional", "ratio"), [(0, 0.005), (1_000, 0.005), (1_001, 0.011), (20_000, 0.026)]
)
def test_a_larger_position_needs_more_margin_and_the_fee_to_close(
    notional: float, ratio: float
) -> None:
    assert maintenance_margin(TIERED, notional) == pytest.approx(ratio)
    assert maintenance_margin(PLAIN, notional) == 0.005


def test_beyond_the_last_tier_its_margin_counts() -> None:
    assert maintenance_margin(TIERED, 1e9) == pytest.approx(0.026)
    assert maintenance_margin(TIERED, math.nan) == pytest.approx(0.026)


@pytest.mark.parametrize(("stake", "given"), [(499, 10), (500, 10), (501, 9), (3_000, 4)])
def test_an_entry_gets_the_leverage_of_its_tier(stake: float, given: float) -> None:
    verdict = judge("signal_entry_long", rich(), leverage=10, stake_amount=stake)
    assert allowed(verdict).leverage == given
    assert codes(verdict) == (["MARKET_TIER"] if given < 10 else [])


def test_nothing_beyond_the_last_tier_is_entered() -> None:
    assert allowed(judge("signal_entry_long", rich(), stake_amount=20_000)).leverage == 1
    verdict = judge("signal_entry_long", rich(), stake_amount=20_001)
    assert only_reason(verdict) == Refusal(
        "MARKET_TIER", "a stake of 20001 is beyond the market's last tier"
    )


def test_the_tier_is_that_of_the_stake_after_its_own_clamps() -> None:
    """1e12 is beyond every tier, the 200 it is cut to is not."""
    verdict = judge("signal_entry_long", a_gate_state(rules=TIERED), stake_amount=1e12)
    assert allowed(verdict).leverage == 3
    assert codes(verdict) == ["MAX_POSITION"]


def test_an_order_on_its_way_moves_the_entry_into_a_higher_tier() -> None:
    promise = a_promise(pair=a_gate_state().pair, stake_amount=400.0)
    verdict = judge("signal_entry_long", rich(exposures=(promise,)), leverage=10)
    assert allowed(verdict).leverage == 10
    verdict = judge(
        "signal_entry_long", rich(exposures=(promise,)), leverage=10, stake_amount=100.1
    )
    assert allowed(verdict).leverage == 9


@pytest.mark.parametrize(
    ("held", "pct", "added"), [(400, 20, 80), (400, 25, 100), (400, 50, 100), (500, 10, None)]
)
def test_an_addition_stays_in_a_tier_that_allows_its_leverage(
    held: float, pct: float, added: float | None
) -> None:
    """The tier that allows 10x ends at 5,000, a stake of 500."""
    position = a_position(stake_amount=held, leverage=10.0, liquidation_price=None)
    verdict = judge("adjust_position", rich(position=position), adjustment_pct=pct)
    if added is None:
        assert codes(verdict) == ["MARKET_TIER", "BELOW_MINIMUM"]
    else:
        assert allowed(verdict).stake_amount == pytest.approx(added)
        assert codes(verdict) == ([] if held * pct / 100 == added else ["MARKET_TIER"])

"""After an addition the stop must still come before the liquidation."""

import math

import pytest

from builders import a_gate_state, a_position, a_risk
from judging import at_current_price, codes, judge, only_reason
from llm_modules.domain import LeverageTier, MarketRules

AT_ONCE = {"max_price_drift_pct": 0.0001}
ROOMY = {"risk_per_trade_pct": 100.0, "max_position_pct": 100.0, "max_correlated_pct": 100.0}


@pytest.mark.parametrize(
    ("side", "liquidation", "is_fine"),
    [
        ("long", 96.9, True),
        ("long", 97.0, False),
        ("long", 98.0, False),
        ("long", None, True),
        ("long", math.nan, False),
        ("short", 103.1, True),
        ("short", 103.0, False),
        ("short", 68.0, False),
    ],
)
def test_the_stop_in_force_must_come_before_the_liquidation(
    side: str, liquidation: float | None, *, is_fine: bool
) -> None:
    stop = 97.0 if side == "long" else 103.0
    state = at_current_price(side=side, stop_price=stop, liquidation_price=liquidation)
    verdict = judge("adjust_position", state)
    assert codes(verdict) == ([] if is_fine else ["STOP_BEYOND_LIQUIDATION"])


def test_adding_in_profit_moves_the_liquidation_after_the_price() -> None:
    """10x from 100 to 120: the average is 109.1 and a stop has room until 100.8."""
    position = a_position(
        leverage=10.0, stake_amount=20.0, current_rate=120.0, stop_price=95, liquidation_price=90.5
    )
    state = a_gate_state(position=position, price=120.0)
    risk = a_risk(**ROOMY, **AT_ONCE)
    verdict = judge("adjust_position", state, risk, adjustment_pct=100, key_resistance=130.0)
    assert only_reason(verdict).code == "STOP_BEYOND_LIQUIDATION"
    for stop, status in ((100.7, "refused"), (100.9, "approved")):
        verdict = judge(
            "adjust_position",
            state,
            risk,
            adjustment_pct=100,
            key_resistance=130.0,
            stop_price=stop,
        )
        assert verdict.status == status


def test_a_stop_as_far_as_allowed_at_the_entry_still_allows_an_addition() -> None:
    for side, sign in (("long", -1), ("short", 1)):
        stop = 100 * (1 + sign * 0.8 * (1 / 20 - 0.005))
        state = at_current_price(
            side=side, leverage=20.0, stake_amount=10.0, stop_price=stop, liquidation_price=None
        )
        verdict = judge("adjust_position", state, a_risk(max_leverage=20.0))
        assert verdict.status == "approved", verdict.reasons


@pytest.mark.parametrize(
    ("side", "stop", "status"),
    [
        ("long", 99.0, "refused"),
        ("long", 99.06, "refused"),
        ("long", 99.07, "approved"),
        ("short", 101.0, "refused"),
        ("short", 100.92, "refused"),
        ("short", 100.91, "approved"),
    ],
)
def test_filled_at_its_worst_price_an_addition_still_has_its_stop_before_the_liquidation(
    side: str, stop: float, status: str
) -> None:
    """50x leaves 1.5 %, of which 95 % must hold from the average with 101, 100.4975.

    That is 99.065; and 100.915 from 99.4975 for a short that may go out at 99.
    """
    state = at_current_price(
        side=side, leverage=50.0, stake_amount=10.0, stop_price=stop, liquidation_price=None
    )
    fast = ROOMY | {"max_leverage": 50.0, "max_total_notional_pct": 12_500.0}
    risk = a_risk(**fast)
    verdict = judge("adjust_position", state, risk, adjustment_pct=100)
    assert verdict.status == status
    assert codes(verdict) == ([] if status == "approved" else ["STOP_BEYOND_LIQUIDATION"])
    at_once = a_risk(**fast, **AT_ONCE)
    assert judge("adjust_position", state, at_once, adjustment_pct=100).status == "approved"


def test_a_position_that_its_tier_leaves_no_room_for_is_not_added_to() -> None:
    """9x leaves 11.1 %, of which the tier keeps 12.6: liquidation comes before the average."""
    tiers = (LeverageTier(100.0, 9.0, 0.125),)
    position = a_position(
        side="short", leverage=9.0, stake_amount=1.0, open_rate=105.5, current_rate=100.0,
        stop_price=101.4, liquidation_price=None,
    )  # fmt: skip
    state = a_gate_state(position=position, rules=MarketRules(0.1, 0.001, 125.0, tiers))
    verdict = judge("adjust_position", state, a_risk(**AT_ONCE), adjustment_pct=100)
    assert "STOP_BEYOND_LIQUIDATION" in codes(verdict)


def test_the_tier_of_the_larger_position_counts_for_its_liquidation() -> None:
    """Together 1,010 are in a tier that keeps 6 %, which leaves 0.8 x (10 - 6.1) % of room."""
    tiers = (LeverageTier(1_000.0, 20.0, 0.004), LeverageTier(5_000.0, 10.0, 0.06))
    position = a_position(
        leverage=10.0, stake_amount=80.0, current_rate=100.0, stop_price=96.5, liquidation_price=90
    )
    state = a_gate_state(position=position, rules=MarketRules(0.1, 5.0, 125.0, tiers))
    risk = a_risk(**AT_ONCE)
    assert judge("adjust_position", state, risk, adjustment_pct=25).status == "approved"
    verdict = judge("adjust_position", state, risk, adjustment_pct=26)
    assert codes(verdict) == ["STOP_BEYOND_LIQUIDATION"]
    nearer = judge("adjust_position", state, risk, adjustment_pct=26, stop_price=97.0)
    assert nearer.status == "approved"

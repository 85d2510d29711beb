"""Leverage, the share of one position, the market's tiers and minimum."""

import math
from typing import Any

import pytest

from builders import a_call, a_gate_state, a_position, a_promise, a_risk, an_account
from judging import allowed, codes, in_position, judge, only_reason
from llm_modules.domain import Conduct, LeverageTier, MarketRules
from llm_modules.gate.checks import size
from llm_modules.gate.tiers import (
    largest_leverage,
    largest_notional,
    leverage_limit,
    maintenance_margin,
)
from llm_modules.gate.verdict import Clamp, Proposal, Refusal

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


@pytest.mark.parametrize(("asked", "given"), [(9.99, 9.99), (10, 10), (10.01, 10), (100, 10)])
def test_leverage_is_clamped_to_the_configured_maximum(asked: float, given: float) -> None:
    verdict = judge("signal_entry_long", leverage=asked)
    assert allowed(verdict).leverage == given
    assert codes(verdict) == (["MAX_LEVERAGE"] if asked > 10 else [])


def test_a_clamp_tells_from_what_to_what() -> None:
    reason = only_reason(judge("signal_entry_long", leverage=100))
    assert isinstance(reason, Clamp)
    assert (reason.field, reason.before, reason.value) == ("leverage", 100, 10)


@pytest.mark.parametrize(("market", "given"), [(7.99, 7.99), (8, 8), (9, 8)])
def test_leverage_is_clamped_to_the_market_when_that_is_lower(market: float, given: float) -> None:
    state = a_gate_state(rules=MarketRules(0.1, 5.0, market))
    assert allowed(judge("signal_entry_long", state, leverage=8)).leverage == given


@pytest.mark.parametrize(("held", "status"), [(9.9, "approved"), (10, "approved"), (11, "refused")])
def test_a_position_above_the_leverage_limit_is_not_added_to(held: float, status: str) -> None:
    state = in_position(leverage=held, stake_amount=50.0, liquidation_price=None)
    verdict = judge("adjust_position", state)
    assert verdict.status == status
    assert codes(verdict) == ([] if status == "approved" else ["MAX_LEVERAGE"])
    assert judge("adjust_position", state, adjustment_pct=-50).status == "approved"


def test_an_addition_keeps_the_leverage_of_the_position() -> None:
    assert allowed(judge("adjust_position", in_position(leverage=4.0))).leverage == 4


@pytest.mark.parametrize(("asked", "given"), [(199.9, 199.9), (200, 200), (201, 200), (1e12, 200)])
def test_stake_is_clamped_to_its_share_of_equity(asked: float, given: float) -> None:
    verdict = judge("signal_entry_long", stake_amount=asked)
    assert allowed(verdict).stake_amount == given
    assert codes(verdict) == (["MAX_POSITION"] if asked > 200 else [])


def test_an_addition_is_clamped_to_the_room_left_in_the_position() -> None:
    verdict = judge("adjust_position", in_position(stake_amount=150.0), adjustment_pct=100)
    assert allowed(verdict).stake_amount == 50
    assert codes(verdict) == ["MAX_POSITION"]


def test_an_addition_to_a_full_position_is_refused() -> None:
    verdict = judge("adjust_position", in_position(stake_amount=200.0), adjustment_pct=10)
    assert codes(verdict) == ["MAX_POSITION", "BELOW_MINIMUM"]


def test_an_order_of_the_same_pair_on_its_way_takes_room() -> None:
    state = a_gate_state(exposures=(a_promise(pair=a_gate_state().pair, stake_amount=150.0),))
    verdict = judge("signal_entry_long", state, stake_amount=100)
    assert allowed(verdict).stake_amount == 50
    assert codes(verdict) == ["MAX_POSITION"]


@pytest.mark.parametrize("held", [math.nan, math.inf, -100.0])
def test_a_position_of_unknown_size_is_not_added_to(held: float) -> None:
    assert judge("adjust_position", in_position(stake_amount=held)).status == "refused"


# The market's tiers


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


# What the configuration fixes


def test_without_model_freedom_leverage_and_stake_come_from_the_configuration() -> None:
    risk = a_risk(allow_model_freedom=False, default_leverage=2.0)
    verdict = judge("signal_entry_long", risk=risk, leverage=9, stake_amount=50)
    assert (allowed(verdict).leverage, allowed(verdict).stake_amount) == (2, 100)
    reason = only_reason(verdict)
    assert isinstance(reason, Clamp)
    assert (reason.code, reason.field, reason.before, reason.value) == (
        "FIXED_BY_CONFIG",
        "leverage",
        9,
        2,
    )


def test_without_model_freedom_a_stake_alone_is_fixed_too() -> None:
    risk = a_risk(allow_model_freedom=False)
    verdict = judge("signal_entry_long", risk=risk, leverage=3, stake_amount=50)
    reason = only_reason(verdict)
    assert isinstance(reason, Clamp)
    assert (reason.field, reason.before, reason.value) == ("stake_amount", 50, 100)
    assert allowed(verdict).stake_amount == 100


@pytest.mark.parametrize("stake", [None, 100])
def test_who_asks_for_what_is_fixed_gets_it_without_a_word(stake: float | None) -> None:
    risk = a_risk(allow_model_freedom=False)
    assert judge("signal_entry_long", risk=risk, leverage=3, stake_amount=stake).reasons == ()
    proposal = Proposal(a_call("adjust_position"), "long", 3.0, 50.0, None)
    assert size.model_may_choose(proposal, a_gate_state(), risk) is None


def test_kelly_without_an_edge_is_refused_with_its_reason() -> None:
    losing = Conduct(closed_trades=40, win_rate=0.3, mean_win_ratio=0.02, mean_loss_ratio=0.02)
    risk = a_risk(position_sizing="kelly")
    state = a_gate_state(conduct=losing)
    verdict = judge("signal_entry_long", state, risk, stake_amount=None)
    assert codes(verdict) == ["NO_EDGE", "BELOW_MINIMUM"]
    assert "40 closed trades" in verdict.reasons[0].text
    assert judge("signal_entry_long", state, risk, stake_amount=100).status == "approved"


# The market's minimum


@pytest.mark.parametrize(("stake", "status"), [(1.66, "refused"), (1.67, "approved")])
def test_an_order_below_the_market_minimum_is_refused(stake: float, status: str) -> None:
    verdict = judge("signal_entry_long", stake_amount=stake)
    assert verdict.status == status
    assert codes(verdict) == (["BELOW_MINIMUM"] if status == "refused" else [])


def test_an_order_of_exactly_the_minimum_is_accepted_and_one_of_nothing_never() -> None:
    exact = a_gate_state(rules=MarketRules(0.1, 300.0, 125.0))
    assert judge("signal_entry_long", exact).status == "approved"
    without = a_gate_state(rules=MarketRules(0.1, 0.0, 125.0), account=an_account(free=0.0))
    assert codes(judge("signal_entry_long", without)) == ["FREE_FUNDS", "BELOW_MINIMUM"]


def test_a_reduction_is_negative_and_only_reduces() -> None:
    proposal = allowed(judge("adjust_position", in_position(), adjustment_pct=-30))
    assert proposal.stake_amount == -30
    assert proposal.only_reduces


def test_a_reduction_below_the_minimum_order_is_refused() -> None:
    verdict = judge("adjust_position", in_position(stake_amount=10.0), adjustment_pct=-1)
    assert codes(verdict) == ["BELOW_MINIMUM"]


@pytest.mark.parametrize(
    ("pct", "status"),
    [(-83, "approved"), (-83.3, "approved"), (-83.4, "refused"), (-99, "refused")],
)
def test_a_reduction_that_leaves_dust_is_refused(pct: float, status: str) -> None:
    """10 at 3x leave a value of 5, the market's minimum, at -83.33 %."""
    verdict = judge("adjust_position", in_position(stake_amount=10.0), adjustment_pct=pct)
    assert codes(verdict) == ([] if status == "approved" else ["REST_BELOW_MINIMUM"])


def test_a_reduction_below_nothing_is_refused_where_there_is_no_minimum() -> None:
    rules = MarketRules(0.1, 0.0, 125.0)
    position = a_position(stake_amount=100.0)
    for stake in (-100.0, -150.0):
        proposal = Proposal(a_call("adjust_position"), "long", 3.0, stake, None)
        state = a_gate_state(position=position, rules=rules)
        finding = size.remainder_above_market_minimum(proposal, state, a_risk())
        assert isinstance(finding, Refusal)


def test_the_rest_check_has_nothing_to_say_without_a_position() -> None:
    proposal = Proposal(a_call("adjust_position"), "long", 1.0, -5.0, None)
    assert size.remainder_above_market_minimum(proposal, a_gate_state(), a_risk()) is None


def test_room_that_is_no_number_is_no_room() -> None:
    proposal = Proposal(a_call("signal_entry_long"), "long", 1.0, 5.0, 90.0)
    for room in (math.nan, -math.inf, -1.0, 0.0, -0.0):
        finding = size.lower_stake("SOME", proposal, room, "why")
        assert isinstance(finding, Clamp)
        assert finding.value == 0
    assert size.lower_stake("SOME", proposal, 5.0, "why") is None

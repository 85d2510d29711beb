"""What the gate does about stops, the risk they mean, and the target."""

import math
from typing import Any

import pytest

from builders import a_call, a_gate_state, a_risk, an_account
from judging import allowed, codes, in_position, judge
from llm_modules.domain import LeverageTier, MarketRules
from llm_modules.gate.checks import stops
from llm_modules.gate.verdict import GateState, Proposal, Refusal


def empty(**changes: Any) -> GateState:
    """An account without any position, so that only the entry itself counts."""
    return a_gate_state(account=an_account(used_stake=0.0, open_trades=0), **changes)


@pytest.mark.parametrize(
    ("tool", "stop"), [("signal_entry_long", 95.5), ("signal_entry_short", 104.5)]
)
def test_an_entry_without_stop_gets_one_beyond_its_level(tool: str, stop: float) -> None:
    """Half an ATR of 1 % beyond the support at 96, or the resistance at 104."""
    verdict = judge(tool, stop_price=None)
    assert verdict.status == "approved"
    assert allowed(verdict).stop_price == pytest.approx(stop)


def test_the_default_stop_is_that_of_the_leverage_there_will_be() -> None:
    """100x would leave 0.4 %; the 10x it becomes leaves the whole 5 %."""
    asked: dict[str, Any] = {"leverage": 100, "stop_price": None, "stake_amount": 50}
    verdict = judge("signal_entry_long", a_gate_state(facts={}), **asked)
    assert allowed(verdict).stop_price == pytest.approx(95)
    assert codes(verdict) == ["MAX_LEVERAGE", "RSI_CLAIM"]


@pytest.mark.parametrize(
    ("tool", "asked", "given"),
    [
        ("signal_entry_long", 95.0, 95.0),
        ("signal_entry_long", 94.9, 95.0),
        ("signal_entry_long", 1.0, 95.0),
        ("signal_entry_short", 105.0, 105.0),
        ("signal_entry_short", 105.1, 105.0),
    ],
)
def test_a_stop_too_far_away_is_moved_nearer(tool: str, asked: float, given: float) -> None:
    verdict = judge(tool, stop_price=asked)
    assert allowed(verdict).stop_price == pytest.approx(given)
    assert codes(verdict) == (["STOP_TOO_FAR"] if asked != given else [])


@pytest.mark.parametrize(("limit", "given"), [(1.0, 99), (2.0, 98), (3.0, 98)])
def test_how_far_is_configured(limit: float, given: float) -> None:
    verdict = judge("signal_entry_long", risk=a_risk(max_stop_pct=limit))
    assert allowed(verdict).stop_price == pytest.approx(given)


def test_high_leverage_pulls_the_stop_inside_the_liquidation_price() -> None:
    risk = a_risk(max_leverage=50.0)
    verdict = judge("signal_entry_long", empty(), risk, leverage=50, stop_price=96.0)
    assert allowed(verdict).stop_price == pytest.approx(100 * (1 - 0.8 * (1 / 50 - 0.005)))


def test_a_larger_position_is_liquidated_earlier_and_its_stop_nearer() -> None:
    """The second tier keeps 4 % of the value: at 10x a stop has 0.8 x (10 - 4.1) % of room."""
    tiers = (LeverageTier(1_000.0, 20.0, 0.004), LeverageTier(5_000.0, 10.0, 0.04))
    state = a_gate_state(rules=MarketRules(0.1, 5.0, 125.0, tiers))
    asked, risk = {"stop_price": 95.2, "leverage": 10}, a_risk(risk_per_trade_pct=100.0)
    small = judge("signal_entry_long", state, risk, **asked, stake_amount=100)
    assert allowed(small).stop_price == 95.2
    large = judge("signal_entry_long", state, risk, **asked, stake_amount=101)
    assert allowed(large).stop_price == pytest.approx(100 - 4.72)
    assert codes(large) == ["STOP_TOO_FAR"]


@pytest.mark.parametrize(("leverage", "has_room"), [(19, True), (20, False), (25, False)])
def test_leverage_that_leaves_no_room_for_a_stop_is_refused(
    leverage: float, *, has_room: bool
) -> None:
    """A maintenance margin of 4.9 % and 0.1 % of fees are all that 20x puts up."""
    rules = MarketRules(0.1, 5.0, 125.0, (LeverageTier(1e9, 125.0, 0.049),))
    state = empty(rules=rules)
    verdict = judge(
        "signal_entry_long", state, a_risk(max_leverage=50.0), leverage=leverage, stop_price=99.9
    )
    assert ("STOP_BEYOND_LIQUIDATION" in codes(verdict)) is not has_room
    assert (verdict.proposal is not None) is has_room


@pytest.mark.parametrize(
    ("tool", "stop", "status"),
    [
        ("signal_entry_long", 99.99, "approved"),
        ("signal_entry_long", 100.0, "refused"),
        ("signal_entry_long", 101.0, "refused"),
        ("signal_entry_short", 100.01, "approved"),
        ("signal_entry_short", 100.0, "refused"),
        ("signal_entry_short", 99.0, "refused"),
    ],
)
def test_a_stop_on_the_wrong_side_is_refused(tool: str, stop: float, status: str) -> None:
    verdict = judge(tool, stop_price=stop)
    assert codes(verdict) == (["STOP_WRONG_SIDE"] if status == "refused" else [])


def test_an_entry_that_lost_its_stop_on_the_way_is_refused() -> None:
    proposal = Proposal(a_call("signal_entry_long"), "long", 3.0, 100.0, None)
    state, risk = a_gate_state(), a_risk()
    assert stops.stop_on_losing_side(proposal, state, risk) == Refusal(
        "STOP_WRONG_SIDE", "there is no stop"
    )
    for check in (stops.stop_near_enough, stops.risk_within_limit, stops.target_is_worth_it):
        assert check(proposal, state, risk) is None
    assert stops.stop_before_liquidation(proposal, a_gate_state(), risk) is None


@pytest.mark.parametrize(
    ("side", "stop", "kept"),
    [
        ("long", 97.5, 97.5),
        ("long", 97.0, None),
        ("long", 96.0, None),
        ("short", 102.5, 102.5),
        ("short", 103.0, None),
        ("short", 104.0, None),
    ],
)
@pytest.mark.parametrize("tool", ["signal_hold", "reduce", "add"])
def test_the_stop_of_a_position_only_tightens(
    tool: str, side: str, stop: float, kept: float | None
) -> None:
    state = in_position(
        side=side, stop_price=97.0 if side == "long" else 103.0, liquidation_price=None
    )
    changes: dict[str, Any] = {"stop_price": stop}
    if tool != "signal_hold":
        changes["adjustment_pct"] = 50 if tool == "add" else -50
    verdict = judge("signal_hold" if tool == "signal_hold" else "adjust_position", state, **changes)
    assert allowed(verdict).stop_price == kept
    assert codes(verdict) == (["STOP_NOT_TIGHTER"] if kept is None else [])


def test_there_is_nothing_to_tighten_without_a_position() -> None:
    assert codes(judge("signal_hold", stop_price=99.0)) == ["NO_POSITION"]


@pytest.mark.parametrize("changes", [{"adjustment_pct": 50}, {"adjustment_pct": -50}, {}])
def test_a_tightened_stop_beyond_the_price_is_refused(changes: dict[str, float]) -> None:
    tool = "adjust_position" if changes else "signal_hold"
    state = in_position(current_rate=101.0)
    assert judge(tool, state, stop_price=100.9, **changes).status == "approved"
    assert codes(judge(tool, state, stop_price=101.0, **changes)) == ["STOP_WRONG_SIDE"]


@pytest.mark.parametrize("rate", [math.nan, 97.0, 96.0])
def test_nothing_is_added_once_the_price_is_at_the_stop_or_unknown(rate: float) -> None:
    verdict = judge("adjust_position", in_position(current_rate=rate, stop_price=97.0))
    assert "STOP_WRONG_SIDE" in codes(verdict)
    assert verdict.proposal is None


@pytest.mark.parametrize("rate", [math.nan, math.inf])
def test_a_stop_is_not_moved_against_an_unknown_price(rate: float) -> None:
    verdict = judge("signal_hold", in_position(current_rate=rate), stop_price=98.0)
    assert codes(verdict) == (["STOP_WRONG_SIDE"] if math.isnan(rate) else [])


# The target


@pytest.mark.parametrize(
    ("tool", "target", "is_fine"),
    [
        ("signal_entry_long", 102.1, True),
        ("signal_entry_long", 102.0, True),
        ("signal_entry_long", 101.9, False),
        ("signal_entry_long", 100.0, False),
        ("signal_entry_long", 90.0, False),
        ("signal_entry_short", 97.9, True),
        ("signal_entry_short", 98.0, True),
        ("signal_entry_short", 98.1, False),
        ("signal_entry_short", 110.0, False),
    ],
)
def test_a_target_is_worth_its_risk(tool: str, target: float, *, is_fine: bool) -> None:
    assert codes(judge(tool, target_price=target)) == ([] if is_fine else ["REWARD_RISK"])


@pytest.mark.parametrize(
    ("least", "target", "is_fine"),
    [
        (2.0, 104.0, True),
        (2.0, 103.9, False),
        (0.5, 101.0, True),
        (0.5, 100.9, False),
        (0.0, 100.01, True),
        (0.0, 100.0, False),
        (0.0, 99.0, False),
    ],
)
def test_what_a_target_must_be_worth_is_configured(
    least: float, target: float, *, is_fine: bool
) -> None:
    verdict = judge("signal_entry_long", risk=a_risk(min_reward_risk=least), target_price=target)
    assert (verdict.status == "approved") is is_fine


def test_the_target_is_held_against_the_stop_after_its_clamp() -> None:
    """Asked at 90 the target would be worth half the risk; moved to 95 it is worth all of it."""
    verdict = judge("signal_entry_long", stop_price=90.0, target_price=105.0)
    assert codes(verdict) == ["STOP_TOO_FAR"]


def test_rounding_does_not_make_a_target_worthless() -> None:
    state = a_gate_state(price=0.3)
    verdict = judge("signal_entry_long", state, stop_price=0.29, target_price=0.31, key_support=0.2)
    assert verdict.status == "approved"

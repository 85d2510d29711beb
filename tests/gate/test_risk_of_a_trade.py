"""What the stop costs at most: stake x leverage x distance, from the worst price of the order.

An order may go out up to 1 % away from the decision's price of 100, so it counts from 101 or 99.
"""

import pytest

from builders import a_call, a_gate_state, a_promise, a_risk, an_account
from judging import allowed, at_current_price, codes, in_position, judge
from llm_modules.gate.checks import stops
from llm_modules.gate.verdict import Clamp, Proposal


@pytest.mark.parametrize(
    ("leverage", "stop", "asked", "given"),
    [
        (10, 95.95, 99, 99),
        (10, 95.95, 100, 100),  # 5 % from 101: 100 x 10 x 5 % are 5 % of 1,000
        (10, 95.95, 101, 100),
        (10, 98.48, 200, 200),
        (5, 95.95, 200, 200),
        (10, 99.5, 200, 200),
        (5, 95.95, 1e9, 200),
        (10, 95.0, 100, 5050 / 60),
        (10, 98.0, 200, 5050 / 30),
    ],
)
def test_no_position_loses_more_than_its_share_at_the_stop(
    leverage: float, stop: float, asked: float, given: float
) -> None:
    verdict = judge("signal_entry_long", leverage=leverage, stop_price=stop, stake_amount=asked)
    proposal = allowed(verdict)
    assert proposal.stake_amount == pytest.approx(given)
    assert proposal.stake_amount * leverage * (101 - stop) / 101 <= 50.0000001
    assert ("RISK_PER_TRADE" in codes(verdict)) is (given < min(asked, 200))


@pytest.mark.parametrize(
    ("limit", "given"), [(0.5, 83.333333), (0.6, 100), (0.7, 100), (0.1, 16.667)]
)
def test_the_share_a_trade_may_lose_is_configured(limit: float, given: float) -> None:
    """3x and 2 % from 101: 100 of stake lose 6, which is 0.6 % of 1,000."""
    verdict = judge("signal_entry_long", risk=a_risk(risk_per_trade_pct=limit), stop_price=98.98)
    assert allowed(verdict).stake_amount == pytest.approx(given, rel=1e-4)


def test_a_stop_close_by_bears_its_risk_as_well() -> None:
    """10x and 1.5 % from 101, half a percent from 100: 100 of stake lose 15."""
    risk = a_risk(risk_per_trade_pct=1.5)
    asked = {"leverage": 10, "stop_price": 99.485, "stake_amount": 150}
    verdict = judge("signal_entry_long", risk=risk, **asked)
    assert allowed(verdict).stake_amount == pytest.approx(100)


@pytest.mark.parametrize(
    ("drift", "given"), [(0.0001, 100), (0.5, 91.364), (1.0, 84.167), (5.0, 52.5), (50.0, 13.636)]
)
@pytest.mark.parametrize(("tool", "sign"), [("signal_entry_long", 1), ("signal_entry_short", -1)])
def test_the_farther_off_an_order_may_go_out_the_smaller_it_is(
    tool: str, sign: int, drift: float, given: float
) -> None:
    """10x with a stop 5 away: 50 x (100 + drift) / (10 x (5 + drift)), for a short 100 - drift."""
    risk, stop = a_risk(max_price_drift_pct=drift), 100.0 - sign * 5
    verdict = judge(tool, risk=risk, leverage=10, stop_price=stop, stake_amount=150)
    if sign < 0:
        given *= (100 - drift) / (100 + drift)
    assert allowed(verdict).stake_amount == pytest.approx(given, rel=1e-4)
    assert codes(verdict) == ["RISK_PER_TRADE"]


def test_the_stop_after_its_clamp_counts() -> None:
    """Asked at 50, moved to 95: 84 lose 49.9 from 101 to there."""
    verdict = judge("signal_entry_long", leverage=10, stop_price=50.0, stake_amount=84)
    assert codes(verdict) == ["STOP_TOO_FAR"]


@pytest.mark.parametrize(("pct", "added"), [(50, 50), (65, 65), (66, 65.667), (100, 65.667)])
def test_for_an_addition_the_whole_position_counts_from_the_worst_price(
    pct: float, added: float
) -> None:
    """3 % from 101: at 3x 166.7 lose 15, 1.5 % of 1,000, and the 100 held are worth 101 there."""
    verdict = judge(
        "adjust_position",
        at_current_price(stop_price=97.97),
        a_risk(risk_per_trade_pct=1.5),
        adjustment_pct=pct,
    )
    assert allowed(verdict).stake_amount == pytest.approx(added, rel=1e-4)
    assert codes(verdict) == (["RISK_PER_TRADE"] if pct > added else [])


def test_a_tighter_stop_makes_room_for_an_addition_and_a_looser_one_does_not() -> None:
    state = at_current_price(stop_price=97.0)
    risk = a_risk(risk_per_trade_pct=1.5)
    for stop in (98.5, 99.0):
        tightened = judge("adjust_position", state, risk, adjustment_pct=100, stop_price=stop)
        assert (tightened.status, allowed(tightened).stake_amount) == ("approved", 100)
    hardly = judge("adjust_position", state, risk, adjustment_pct=100, stop_price=98.4)
    assert allowed(hardly).stake_amount == pytest.approx(15 * 101 / (3 * 2.6) - 101)
    wider = judge("adjust_position", state, risk, adjustment_pct=100, stop_price=90.0)
    assert codes(wider) == ["STOP_NOT_TIGHTER", "RISK_PER_TRADE"]


def test_the_risk_of_a_short_is_measured_upwards() -> None:
    """5 % above 99."""
    verdict = judge("signal_entry_short", leverage=10, stop_price=103.95, stake_amount=150)
    assert allowed(verdict).stake_amount == pytest.approx(100)


@pytest.mark.parametrize(
    ("side", "open_rate", "stop", "held"),
    [
        ("long", 100.0, 97.97, 101.0),
        ("long", 50.0, 97.97, 202.0),  # in profit its amount is worth twice its stake
        ("long", 101.0, 97.97, 100.0),
        ("long", 105.0, 97.97, 100.0),  # never less than its stake
        ("short", 100.0, 101.97, 100.0),
        ("short", 90.0, 101.97, 110.0),
    ],
)
def test_what_is_held_counts_at_the_worst_price_too(
    side: str, open_rate: float, stop: float, held: float
) -> None:
    """3 % from 101, or from 99 for a short: at 3x 333.3 lose 30, which is 3 % of 1,000."""
    state = at_current_price(
        side=side, open_rate=open_rate, stop_price=stop, liquidation_price=None
    )
    risk = a_risk(risk_per_trade_pct=3.0, max_position_pct=100.0, max_correlated_pct=100.0)
    proposal = Proposal(a_call("adjust_position"), state.position.side, 3.0, 1e9, None)
    finding = stops.risk_within_limit(proposal, state, risk)
    assert isinstance(finding, Clamp)
    assert finding.value == pytest.approx(30 / 0.09 - held)


@pytest.mark.parametrize(("rate", "worst"), [(100.9, 101.0), (101.0, 101.0), (104.0, 104.0)])
def test_a_price_beyond_the_band_already_is_the_worst(rate: float, worst: float) -> None:
    """Such an addition is refused for it; what it would cost is told all the same."""
    state = in_position(current_rate=rate, stop_price=97.0)
    proposal = Proposal(a_call("adjust_position"), "long", 3.0, 1e9, None)
    finding = stops.risk_within_limit(proposal, state, a_risk())
    assert isinstance(finding, Clamp)
    assert finding.value == pytest.approx(50 * worst / (3 * (worst - 97)) - worst)


def test_an_order_on_its_way_bears_risk_too() -> None:
    promise = a_promise(pair=a_gate_state().pair, stake_amount=60.0)
    state = a_gate_state(exposures=(promise,))
    verdict = judge("signal_entry_long", state, leverage=10, stop_price=95.95, stake_amount=100)
    assert allowed(verdict).stake_amount == pytest.approx(40)


def test_the_risk_limit_needs_no_second_refusal_of_a_crossed_stop() -> None:
    account = an_account(equity=1.0, day_start_equity=1.0)
    verdict = judge("signal_entry_long", a_gate_state(account=account), stop_price=101.0)
    assert "STOP_WRONG_SIDE" in codes(verdict)
    assert "RISK_PER_TRADE" not in codes(verdict)

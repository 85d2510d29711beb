"""What all positions and promises together may be; neither source can under-count."""

import math
from typing import Any

import pytest

from builders import PAIR, a_gate_state, a_position, a_promise, a_risk, an_account
from judging import allowed, codes, in_position, judge
from llm_modules.gate.exposure import at_risk, is_one_bet, magnitude, open_positions, own_stake
from llm_modules.gate.verdict import Exposure, GateState


def elsewhere(stake: float, **changes: Any) -> Exposure:
    """A position in another pair, unrelated to ours."""
    return a_promise(stake_amount=stake, promised=False, takes_slot=False, **changes)


def holding(*exposures: Exposure, **changes: Any) -> GateState:
    """An account that knows of nothing but these; nine slots, no lack of funds."""
    account = an_account(used_stake=0.0, open_trades=0, free=1000.0)
    return a_gate_state(**({"account": account, "exposures": exposures} | changes))


ROOMY = a_risk(max_open_trades=9, max_position_pct=100.0, risk_per_trade_pct=100.0)


def roomy(**changes: Any) -> Any:
    values = {"max_correlated_pct": 100.0, "max_total_notional_pct": 12_500.0}
    return a_risk(**(ROOMY.model_dump() | values | changes))


# The sum of stakes


@pytest.mark.parametrize(("asked", "given"), [(99, 99), (100, 100), (101, 100), (1e9, 100)])
def test_the_sum_of_stakes_stays_within_its_share(asked: float, given: float) -> None:
    state = holding(elsewhere(500.0), elsewhere(200.0))
    verdict = judge("signal_entry_long", state, roomy(), stake_amount=asked)
    assert allowed(verdict).stake_amount == pytest.approx(given)
    assert ("MAX_TOTAL_STAKE" in codes(verdict)) is (asked > 100)


@pytest.mark.parametrize(("share", "given"), [(100, 250), (90, 200), (80, 100), (70.5, 5)])
def test_the_share_of_all_stakes_is_configured(share: float, given: float) -> None:
    state = holding(elsewhere(500.0), elsewhere(200.0))
    risk = roomy(max_total_stake_pct=float(share))
    verdict = judge("signal_entry_long", state, risk, stake_amount=250)
    assert allowed(verdict).stake_amount == pytest.approx(given)


def test_a_full_account_refuses() -> None:
    verdict = judge("signal_entry_long", holding(elsewhere(800.0)), roomy())
    assert codes(verdict) == ["MAX_TOTAL_STAKE", "BELOW_MINIMUM"]


@pytest.mark.parametrize("used", [600.0, 750.0])
def test_the_larger_of_account_and_positions_counts(used: float) -> None:
    """The positions sum up to 700; an account that says less is not believed."""
    account = an_account(used_stake=used, open_trades=0, free=1000.0)
    state = holding(elsewhere(500.0), elsewhere(200.0), account=account)
    verdict = judge("signal_entry_long", state, roomy(), stake_amount=200)
    assert allowed(verdict).stake_amount == pytest.approx(800 - max(used, 700))


def test_promises_are_not_yet_in_the_account() -> None:
    account = an_account(used_stake=400.0, open_trades=0, free=1000.0)
    state = holding(elsewhere(400.0), a_promise(stake_amount=300.0), account=account)
    verdict = judge("signal_entry_long", state, roomy(), stake_amount=200)
    assert allowed(verdict).stake_amount == pytest.approx(100)


def test_what_is_held_counts_for_an_addition() -> None:
    state = holding(elsewhere(650.0), position=a_position(stake_amount=100.0))
    verdict = judge("adjust_position", state, roomy(), adjustment_pct=100)
    assert allowed(verdict).stake_amount == pytest.approx(50)
    assert codes(verdict) == ["MAX_TOTAL_STAKE"]


@pytest.mark.parametrize("stake", [math.nan, math.inf, -500.0])
def test_an_exposure_of_unknown_size_leaves_no_room(stake: float) -> None:
    verdict = judge("signal_entry_long", holding(elsewhere(stake)), roomy())
    assert "MAX_TOTAL_STAKE" in codes(verdict)
    assert verdict.status == "refused"


# The sum of stakes x leverage


@pytest.mark.parametrize(("asked", "given"), [(99, 99), (100, 100), (101, 100)])
def test_the_sum_of_notionals_stays_within_its_share(asked: float, given: float) -> None:
    """400 % of 1,000 less 300 x 10 and 100 x 4 leaves 600: 100 at 6x."""
    state = holding(elsewhere(300.0, leverage=10.0), elsewhere(100.0, leverage=4.0))
    risk = roomy(max_total_notional_pct=400.0)
    verdict = judge("signal_entry_long", state, risk, stake_amount=asked, leverage=6)
    assert allowed(verdict).stake_amount == pytest.approx(given)
    assert ("MAX_TOTAL_NOTIONAL" in codes(verdict)) is (asked > 100)


@pytest.mark.parametrize(("share", "given"), [(100, 300), (60, 200), (30, 100)])
def test_the_share_of_all_notionals_is_configured(share: float, given: float) -> None:
    risk = roomy(max_total_notional_pct=float(share))
    verdict = judge("signal_entry_long", holding(), risk, stake_amount=300)
    assert allowed(verdict).stake_amount == pytest.approx(given)


def test_promises_and_the_position_itself_count_as_notional() -> None:
    position = a_position(stake_amount=100.0, leverage=10.0, liquidation_price=None)
    state = holding(a_promise(stake_amount=200.0, leverage=10.0), position=position)
    risk = roomy(max_total_notional_pct=350.0)
    verdict = judge("adjust_position", state, risk, adjustment_pct=100, stop_price=98)
    assert allowed(verdict).stake_amount == pytest.approx(50)
    assert codes(verdict) == ["MAX_TOTAL_NOTIONAL"]


def test_stake_that_no_position_explains_is_taken_at_the_highest_leverage() -> None:
    """350 in the account, no position known: 3,500 of 4,000 are taken."""
    account = an_account(used_stake=350.0, free=1000.0)
    risk = roomy(max_total_notional_pct=400.0)
    verdict = judge("signal_entry_long", holding(account=account), risk, stake_amount=200)
    assert allowed(verdict).stake_amount == pytest.approx(500 / 3)


@pytest.mark.parametrize("leverage", [math.nan, math.inf, -3.0])
def test_an_exposure_of_unknown_leverage_leaves_no_room(leverage: float) -> None:
    for stake in (100.0, 0.0):
        state = holding(elsewhere(stake, leverage=leverage))
        assert "MAX_TOTAL_NOTIONAL" in codes(judge("signal_entry_long", state, roomy()))


# Pairs that move together


@pytest.mark.parametrize(
    ("side", "correlation", "is_one"),
    [
        ("long", 0.79, False),
        ("long", 0.8, True),
        ("long", 1.0, True),
        ("long", 0.0, False),
        ("long", -1.0, False),
        ("short", 0.9, False),
        ("short", -0.79, False),
        ("short", -0.8, True),
        ("short", -1.0, True),
        ("long", None, True),
        ("short", None, True),
        ("long", math.nan, True),
        ("short", math.nan, True),
    ],
)
def test_which_exposures_are_one_bet_with_a_long(
    side: Any, correlation: float | None, *, is_one: bool
) -> None:
    item = elsewhere(100.0, side=side, correlation=correlation)
    assert is_one_bet(item, PAIR, "long", 0.8) is is_one
    state = holding(elsewhere(350.0, side=side, correlation=correlation))
    verdict = judge("signal_entry_long", state, roomy(max_correlated_pct=40.0))
    assert allowed(verdict).stake_amount == pytest.approx(50 if is_one else 100)
    assert codes(verdict) == (["CORRELATED"] if is_one else [])


def test_for_a_short_the_sides_are_mirrored() -> None:
    assert is_one_bet(elsewhere(1.0, side="short", correlation=0.8), PAIR, "short", 0.8)
    assert is_one_bet(elsewhere(1.0, side="long", correlation=-0.8), PAIR, "short", 0.8)
    assert not is_one_bet(elsewhere(1.0, side="long", correlation=0.8), PAIR, "short", 0.8)


def test_the_same_pair_is_one_bet_whatever_its_correlation() -> None:
    assert is_one_bet(elsewhere(1.0, pair=PAIR, correlation=0.0), PAIR, "long", 0.8)


@pytest.mark.parametrize(("limit", "given"), [(0.5, 50), (0.6, 50), (0.61, 100), (1.0, 100)])
def test_the_correlation_that_makes_one_bet_is_configured(limit: float, given: float) -> None:
    state = holding(elsewhere(350.0, correlation=0.6))
    risk = roomy(max_correlated_pct=40.0, max_correlation=limit)
    assert allowed(judge("signal_entry_long", state, risk)).stake_amount == pytest.approx(given)


@pytest.mark.parametrize(("share", "given"), [(46, 100), (45, 100), (44, 90), (35, None)])
def test_the_share_of_one_bet_is_configured(share: float, given: float | None) -> None:
    state = holding(elsewhere(350.0, correlation=0.9), elsewhere(300.0, correlation=0.1))
    verdict = judge("signal_entry_long", state, roomy(max_correlated_pct=float(share)))
    if given is None:
        assert codes(verdict) == ["CORRELATED", "BELOW_MINIMUM"]
    else:
        assert allowed(verdict).stake_amount == pytest.approx(given)


def test_five_longs_on_one_factor_count_as_one() -> None:
    others = tuple(elsewhere(90.0, correlation=0.95) for _ in range(4))
    verdict = judge("signal_entry_long", holding(*others), roomy(max_correlated_pct=40.0))
    assert allowed(verdict).stake_amount == pytest.approx(40)


def test_what_is_held_and_promised_is_the_same_bet_as_its_addition() -> None:
    position = a_position(stake_amount=200.0)
    promise = a_promise(stake_amount=100.0, pair=PAIR, correlation=1.0, takes_slot=False)
    state = holding(promise, position=position)
    verdict = judge("adjust_position", state, roomy(max_correlated_pct=40.0))
    assert allowed(verdict).stake_amount == pytest.approx(100)
    verdict = judge("adjust_position", state, roomy(max_correlated_pct=35.0))
    assert allowed(verdict).stake_amount == pytest.approx(50)


def test_stake_that_no_position_explains_may_be_the_same_bet() -> None:
    account = an_account(used_stake=350.0, free=1000.0)
    verdict = judge("signal_entry_long", holding(account=account), roomy(max_correlated_pct=40.0))
    assert allowed(verdict).stake_amount == pytest.approx(50)


# Free funds


def test_stake_is_clamped_to_what_is_free_after_reservations() -> None:
    state = a_gate_state(account=an_account(free=150.0), exposures=(a_promise(),))
    verdict = judge("signal_entry_long", state)
    assert allowed(verdict).stake_amount == 50
    assert codes(verdict) == ["FREE_FUNDS"]


@pytest.mark.parametrize(("free", "given"), [(99.0, 99.0), (100.0, 100.0), (101.0, 100.0)])
def test_an_addition_needs_free_funds_too(free: float, given: float) -> None:
    state = in_position()
    state = a_gate_state(position=state.position, account=an_account(free=free))
    verdict = judge("adjust_position", state, adjustment_pct=100)
    assert allowed(verdict).stake_amount == given
    assert codes(verdict) == (["FREE_FUNDS"] if given < 100 else [])


def test_nothing_free_means_refused() -> None:
    state = a_gate_state(account=an_account(free=50.0), exposures=(a_promise(stake_amount=60.0),))
    verdict = judge("signal_entry_long", state)
    assert verdict.status == "refused"
    assert codes(verdict) == ["FREE_FUNDS", "BELOW_MINIMUM"]


@pytest.mark.parametrize("stake", [math.nan, -1000.0])
def test_an_odd_promise_frees_nothing(stake: float) -> None:
    state = a_gate_state(exposures=(a_promise(stake_amount=stake),))
    assert "FREE_FUNDS" in codes(judge("signal_entry_long", state))


# The list they are summed from


def test_everything_at_risk_is_listed_once() -> None:
    account = an_account(used_stake=450.0)
    other, promise = elsewhere(200.0), a_promise(stake_amount=70.0)
    state = a_gate_state(
        account=account, exposures=(other, promise), position=a_position(stake_amount=100.0)
    )
    own, *rest, missing = at_risk(state, a_risk())
    assert (own.pair, own.stake_amount, own.leverage, own.correlation) == (PAIR, 100, 3, 1)
    assert rest == [other, promise]
    assert (missing.stake_amount, missing.leverage, missing.correlation) == (150, 10, None)
    assert own_stake(state) == 100


def test_even_little_that_is_missing_is_listed() -> None:
    *_, missing = at_risk(a_gate_state(account=an_account(used_stake=0.5)), a_risk())
    assert missing.stake_amount == 0.5


def test_the_pairs_own_position_is_one_of_the_open_ones() -> None:
    account = an_account(open_trades=0)
    exposed = (elsewhere(1.0), a_promise())
    assert open_positions(a_gate_state(account=account, exposures=exposed)) == 1
    state = a_gate_state(account=account, exposures=exposed, position=a_position())
    assert open_positions(state) == 2
    assert open_positions(a_gate_state(account=an_account(open_trades=7))) == 7


@pytest.mark.parametrize("used", [300.0, 299.0, 0.0, math.nan])
def test_nothing_is_added_when_the_positions_explain_the_account(used: float) -> None:
    state = a_gate_state(
        account=an_account(used_stake=used),
        exposures=(elsewhere(200.0),),
        position=a_position(stake_amount=100.0),
    )
    assert len(at_risk(state, a_risk())) == 2


@pytest.mark.parametrize(
    ("number", "size"),
    [(0.0, 0.0), (5.0, 5.0), (-1.0, math.inf), (math.nan, math.inf), (math.inf, math.inf)],
)
def test_a_size_that_makes_no_sense_is_endless(number: float, size: float) -> None:
    assert magnitude(number) == size

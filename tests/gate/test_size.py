"""Leverage, the share of one position, the market's tiers and minimum."""

import math

import pytest

from builders import a_call, a_gate_state, a_position, a_promise, a_risk, an_account
from judging import allowed, codes, in_position, judge, only_reason
from llm_modules.domain import Conduct, MarketRules
from llm_modules.gate.checks import size
from llm_modules.gate.verdict import Clamp, Proposal, Refusal


@pytest.mark.parametrize(("asked", "given"), [(9, 9), (10, 10), (10.01, 10), (100, 10)])
def test_leverage_is_clamped_to_the_configured_maximum(asked: float, given: float) -> None:
    verdict = judge("signal_entry_long", leverage=asked)
    assert allowed(verdict).leverage == given
    assert codes(verdict) == (["MAX_LEVERAGE"] if asked > 10 else [])


def test_a_clamp_tells_from_what_to_what() -> None:
    reason = only_reason(judge("signal_entry_long", leverage=100))
    assert isinstance(reason, Clamp)
    assert (reason.field, reason.before, reason.value) == ("leverage", 100, 10)


@pytest.mark.parametrize(("market", "given"), [(7.99, 7), (8, 8), (9, 8)])
def test_leverage_is_clamped_to_the_market_when_that_is_lower(market: float, given: float) -> None:
    state = a_gate_state(rules=MarketRules(0.1, 5.0, market))
    assert allowed(judge("signal_entry_long", state, leverage=8)).leverage == given


@pytest.mark.parametrize(
    ("asked", "given"), [(1, 1), (1.01, 1), (1.99, 1), (2, 2), (2.5, 2), (9.999, 9)]
)
def test_leverage_is_clamped_to_a_whole_number(asked: float, given: float) -> None:
    verdict = judge("signal_entry_long", leverage=asked)
    assert allowed(verdict).leverage == given
    if given < asked:
        reason = only_reason(verdict)
        assert isinstance(reason, Clamp)
        assert (reason.code, reason.field) == ("WHOLE_LEVERAGE", "leverage")
        assert (reason.before, reason.value) == (asked, given)


@pytest.mark.parametrize(
    ("asked", "code"),
    [(9, None), (9.2, "MAX_LEVERAGE"), (9.5, "MAX_LEVERAGE"), (8.5, "WHOLE_LEVERAGE")],
)
def test_a_limit_that_is_not_whole_allows_what_is_below_it(asked: float, code: str | None) -> None:
    verdict = judge("signal_entry_long", risk=a_risk(max_leverage=9.5), leverage=asked)
    assert allowed(verdict).leverage == min(9, int(asked))
    assert codes(verdict) == ([] if code is None else [code])


def test_a_default_leverage_that_is_not_whole_is_lowered_too() -> None:
    risk = a_risk(allow_model_freedom=False, default_leverage=2.5)
    verdict = judge("signal_entry_long", risk=risk, leverage=3)
    assert codes(verdict) == ["FIXED_BY_CONFIG", "WHOLE_LEVERAGE"]
    assert allowed(verdict).leverage == 2


def test_a_position_whose_leverage_is_not_whole_may_only_shrink() -> None:
    """Freqtrade would take 1.9x as 1x at the exchange: 100 more of stake would bind 190."""
    state = in_position(leverage=1.9, liquidation_price=None)
    assert only_reason(judge("adjust_position", state)) == Refusal(
        "WHOLE_LEVERAGE", "the position has leverage 1.9; exchanges know whole ones only"
    )
    reduced = judge("adjust_position", state, adjustment_pct=-50)
    assert (reduced.status, allowed(reduced).leverage) == ("approved", 1.9)
    for tool in ("signal_exit", "signal_hold"):
        assert judge(tool, state).status == "approved"


@pytest.mark.parametrize(("held", "status"), [(9, "approved"), (10, "approved"), (11, "refused")])
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


def test_without_model_freedom_nothing_is_added_to_a_position() -> None:
    risk = a_risk(allow_model_freedom=False)
    assert only_reason(judge("adjust_position", in_position(), risk)) == Refusal(
        "FIXED_BY_CONFIG", "the size of a position is fixed by the configuration"
    )
    assert judge("adjust_position", in_position(), a_risk()).status == "approved"


@pytest.mark.parametrize("tool", ["signal_exit", "signal_hold", "reduce"])
def test_without_model_freedom_a_position_may_still_shrink(tool: str) -> None:
    risk = a_risk(allow_model_freedom=False)
    if tool == "reduce":
        verdict = judge("adjust_position", in_position(), risk, adjustment_pct=-50)
    else:
        verdict = judge(tool, in_position(), risk)
    assert (verdict.status, verdict.reasons) == ("approved", ())


def test_kelly_without_an_edge_is_refused_with_its_reason() -> None:
    losing = Conduct(closed_trades=40, win_rate=0.3, mean_win_ratio=0.02, mean_loss_ratio=0.02)
    risk = a_risk(position_sizing="kelly")
    state = a_gate_state(conduct=losing)
    verdict = judge("signal_entry_long", state, risk, stake_amount=None)
    assert codes(verdict) == ["NO_EDGE", "BELOW_MINIMUM"]
    assert "40 closed trades" in verdict.reasons[0].text
    assert judge("signal_entry_long", state, risk, stake_amount=100).status == "approved"
    small = judge("signal_entry_long", state, risk, stake_amount=0.5)
    assert codes(small) == ["BELOW_MINIMUM"]


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


def test_a_rest_of_exactly_the_minimum_can_be_closed() -> None:
    """Half of 10 at 3x is 15."""
    for least, status in ((15.0, "approved"), (15.1, "refused")):
        state = a_gate_state(
            position=a_position(stake_amount=10.0), rules=MarketRules(0.1, least, 125.0)
        )
        proposal = Proposal(a_call("adjust_position"), "long", 3.0, -5.0, None)
        finding = size.remainder_above_market_minimum(proposal, state, a_risk())
        assert (finding is None) is (status == "approved")
    tiny = a_gate_state(position=a_position(stake_amount=10.0), rules=MarketRules(0.1, 0.0, 125.0))
    proposal = Proposal(a_call("adjust_position"), "long", 3.0, -9.9, None)
    assert size.remainder_above_market_minimum(proposal, tiny, a_risk()) is None


def test_where_there_is_no_minimum_the_smallest_order_is_one() -> None:
    state = a_gate_state(rules=MarketRules(0.1, 0.0, 125.0))
    assert judge("signal_entry_long", state, stake_amount=1e-6).status == "approved"


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

import math
from typing import Any

import pytest

from builders import NOON, RULES, a_call, a_gate_state, a_position, a_promise, a_risk, an_account
from llm_modules.domain import MarketRules
from llm_modules.gate import checks
from llm_modules.gate.checker import DecisionChecker
from llm_modules.gate.verdict import Clamp, GateState, Proposal, Verdict


def judge(tool: str, state: GateState | None = None, risk: Any = None, **changes: Any) -> Verdict:
    return DecisionChecker(risk or a_risk()).judge(a_call(tool, **changes), state or a_gate_state())


def allowed(verdict: Verdict) -> Proposal:
    assert verdict.proposal is not None, verdict.reasons
    return verdict.proposal


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def in_position(**changes: Any) -> GateState:
    return a_gate_state(position=a_position(**changes))


def test_a_modest_entry_is_approved_as_asked() -> None:
    verdict = judge("signal_entry_long")
    assert verdict.status == "approved"
    proposal = allowed(verdict)
    assert (proposal.leverage, proposal.stake_amount, proposal.stop_price) == (3, 100, 98)
    assert proposal.side == "long"
    assert not proposal.only_reduces


@pytest.mark.parametrize(("asked", "given"), [(9.99, 9.99), (10, 10), (10.01, 10), (100, 10)])
def test_leverage_is_clamped_to_the_configured_maximum(asked: float, given: float) -> None:
    verdict = judge("signal_entry_long", leverage=asked)
    assert allowed(verdict).leverage == given
    assert (codes(verdict) == ["MAX_LEVERAGE"]) is (asked > 10)


def test_leverage_is_clamped_to_the_market_when_that_is_lower() -> None:
    state = a_gate_state(rules=MarketRules(0.1, 5.0, 4.0))
    assert allowed(judge("signal_entry_long", state, leverage=8)).leverage == 4


@pytest.mark.parametrize(("asked", "given"), [(199.9, 199.9), (200, 200), (201, 200), (1e12, 200)])
def test_stake_is_clamped_to_its_share_of_equity(asked: float, given: float) -> None:
    verdict = judge("signal_entry_long", stake_amount=asked)
    assert allowed(verdict).stake_amount == given
    assert (codes(verdict) == ["MAX_POSITION"]) is (asked > 200)


def test_a_stake_of_1e12_at_100x_stays_within_every_limit() -> None:
    proposal = allowed(judge("signal_entry_long", stake_amount=1e12, leverage=100))
    assert proposal.leverage == 10
    assert proposal.stake_amount == 200


def test_stake_is_clamped_to_what_is_free_after_reservations() -> None:
    state = a_gate_state(account=an_account(free=150.0), exposures=(a_promise(),))
    verdict = judge("signal_entry_long", state)
    assert allowed(verdict).stake_amount == 50
    assert codes(verdict) == ["FREE_FUNDS"]


def test_nothing_free_means_refused() -> None:
    state = a_gate_state(account=an_account(free=50.0), exposures=(a_promise(stake_amount=60.0),))
    verdict = judge("signal_entry_long", state)
    assert verdict.status == "refused"
    assert codes(verdict) == ["FREE_FUNDS", "BELOW_MINIMUM"]


@pytest.mark.parametrize(("stake", "status"), [(1.66, "refused"), (1.67, "approved")])
def test_an_order_below_the_market_minimum_is_refused(stake: float, status: str) -> None:
    assert judge("signal_entry_long", stake_amount=stake).status == status


@pytest.mark.parametrize(
    ("open_trades", "reserved", "status"),
    [(3, 0, "approved"), (4, 0, "refused"), (3, 1, "refused"), (5, 0, "refused")],
)
def test_slots_count_open_and_promised_positions(
    open_trades: int, reserved: int, status: str
) -> None:
    state = a_gate_state(
        account=an_account(open_trades=open_trades), exposures=(a_promise(),) * reserved
    )
    verdict = judge("signal_entry_long", state)
    assert verdict.status == status
    assert ("NO_FREE_SLOT" in codes(verdict)) is (status == "refused")


@pytest.mark.parametrize(("side", "status"), [("long", "refused"), ("short", "approved")])
def test_an_entry_that_freqtrade_has_locked_is_refused(side: Any, status: str) -> None:
    state = a_gate_state(locked_sides=frozenset({side}))
    verdict = judge("signal_entry_long", state)
    assert verdict.status == status
    assert ("PAIR_LOCKED" in codes(verdict)) is (status == "refused")


def test_without_model_freedom_leverage_and_stake_come_from_the_configuration() -> None:
    risk = a_risk(allow_model_freedom=False, default_leverage=2.0)
    verdict = judge("signal_entry_long", risk=risk, leverage=9, stake_amount=50)
    assert (allowed(verdict).leverage, allowed(verdict).stake_amount) == (2, 100)
    assert codes(verdict) == ["FIXED_BY_CONFIG"]


def test_an_entry_without_stake_leaves_room_to_add_and_for_fees() -> None:
    assert allowed(judge("signal_entry_long", stake_amount=None)).stake_amount == 100
    many = a_risk(max_open_trades=10)
    assert allowed(judge("signal_entry_long", risk=many, stake_amount=None)).stake_amount == 90


@pytest.mark.parametrize(
    ("tool", "stop"), [("signal_entry_long", 95.0), ("signal_entry_short", 105.0)]
)
def test_an_entry_without_stop_gets_the_widest_one_allowed(tool: str, stop: float) -> None:
    assert allowed(judge(tool, stop_price=None)).stop_price == pytest.approx(stop)


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
    assert (codes(verdict) == ["STOP_TOO_FAR"]) is (asked != given)


def test_high_leverage_pulls_the_stop_inside_the_liquidation_price() -> None:
    risk = a_risk(max_leverage=50.0)
    proposal = allowed(judge("signal_entry_long", risk=risk, leverage=50, stop_price=96.0))
    assert proposal.stop_price == pytest.approx(100 * (1 - 0.8 * (1 / 50 - 0.005)))


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
    assert verdict.status == status
    assert ("STOP_WRONG_SIDE" in codes(verdict)) is (status == "refused")


def test_an_entry_while_in_position_is_refused() -> None:
    assert codes(judge("signal_entry_short", in_position())) == ["ALREADY_IN_POSITION"]


@pytest.mark.parametrize("tool", ["signal_exit", "adjust_position", "signal_hold"])
def test_position_tools_are_refused_once_the_position_is_gone(tool: str) -> None:
    assert "NO_POSITION" in codes(judge(tool, a_gate_state()))


@pytest.mark.parametrize("tool", ["signal_entry_long", "signal_entry_short", "adjust_position"])
def test_nothing_adds_exposure_while_halted(tool: str) -> None:
    halted = an_account(halted=True)
    position = a_position() if tool == "adjust_position" else None
    verdict = judge(tool, a_gate_state(account=halted, position=position))
    assert verdict.status == "refused"
    assert "HALTED" in codes(verdict)


def test_exits_and_reductions_are_allowed_while_halted_and_while_equity_is_unknown() -> None:
    account = an_account(halted=True, equity=math.nan)
    state = a_gate_state(account=account, position=a_position())
    assert judge("signal_exit", state).status == "approved"
    assert judge("adjust_position", state, adjustment_pct=-50).status == "approved"


@pytest.mark.parametrize(
    "changes",
    [
        {"equity": math.nan},
        {"equity": math.inf},
        {"equity": 0.0},
        {"equity": -5.0},
        {"free": math.nan},
        {"used_stake": math.inf},
    ],
)
def test_an_unknown_account_refuses_entries(changes: dict[str, float]) -> None:
    verdict = judge("signal_entry_long", a_gate_state(account=an_account(**changes)))
    assert verdict.status == "refused"
    assert "ACCOUNT_UNKNOWN" in codes(verdict)


@pytest.mark.parametrize("price", [math.nan, 0.0])
def test_an_unknown_price_refuses_entries(price: float) -> None:
    assert judge("signal_entry_long", a_gate_state(price=price)).status == "refused"


def test_an_answer_after_the_next_candle_is_stale() -> None:
    late = a_gate_state(valid_until=NOON)
    assert codes(judge("signal_entry_long", late)) == ["STALE_DECISION"]
    just_now = a_gate_state(now=NOON, valid_until=NOON)
    assert codes(judge("signal_entry_long", just_now)) == ["STALE_DECISION"]


def test_an_exit_is_never_too_late() -> None:
    late = a_gate_state(valid_until=NOON, position=a_position())
    assert judge("signal_exit", late).status == "approved"


def test_an_addition_is_clamped_to_the_room_left_in_the_position() -> None:
    verdict = judge("adjust_position", in_position(stake_amount=150.0), adjustment_pct=100)
    assert allowed(verdict).stake_amount == 50
    assert codes(verdict) == ["MAX_POSITION"]


def test_an_addition_to_a_full_position_is_refused() -> None:
    verdict = judge("adjust_position", in_position(stake_amount=200.0), adjustment_pct=10)
    assert codes(verdict) == ["MAX_POSITION", "BELOW_MINIMUM"]


def test_an_addition_keeps_the_leverage_of_the_position() -> None:
    assert allowed(judge("adjust_position", in_position(leverage=4.0))).leverage == 4


def test_a_reduction_is_negative_and_only_reduces() -> None:
    proposal = allowed(judge("adjust_position", in_position(), adjustment_pct=-30))
    assert proposal.stake_amount == -30
    assert proposal.only_reduces


def test_a_reduction_that_leaves_dust_is_refused() -> None:
    verdict = judge("adjust_position", in_position(stake_amount=10.0), adjustment_pct=-99)
    assert codes(verdict) == ["REST_BELOW_MINIMUM"]


def test_a_reduction_below_the_minimum_order_is_refused() -> None:
    verdict = judge("adjust_position", in_position(stake_amount=10.0), adjustment_pct=-1)
    assert codes(verdict) == ["BELOW_MINIMUM"]


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
def test_the_stop_of_a_position_only_tightens(side: str, stop: float, kept: float | None) -> None:
    state = in_position(side=side, stop_price=97.0 if side == "long" else 103.0)
    verdict = judge("signal_hold", state, stop_price=stop)
    assert allowed(verdict).stop_price == kept
    assert (codes(verdict) == ["STOP_NOT_TIGHTER"]) is (kept is None)


def test_a_tightened_stop_beyond_the_price_is_refused() -> None:
    beyond = in_position(current_rate=101.0)
    assert judge("signal_hold", beyond, stop_price=100.9).status == "approved"
    assert codes(judge("signal_hold", beyond, stop_price=101.0)) == ["STOP_WRONG_SIDE"]


def test_waiting_is_always_allowed() -> None:
    state = a_gate_state(account=an_account(halted=True, equity=math.nan))
    assert judge("signal_wait", state).status == "approved"


def test_all_reasons_are_given_at_once() -> None:
    state = a_gate_state(account=an_account(halted=True, open_trades=9), valid_until=NOON)
    verdict = judge("signal_entry_long", state, leverage=50, stop_price=120.0)
    assert codes(verdict) == [
        "HALTED",
        "STALE_DECISION",
        "NO_FREE_SLOT",
        "MAX_LEVERAGE",
        "STOP_WRONG_SIDE",
    ]
    assert verdict.proposal is None


def test_an_error_inside_a_check_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(checks, "ENTRY_CHECKS", (*checks.ENTRY_CHECKS, broken))
    verdict = judge("signal_entry_long")
    assert verdict.status == "refused"
    assert verdict.reasons[-1].code == "GATE_INTERNAL_ERROR"
    assert verdict.reasons[-1].text == "broken: ZeroDivisionError"


@pytest.mark.parametrize("field", ["leverage", "stake_amount", "stop_price"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_clamp_to_nonsense_is_a_refusal(
    field: Any, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nonsense(*_: object) -> Clamp:
        return Clamp("NONSENSE", "", field, None, value)

    monkeypatch.setattr(checks, "ENTRY_CHECKS", (nonsense,))
    assert codes(judge("signal_entry_long")) == ["NONSENSE", "NOT_FINITE"]


def test_a_clamp_without_value_of_a_needed_number_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        checks, "ENTRY_CHECKS", (lambda *_: Clamp("GONE", "", "stake_amount", None, None),)
    )
    assert judge("signal_entry_long").status == "refused"


def test_the_rest_check_has_nothing_to_say_without_a_position() -> None:
    proposal = Proposal(a_call("adjust_position"), "long", 1.0, -5.0, None)
    assert checks.remainder_above_market_minimum(proposal, a_gate_state(), a_risk()) is None
    assert RULES.min_notional == 5

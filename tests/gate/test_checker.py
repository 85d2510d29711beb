"""How checks are run: all of them, in order, and any failure is a refusal."""

import functools
import math
from typing import Any

import pytest

from builders import (
    ARGUMENTS,
    NOON,
    a_call,
    a_gate_state,
    a_position,
    a_risk,
    an_account,
)
from judging import allowed, codes, in_position, judge, only_reason
from llm_modules.domain import MarketRules
from llm_modules.gate import checks
from llm_modules.gate.checker import DecisionChecker, limits_hash
from llm_modules.gate.verdict import Clamp, Proposal, Refusal, Remark
from llm_modules.tools.calls import EntryLong, Hold

LISTS = {
    "ENTRY_CHECKS": "signal_entry_long",
    "ADDITION_CHECKS": "adjust_position",
    "EXIT_CHECKS": "signal_exit",
    "HOLD_CHECKS": "signal_hold",
    "WAIT_CHECKS": "signal_wait",
}


def crazy(tool: type[Any], name: str, **changes: Any) -> Any:
    """A call that skipped all validation, as no reply of a model can."""
    return tool.model_construct(**{**a_call(name).model_dump(), **changes})


def test_a_modest_entry_is_approved_as_asked() -> None:
    verdict = judge("signal_entry_long")
    assert (verdict.status, verdict.reasons) == ("approved", ())
    proposal = allowed(verdict)
    assert (proposal.leverage, proposal.stake_amount, proposal.stop_price) == (3, 100, 98)
    assert proposal.side == "long"
    assert not proposal.only_reduces


@pytest.mark.parametrize(("stake", "reduces"), [(-1.0, True), (0.0, True), (1e-9, False)])
def test_what_adds_nothing_only_reduces(stake: float, *, reduces: bool) -> None:
    assert Proposal(a_call("signal_exit"), "long", 3.0, stake, None).only_reduces is reduces


def test_a_stake_of_1e12_at_100x_stays_within_every_limit() -> None:
    """From 101, where it may still go out, to the stop at 98: 10x loses 50 of 1,000 with 168."""
    proposal = allowed(judge("signal_entry_long", stake_amount=1e12, leverage=100))
    assert proposal.leverage == 10
    assert proposal.stake_amount == pytest.approx(50 / (10 * 3 / 101))
    closer = judge("signal_entry_long", stake_amount=1e12, leverage=100, stop_price=99.0)
    assert allowed(closer).stake_amount == 200


@pytest.mark.parametrize("tool", sorted(ARGUMENTS))
def test_every_tool_in_its_place_is_approved_without_a_word(tool: str) -> None:
    flat = tool.startswith("signal_entry") or tool == "signal_wait"
    verdict = judge(tool, a_gate_state() if flat else in_position())
    assert (verdict.status, verdict.reasons) == ("approved", ())
    if tool in {"signal_exit", "signal_hold", "signal_wait"}:
        assert (allowed(verdict).stake_amount, allowed(verdict).stop_price) == (0, None)


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


def test_a_check_sees_what_an_earlier_one_clamped() -> None:
    """From 101 to 96 the stake would lose 99 at the 10x asked; at the 4x of the market 39.6."""
    state = a_gate_state(rules=MarketRules(0.1, 5.0, 4.0))
    risk = a_risk(risk_per_trade_pct=3.97)
    verdict = judge("signal_entry_long", state, risk, leverage=10, stake_amount=200, stop_price=96)
    assert codes(verdict) == ["MAX_LEVERAGE"]
    assert verdict.status == "clamped"


def test_a_remark_changes_nothing() -> None:
    verdict = judge("signal_entry_long", a_gate_state(funding_rate=None))
    assert isinstance(only_reason(verdict), Remark)
    assert verdict.status == "approved"


@pytest.mark.parametrize("name", sorted(LISTS))
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyError, RecursionError, AssertionError])
def test_an_error_inside_a_check_is_a_refusal_that_names_it(
    name: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(checks, name, (*getattr(checks, name), broken))
    flat = name in {"ENTRY_CHECKS", "WAIT_CHECKS"}
    verdict = judge(LISTS[name], a_gate_state() if flat else in_position())
    assert verdict.proposal is None
    assert only_reason(verdict) == Refusal("GATE_INTERNAL_ERROR", f"broken: {error.__name__}")


def test_the_checks_after_a_broken_one_still_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(checks, "ENTRY_CHECKS", (broken, *checks.ENTRY_CHECKS))
    verdict = judge("signal_entry_long", a_gate_state(tradable=False))
    assert codes(verdict) == ["GATE_INTERNAL_ERROR", "PAIR_NOT_TRADABLE"]


def test_an_error_while_proposing_is_a_refusal_too() -> None:
    """A market leverage of 0 leaves nothing to divide by."""
    verdict = judge(
        "signal_entry_long", a_gate_state(rules=MarketRules(0.1, 5, 0)), stop_price=None
    )
    assert only_reason(verdict) == Refusal("GATE_INTERNAL_ERROR", "propose: ZeroDivisionError")


@pytest.mark.parametrize("nonsense", [True, False, "no", 1, (), Refusal])
def test_what_is_no_finding_is_a_refusal(nonsense: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def talkative(*_: object) -> Any:
        return nonsense

    monkeypatch.setattr(checks, "ENTRY_CHECKS", (talkative,))
    verdict = judge("signal_entry_long")
    assert only_reason(verdict) == Refusal("GATE_INTERNAL_ERROR", "talkative: TypeError")


@pytest.mark.parametrize("field", ["leverage", "stake_amount", "stop_price"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, "5"])
def test_a_clamp_to_nonsense_is_a_refusal(
    field: Any, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nonsense(*_: object) -> Clamp:
        return Clamp("NONSENSE", "", field, None, value)

    monkeypatch.setattr(checks, "ENTRY_CHECKS", (nonsense,))
    assert codes(judge("signal_entry_long")) == ["GATE_INTERNAL_ERROR"]


@pytest.mark.parametrize("field", ["leverage", "stake_amount"])
def test_a_clamp_without_value_of_a_needed_number_is_a_refusal(
    field: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "ENTRY_CHECKS", (lambda *_: Clamp("GONE", "", field, None, None),))
    assert only_reason(judge("signal_entry_long")).text == "<lambda>: ValueError"


def test_a_check_without_a_name_can_fail_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(number: int, *_: object) -> None:
        raise ValueError(number)

    monkeypatch.setattr(checks, "ENTRY_CHECKS", (functools.partial(broken, 1),))
    assert only_reason(judge("signal_entry_long")).text == "unnamed check: ValueError"


@pytest.mark.parametrize("field", ["leverage", "stake_amount", "stop_price"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -5.0])
def test_a_number_that_cannot_be_compared_is_refused_at_once(field: str, value: float) -> None:
    call = crazy(EntryLong, "signal_entry_long", **{field: value})
    verdict = DecisionChecker(a_risk()).judge(call, a_gate_state())
    assert codes(verdict) == ["NOT_FINITE"]


@pytest.mark.parametrize("value", [-0.0, 0.0, 0.5])
def test_a_leverage_below_one_is_refused(value: float) -> None:
    call = crazy(EntryLong, "signal_entry_long", leverage=value)
    assert DecisionChecker(a_risk()).judge(call, a_gate_state()).status == "refused"


@pytest.mark.parametrize("field", ["leverage", "stake_amount", "stop_price", "confidence_score"])
@pytest.mark.parametrize("value", ["5", None, [], "x" * 99])
def test_what_is_no_number_is_a_refusal_or_its_default(field: str, value: Any) -> None:
    call = crazy(EntryLong, "signal_entry_long", **{field: value})
    verdict = DecisionChecker(a_risk()).judge(call, a_gate_state())
    has_default = value is None and field in {"stake_amount", "stop_price"}
    assert (verdict.status == "approved") is has_default


@pytest.mark.parametrize("field", ["leverage", "stake_amount", "confidence_score", "target_price"])
def test_a_huge_integer_buys_nothing(field: str) -> None:
    """It has no place in a float; comparing works, formatting it does not."""
    call = crazy(EntryLong, "signal_entry_long", **{field: 10**400})
    proposal = DecisionChecker(a_risk()).judge(call, a_gate_state()).proposal
    assert proposal is None or (proposal.leverage, proposal.stake_amount) == (3, 100)


@pytest.mark.parametrize("stop", [math.nan, 0.0, -0.0])
def test_a_stop_that_is_no_price_is_not_placed(stop: float) -> None:
    call = crazy(Hold, "signal_hold", stop_price=stop)
    assert codes(DecisionChecker(a_risk()).judge(call, in_position())) == ["NOT_FINITE"]


def test_what_is_none_of_the_six_tools_is_refused() -> None:
    class Unknown(Hold):
        pass

    stranger: Any = type("Stranger", (), {"pair": a_gate_state().pair})()
    verdict = DecisionChecker(a_risk()).judge(stranger, a_gate_state())
    assert only_reason(verdict).text == "propose: AssertionError"
    child = crazy(Unknown, "signal_hold")
    assert DecisionChecker(a_risk()).judge(child, in_position()).status == "approved"


@pytest.mark.parametrize("tool", ["signal_exit", "adjust_position", "signal_hold"])
def test_position_tools_are_refused_once_the_position_is_gone(tool: str) -> None:
    assert "NO_POSITION" in codes(judge(tool, a_gate_state()))


@pytest.mark.parametrize("leverage", [math.nan, math.inf, 0.0])
def test_an_unreadable_position_may_be_left_but_not_changed(leverage: float) -> None:
    state = in_position(leverage=leverage, stake_amount=math.nan, current_rate=math.nan)
    assert judge("signal_exit", state).status == "approved"
    assert allowed(judge("signal_exit", state)).leverage == 1
    assert judge("adjust_position", state).status == "refused"
    assert judge("adjust_position", state, adjustment_pct=-50).status == "refused"
    assert judge("signal_hold", state).status == "approved"


def test_exits_and_reductions_need_neither_account_nor_market_nor_facts() -> None:
    account = an_account(
        halted=True, equity=math.nan, free=math.nan, used_stake=math.inf, day_start_equity=0.0
    )
    state = a_gate_state(
        account=account,
        position=a_position(),
        tradable=False,
        facts={},
        funding_rate=None,
        price=math.nan,
        rules=MarketRules(math.nan, 5.0, math.nan),
    )
    assert judge("signal_exit", state, confidence_score=1).status == "approved"
    assert judge("adjust_position", state, adjustment_pct=-50).status == "approved"


def test_waiting_is_always_allowed() -> None:
    state = a_gate_state(account=an_account(halted=True, equity=math.nan))
    assert judge("signal_wait", state).status == "approved"


def test_the_limits_of_a_verdict_have_a_name_that_changes_with_them() -> None:
    one, other = a_risk(), a_risk(max_stop_pct=4.9)
    assert judge("signal_wait", risk=one).limits_hash == limits_hash(one)
    assert limits_hash(one) == limits_hash(a_risk())
    assert limits_hash(one) != limits_hash(other)

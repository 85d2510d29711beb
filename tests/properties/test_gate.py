"""For any call, any account and any limits: the gate's invariants, worked out independently."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from builders import PAIR, a_position
from llm_modules.config import RiskConfig
from llm_modules.domain import Habit, LeverageTier, OpenPosition
from llm_modules.gate import checks
from llm_modules.gate.checker import DecisionChecker
from llm_modules.gate.stops import booked_stop, tighter
from llm_modules.gate.tiers import whole
from llm_modules.gate.verdict import Exposure, GateState, Proposal, Refusal
from llm_modules.tools.calls import Adjust, Entry, ToolCall
from scenes import WILD, Scene, odd, positions, risks, scenes

EXAMPLES = 10_000 if os.environ.get("NIGHTLY") else 500
TOLERANCE = 1 + 1e-9
# Ten thousand examples take a minute or two, on a busy machine more.
pytestmark = pytest.mark.timeout(900)
LISTS = (
    "ENTRY_CHECKS", "ADDITION_CHECKS", "REDUCTION_CHECKS", "EXIT_CHECKS", "HOLD_CHECKS",
    "WAIT_CHECKS",
)  # fmt: skip


@st.composite
def likely_scenes(draw: st.DrawFn, *tools: str) -> Scene:
    """Scenes whose price may drift by little and whose leverage is whole, mostly.

    A short that may go out at any price is refused, as is adding to a fraction.
    """
    scene = draw(scenes(*tools))
    if draw(st.integers(0, 7)) == 0:
        return scene
    drift = draw(st.floats(0.001, 5))
    position = scene.state.position
    if position is not None and isinstance(position.leverage, float):
        position = replace(position, leverage=whole(position.leverage))
    return Scene(
        scene.call,
        replace(scene.state, position=position),
        scene.risk.model_copy(update={"max_price_drift_pct": drift}),
    )


def judged(call: ToolCall, state: GateState, risk: RiskConfig) -> Proposal | None:
    """The approved proposal, after what holds of every verdict."""
    verdict = DecisionChecker(risk).judge(call, state)
    refused = any(isinstance(reason, Refusal) for reason in verdict.reasons)
    assert (verdict.proposal is None) is refused is (verdict.status == "refused")
    return verdict.proposal


def others(state: GateState) -> list[Exposure]:
    """Every stake at risk but the proposal's own, as if the gate did not know how to add."""
    items = list(state.exposures)
    position = state.position
    if position is not None:
        items.append(Exposure(PAIR, position.side, position.stake_amount, position.leverage, 1.0))
    return items


def assert_size(proposal: Proposal, state: GateState, risk: RiskConfig) -> None:
    account, stake, items = state.account, proposal.stake_amount, others(state)
    own = stake + sum(item.stake_amount for item in items if item.pair == PAIR)
    promised = sum(item.stake_amount for item in items if item.promised)
    there = sum(item.stake_amount for item in items if not item.promised)
    limit = account.equity / 100 * TOLERANCE
    assert 1 <= proposal.leverage <= min(risk.max_leverage, state.rules.max_leverage)
    assert proposal.leverage == int(proposal.leverage)
    assert own <= risk.max_position_pct * limit
    assert promised + stake <= account.free * TOLERANCE
    assert max(there, account.used_stake) + promised + stake <= risk.max_total_stake_pct * limit
    notional = sum(item.stake_amount * item.leverage for item in items)
    assert notional + stake * proposal.leverage <= risk.max_total_notional_pct * limit
    alike = sum(item.stake_amount for item in items if is_alike(item, proposal, risk))
    assert alike + stake <= risk.max_correlated_pct * limit
    assert stake * proposal.leverage >= state.rules.min_notional
    if state.rules.tiers:
        assert proposal.leverage <= tier_of(own * proposal.leverage / TOLERANCE, state).max_leverage


def tier_of(notional: float, state: GateState) -> LeverageTier:
    """The tier of a position value; there must be one."""
    return next(tier for tier in state.rules.tiers if notional <= tier.max_notional)


def is_alike(item: Exposure, proposal: Proposal, risk: RiskConfig) -> bool:
    if item.pair == PAIR or item.correlation is None or math.isnan(item.correlation):
        return True
    sign = 1 if item.side == proposal.side else -1
    return item.correlation * sign >= risk.max_correlation


def assert_stop(proposal: Proposal, state: GateState, risk: RiskConfig) -> None:
    """The stop in force: on the losing side, near enough, and what it costs at most."""
    position, stop, price = state.position, proposal.stop_price, state.price
    if position is not None:
        price = position.current_rate
        stop = (
            position.stop_price
            if stop is None
            else tighter(stop, position.stop_price, position.side)
        )
    assert stop is not None
    sign = 1 if proposal.side == "long" else -1
    distance = sign * (price - stop) / price
    assert distance > 0
    if position is None:
        kept = (
            [tier_of(proposal.stake_amount * proposal.leverage, state)] if state.rules.tiers else []
        )
        maintenance = kept[0].maintenance_ratio if kept else 0.004
        room = 0.8 * (1 / proposal.leverage - 0.001 - maintenance)
        assert distance <= min(risk.max_stop_pct / 100, room) + 1e-9
    elif position.liquidation_price is not None:
        assert sign * (stop - position.liquidation_price) > 0
    held = position.stake_amount if position else 0.0
    loss = (held + proposal.stake_amount) * proposal.leverage * distance
    assert loss <= state.account.equity * risk.risk_per_trade_pct / 100 * TOLERANCE


@given(likely_scenes())
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_nothing_approved_exceeds_a_limit(scene: Scene) -> None:
    proposal = judged(scene.call, scene.state, scene.risk)
    if proposal is None:
        return
    assert scene.call.pair == scene.state.pair
    if isinstance(scene.call, Entry | Adjust) and not proposal.only_reduces:
        assert_size(proposal, scene.state, scene.risk)
        assert_stop(proposal, scene.state, scene.risk)
    if isinstance(scene.call, Entry):
        promised = sum(item.takes_slot for item in scene.state.exposures)
        assert scene.state.position is None
        assert scene.state.account.open_trades + promised < scene.risk.max_open_trades


@given(scenes())
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_nothing_adds_exposure_while_halted(scene: Scene) -> None:
    halted = replace(scene.state, account=replace(scene.state.account, halted=True))
    proposal = judged(scene.call, halted, scene.risk)
    assert proposal is None or proposal.only_reduces
    assert proposal is None or not isinstance(scene.call, Entry)


@given(likely_scenes("adjust_position", "signal_hold"))
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_a_stop_never_moves_away_from_the_price(scene: Scene) -> None:
    proposal, position = judged(scene.call, scene.state, scene.risk), scene.state.position
    assert position is not None
    if proposal is None or proposal.stop_price is None:
        return
    # Not <: a stop that was no number may be replaced by any.
    if position.side == "long":
        assert not position.stop_price >= proposal.stop_price
        assert proposal.stop_price < position.current_rate
    else:
        assert not position.stop_price <= proposal.stop_price
        assert proposal.stop_price > position.current_rate


@given(positions(odd), risks(), st.lists(st.floats(50, 150), min_size=1, max_size=9))
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_a_booked_stop_never_moves_away_from_the_price(
    position: OpenPosition, risk: RiskConfig, path: list[float]
) -> None:
    assume(isinstance(position.best_rate, float))
    stop = 15.0 if position.side == "long" else 185.0
    position = replace(position, leverage=3.0, stop_price=stop)
    for rate in path:
        best = tighter(position.best_rate, rate, position.side)
        stop = booked_stop(replace(position, current_rate=rate, best_rate=best), risk)
        assert tighter(stop, position.stop_price, position.side) == stop
        assert math.isfinite(stop)
        position = replace(position, best_rate=best, stop_price=stop)


@given(scenes("signal_exit"))
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_getting_out_is_possible_whatever_the_numbers(scene: Scene) -> None:
    """But for a profit that is to be kept for some candles; this one is two hours old."""
    assert judged(scene.call, scene.state, scene.risk) is not None


@given(
    scenes(),
    st.integers(0, 40),
    st.sampled_from([ValueError, KeyError, ZeroDivisionError, RecursionError, OverflowError]),
)
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_an_exception_in_any_check_is_a_refusal(
    scene: Scene, place: int, error: type[Exception]
) -> None:
    def broken(*_: object) -> None:
        raise error

    with _each_list(place, broken):
        assert judged(scene.call, scene.state, scene.risk) is None


@given(scenes(), st.integers(0, 40), WILD | st.text() | st.booleans())
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_an_answer_of_a_check_that_is_no_finding_is_a_refusal(
    scene: Scene, place: int, nonsense: object
) -> None:
    with _each_list(place, lambda *_: nonsense):
        assert judged(scene.call, scene.state, scene.risk) is None


@given(scenes("signal_entry_long", "signal_entry_short"))
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_what_forbids_an_entry_forbids_every_entry(scene: Scene) -> None:
    state = scene.state
    habit = Habit("FLIP_FLOP", serious=True, text="4 sides in 5 decisions")
    for worse in (
        replace(state, habits=(habit,)),
        replace(state, account=replace(state.account, day_start_equity=0.0)),
        replace(state, pair="ETH/USDT:USDT"),
        replace(state, tradable=False),
        replace(state, acted_on=state.candle_at),
        replace(state, now=state.valid_until),
        replace(state, conduct=replace(state.conduct, last_losses={PAIR: state.now})),
        replace(state, position=a_position()),
    ):
        assert judged(scene.call, worse, scene.risk) is None


@contextmanager
def _each_list(place: int, check: Any) -> Iterator[None]:
    """Put a check into every list, at the same place or its end."""
    with pytest.MonkeyPatch.context() as patch:
        for name in LISTS:
            members = list(getattr(checks, name))
            members.insert(min(place, len(members)), check)
            patch.setattr(checks, name, tuple(members))
        yield

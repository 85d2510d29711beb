"""Wherever in its band an order is filled: what the stop costs, and that it comes first."""

import os
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from builders import (
    NOON,
    PAIR,
    RULES,
    a_call,
    a_gate_state,
    a_position,
    a_question,
    a_risk,
    a_world,
    an_account,
)
from llm_modules.config import RiskConfig
from llm_modules.domain import MarketSnapshot, OpenPosition, Side
from llm_modules.engine.book import Booking
from llm_modules.engine.booking import booking_for
from llm_modules.gate.checker import DecisionChecker
from llm_modules.gate.verdict import GateState, Proposal
from llm_modules.market.snapshot import build_snapshot
from scenes import Scene, markets, tame

EXAMPLES = 10_000 if os.environ.get("NIGHTLY") else 2_000
TOLERANCE = 1 + 1e-9
SIDES: st.SearchStrategy[Side] = st.sampled_from(["long", "short"])
LEVERAGES = st.integers(1, 125).map(float) | st.integers(1, 9).map(float) | st.floats(1, 9)
STAKES = st.floats(1, 1e3) | st.just(1e12)
DRIFTS = st.floats(0.001, 5)
# Where the stop lies on the way to losing the whole stake; most interesting where it is allowed.
GAPS = st.floats(0.01, 1) | st.floats(0.4, 0.8)
# Ten thousand examples take a minute or two, on a busy machine more.
pytestmark = pytest.mark.timeout(900)


@cache
def a_snapshot() -> MarketSnapshot:
    """What was known of the market; only its price matters to a booking."""
    question = a_question()
    return build_snapshot(PAIR, NOON, question.frames, question.rules)


def booked(proposal: Proposal, scene: Scene) -> Booking:
    position = scene.state.position
    world = a_world(*([position] if position else []))
    question = a_question(world=world, rules=scene.state.rules)
    snapshot = replace(a_snapshot(), price=scene.state.price)
    booking = booking_for(question, snapshot, proposal, scene.risk)
    assert booking is not None
    return booking


def lost_at_stop(
    booking: Booking, fill: float, stop: float, position: OpenPosition | None
) -> float:
    """What the stop costs from the price of a fill on: amounts of coins times a distance."""
    amount = booking.stake_amount * booking.leverage / fill
    if position is not None:
        amount += position.stake_amount * position.leverage / position.open_rate
    return amount * (fill - stop if booking.side == "long" else stop - fill)


def liquidation(booking: Booking, fill: float, scene: Scene) -> float:
    """Where the exchange would liquidate after a fill, about: from the average entry price."""
    stakes = [(booking.stake_amount, fill)]
    position = scene.state.position
    if position is not None:
        stakes.append((position.stake_amount, position.open_rate))
    stake = sum(part for part, _ in stakes)
    average = stake / sum(part / rate for part, rate in stakes)
    tiers, notional = scene.state.rules.tiers, stake * booking.leverage
    fitting = (tier.maintenance_ratio for tier in tiers if notional <= tier.max_notional)
    kept = (next(fitting) if tiers else 0.004) + 0.001
    sign = 1 if booking.side == "long" else -1
    return average * (1 - sign * (1 / booking.leverage - kept))


def wide_open(drift: float, may_lose: float) -> RiskConfig:
    """Limits under which hardly anything but the stop limits what is asked."""
    return a_risk(
        max_leverage=125.0, max_position_pct=100.0, max_total_stake_pct=100.0,
        max_total_notional_pct=12_500.0, max_correlated_pct=100.0, levels_claim="record",
        max_stop_pct=100.0, max_price_drift_pct=drift, risk_per_trade_pct=min(100.0, may_lose),
    )  # fmt: skip


@st.composite
def places(draw: st.DrawFn, position: OpenPosition | None) -> GateState:
    """An account with nothing else in it, in a market with any tiers and no minimum."""
    account = an_account(used_stake=0.0, open_trades=0)
    rules = replace(draw(st.just(RULES) | markets(tame)), min_notional=0.001)
    return a_gate_state(account=account, position=position, rules=rules)


def stop_of(side: Side, gap: float, leverage: float) -> float:
    """A stop at a part of the way from 100 to where the whole stake would be lost."""
    return max(0.01, 100 - gap * 100 / leverage if side == "long" else 100 + gap * 100 / leverage)


@st.composite
def greedy_entries(draw: st.DrawFn) -> Scene:
    side, leverage = draw(SIDES), draw(LEVERAGES)
    changes = {
        "leverage": draw(st.just(leverage) | st.floats(1, 100)),
        "stake_amount": draw(STAKES),
        "stop_price": stop_of(side, draw(GAPS), leverage),
    }
    call = a_call(f"signal_entry_{side}")
    call = type(call).model_construct(**(call.model_dump() | changes))
    risk = wide_open(draw(DRIFTS), draw(st.floats(0.1, 20)))
    return Scene(call, draw(places(None)), risk)


@st.composite
def greedy_additions(draw: st.DrawFn) -> Scene:
    side, leverage, gap, drift = draw(SIDES), draw(LEVERAGES), draw(GAPS), draw(DRIFTS)
    position = a_position(
        side=side,
        leverage=leverage,
        stake_amount=draw(st.floats(0.1, 50)),
        open_rate=100 * (1 + draw(st.just(0.0) | st.floats(-0.5, 0.5)) / leverage),
        current_rate=100 * (1 + draw(st.floats(-0.99, 0.99)) * drift / 100),
        stop_price=stop_of(side, gap, leverage),
        liquidation_price=None,
    )
    call = a_call("adjust_position", adjustment_pct=100 - draw(st.floats(0, 99)))
    # What the position itself may lose from the worst price, % of 1,000, and room for more.
    may_lose = (gap + leverage * drift / 100) * position.stake_amount / 10
    return Scene(call, draw(places(position)), wide_open(drift, may_lose * draw(st.floats(1, 5))))


@pytest.mark.parametrize(
    "strategy", [greedy_entries(), greedy_additions()], ids=["entry", "addition"]
)
@given(data=st.data(), part=st.floats(0, 1) | st.sampled_from([0.0, 1.0]))
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_wherever_in_its_band_an_order_is_filled_the_stop_costs_its_share_and_comes_first(
    strategy: st.SearchStrategy[Scene], data: st.DataObject, part: float
) -> None:
    scene = data.draw(strategy)
    state, risk, position = scene.state, scene.risk, scene.state.position
    proposal = DecisionChecker(risk).judge(scene.call, state).proposal
    if proposal is None:
        return
    booking = booked(proposal, scene)
    assert booking.leverage == int(booking.leverage)
    assert booking.lowest_price <= state.price <= booking.highest_price
    stop = booking.stop_price
    if position is not None:
        stop = position.stop_price if stop is None else stop
        assert booking.lowest_price <= position.current_rate <= booking.highest_price
    assert stop is not None
    fill = booking.lowest_price + part * (booking.highest_price - booking.lowest_price)
    sign = 1 if booking.side == "long" else -1
    if sign * (fill - stop) <= 0:
        # Such an order is not sent.
        return
    limit = state.account.equity * risk.risk_per_trade_pct / 100
    assert lost_at_stop(booking, fill, stop, position) <= limit * TOLERANCE
    assert sign * (stop - liquidation(booking, fill, scene)) > 0

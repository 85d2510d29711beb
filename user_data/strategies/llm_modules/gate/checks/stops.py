"""Where the stop lies, what it puts at risk, and what is to be won for it."""

from llm_modules.config import RiskConfig
from llm_modules.domain import OpenPosition
from llm_modules.gate.checks.size import lower_stake
from llm_modules.gate.exposure import own_stake
from llm_modules.gate.stops import (
    below,
    farthest_fill,
    farthest_stop,
    liquidation_ratio,
    loss_distance,
    tighter,
)
from llm_modules.gate.tiers import maintenance_margin
from llm_modules.gate.verdict import Clamp, Finding, GateState, Proposal, Refusal
from llm_modules.tools.calls import Entry

ROUNDING = 1e-9


def stop_only_tightens(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Leave the stop of an open position where it is when the new one is looser."""
    stop, position = proposal.stop_price, state.position
    if stop is None or position is None:
        return None
    if stop != position.stop_price and tighter(stop, position.stop_price, position.side) == stop:
        return None
    text = f"stop {stop:g} is not tighter than {position.stop_price:g}; the stop stays"
    return Clamp("STOP_NOT_TIGHTER", text, "stop_price", stop, None)


def leverage_leaves_room(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse a leverage at which liquidation comes before any stop could."""
    if liquidation_ratio(proposal.leverage, _maintenance(proposal, state)) > 0:
        return None
    text = f"at leverage {proposal.leverage:g} liquidation leaves no room for a stop"
    return Refusal("STOP_BEYOND_LIQUIDATION", text)


def stop_near_enough(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Clamp the stop to `max_stop_pct` and to well inside the liquidation price."""
    # The larger the position, the more margin its tier keeps and the earlier it is liquidated.
    maintenance = _maintenance(proposal, state)
    farthest = farthest_stop(state.price, proposal.side, proposal.leverage, risk, maintenance)
    stop = proposal.stop_price
    if stop is None or tighter(stop, farthest, proposal.side) == stop:
        return None
    text = f"stop {stop:g} moved to {farthest:.8g}"
    return Clamp("STOP_TOO_FAR", text, "stop_price", stop, farthest)


def named_stop_on_losing_side(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse a new stop that would trigger at once: at or beyond the latest price known."""
    if proposal.stop_price is None:
        return None
    return _crossed_refusal(proposal.stop_price, proposal, state)


def stop_on_losing_side(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse new exposure whose stop, new or in force, would trigger at once; or without any."""
    stop = _stop_after(proposal, state)
    if stop is None:
        return Refusal("STOP_WRONG_SIDE", "there is no stop")
    return _crossed_refusal(stop, proposal, state)


def risk_within_limit(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Clamp the stake so that the stop costs the position at most `risk_per_trade_pct`.

    Stake x leverage x distance to the stop, from the worst price within `max_price_drift_pct` at
    which the order may still go out; for an addition what is held counts from there too.
    """
    stop, price = _stop_after(proposal, state), _worst_price(proposal, state, risk)
    if stop is None or not loss_distance(price, stop, proposal.side) > 0:
        # Refused as STOP_WRONG_SIDE.
        return None
    # Not the price as a divisor: a short may be allowed to go out at any price down to 0.
    per_stake = proposal.leverage * loss_distance(price, stop, proposal.side)
    may_lose = state.account.equity * risk.risk_per_trade_pct / 100
    room = may_lose * price / per_stake - _held(state, price)
    why = f"{risk.risk_per_trade_pct:g} % of equity lost at the stop"
    return lower_stake("RISK_PER_TRADE", proposal, room, why)


def target_is_worth_it(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse a target nearer than `min_reward_risk` times the stop, or on the losing side."""
    call, stop = proposal.call, proposal.stop_price
    if not isinstance(call, Entry) or call.target_price is None or stop is None:
        return None
    # The stop is final here: moved nearer, it makes the same target worth more.
    reward = -loss_distance(state.price, call.target_price, proposal.side)
    distance = loss_distance(state.price, stop, proposal.side)
    if reward > 0 and reward >= risk.min_reward_risk * distance * (1 - ROUNDING):
        return None
    text = (
        f"target {call.target_price:g} at price {state.price:g} and stop {stop:g} is worth less "
        f"than {risk.min_reward_risk:g} times the risk"
    )
    return Refusal("REWARD_RISK", text)


def stop_before_liquidation(proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse an addition after which liquidation would come before the stop, or near it.

    The exchange's liquidation price counts, and the one estimated for the new average price: with
    the reserve of an entry at the current rate, with less of it at the worst price of the order.
    """
    position, stop = state.position, _stop_after(proposal, state)
    if position is None or stop is None:
        return None
    side, maintenance = position.side, _maintenance(proposal, state)
    # Adding in profit raises the average entry, and the liquidation price with it.
    average = _average_rate(proposal, position, position.current_rate)
    ratio = liquidation_ratio(proposal.leverage, maintenance)
    room = average * ratio
    worst = _average_rate(proposal, position, _worst_price(proposal, state, risk))
    limit = farthest_fill(stop, side, proposal.leverage, maintenance)
    known, least = position.liquidation_price, -ROUNDING * average
    # A ratio of 0 is a position that its tier's margin leaves no room for, wherever its stop is.
    if (
        ratio > 0
        and loss_distance(stop, below(average, room, side), side) >= least
        and loss_distance(limit, worst, side) >= least
        and (known is None or loss_distance(stop, known, side) > 0)
    ):
        return None
    text = f"stop {stop:g} is not well before liquidation; tighten it before adding"
    return Refusal("STOP_BEYOND_LIQUIDATION", text)


def _crossed_refusal(stop: float, proposal: Proposal, state: GateState) -> Finding:
    price = _latest_price(state)
    # Not the opposite of crossed: a price that is no number protects nothing.
    if loss_distance(price, stop, proposal.side) > 0:
        return None
    text = f"stop {stop:g} is on the wrong side of price {price:g} for a {proposal.side}"
    return Refusal("STOP_WRONG_SIDE", text)


def _latest_price(state: GateState) -> float:
    return state.position.current_rate if state.position else state.price


def _worst_price(proposal: Proposal, state: GateState, risk: RiskConfig) -> float:
    """Return the price farthest from the stop at which an order may still go out."""
    drift = state.price * risk.max_price_drift_pct / 100
    if proposal.side == "long":
        return max(_latest_price(state), state.price + drift)
    return min(_latest_price(state), state.price - drift)


def _held(state: GateState, price: float) -> float:
    """Return the stake of the pair itself as it would be had it been entered at this price."""
    stake, position = own_stake(state), state.position
    return stake * max(1.0, price / position.open_rate) if position else stake


def _stop_after(proposal: Proposal, state: GateState) -> float | None:
    """Return the stop that will be in force: the new one, else or if tighter the position's."""
    stop, position = proposal.stop_price, state.position
    if position is None or isinstance(proposal.call, Entry):
        return stop
    return (
        position.stop_price if stop is None else tighter(stop, position.stop_price, proposal.side)
    )


def _maintenance(proposal: Proposal, state: GateState) -> float:
    stake = own_stake(state) + proposal.stake_amount
    return maintenance_margin(state.rules, stake * proposal.leverage)


def _average_rate(proposal: Proposal, position: OpenPosition, rate: float) -> float:
    """Return the average entry price after an addition at a rate."""
    held, added = position.stake_amount, proposal.stake_amount
    return (held + added) * rate / (held * rate / position.open_rate + added)

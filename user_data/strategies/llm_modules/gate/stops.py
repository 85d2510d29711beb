"""How far a stop may be from the entry, which of two is tighter, and which one a position has."""

import math

from llm_modules.config import RiskConfig
from llm_modules.domain import OpenPosition, Side
from llm_modules.gate.tiers import CLOSING_FEE, LOWEST_MAINTENANCE
from llm_modules.gate.verdict import GateState

MARGIN_AT_STOP = 0.8
MARGIN_AT_FILL = 0.95
MAINTENANCE_MARGIN = LOWEST_MAINTENANCE + CLOSING_FEE


def tighter(stop: float, other: float, side: Side) -> float:
    """Return the stop that is nearer to the price: the higher for a long, the lower for a short.

    One that is no number is looser than any.
    """
    if math.isnan(stop) or math.isnan(other):
        return other if math.isnan(stop) else stop
    return max(stop, other) if side == "long" else min(stop, other)


def below(price: float, distance: float, side: Side) -> float:
    """Return the price that is a distance away on the side that loses."""
    return price - distance if side == "long" else price + distance


def loss_distance(price: float, stop: float, side: Side) -> float:
    """Return how far the price may go against a position until its stop, negative beyond it."""
    return price - stop if side == "long" else stop - price


def liquidation_ratio(leverage: float, maintenance: float) -> float:
    """Return how far a stop may be without coming near liquidation, as a ratio of the entry price.

    Liquidation lies at about 1 / leverage less the maintenance margin (Binance, isolated); 0
    where the leverage leaves no room.
    """
    return MARGIN_AT_STOP * max(0.0, 1 / leverage - maintenance)


def farthest_stop(
    price: float,
    side: Side,
    leverage: float,
    risk: RiskConfig,
    maintenance: float = MAINTENANCE_MARGIN,
) -> float:
    """Return the farthest stop for an entry at a price: `max_stop_pct`, well inside liquidation."""
    ratio = min(risk.max_stop_pct / 100, liquidation_ratio(leverage, maintenance))
    return below(price, price * ratio, side)


def farthest_fill(stop: float, side: Side, leverage: float, maintenance: float) -> float:
    """Return the worst price of an entry at which its stop would still come before liquidation.

    Estimated as in `liquidation_ratio`, with less in reserve: the stop was placed by that.
    """
    ratio = MARGIN_AT_FILL * max(0.0, 1 / leverage - maintenance)
    return stop / (1 - ratio) if side == "long" else stop / (1 + ratio)


def default_stop(state: GateState, side: Side, leverage: float, risk: RiskConfig) -> float:
    """Return the stop of an entry that names none.

    It lies `stop_atr_margin` ATRs beyond the support of a long or the resistance of a short, if
    that is on the losing side and not too far; else as far as allowed.
    """
    farthest = farthest_stop(state.price, side, leverage, risk)
    level = state.fact("support" if side == "long" else "resistance")
    atr_pct = state.fact("atr_pct")
    if level is None or atr_pct is None:
        return farthest
    stop = below(level, risk.stop_atr_margin * atr_pct / 100 * state.price, side)
    return farthest if is_crossed(stop, state.price, side) else tighter(stop, farthest, side)


def booked_stop(position: OpenPosition, risk: RiskConfig) -> float:
    """Return the stop a position must have at least, whatever was forgotten since its entry.

    The thesis kept with the trade names it; a trade without one gets the farthest allowed. Once
    the best price is far enough in profit, the stop trails it.
    """
    side = position.side
    limit = farthest_stop(position.open_rate, side, position.leverage, risk)
    stop = tighter(position.stop_price, limit, side)
    named = position.thesis.stop_price if position.thesis else None
    # The thesis remembers the stop of the entry even if Freqtrade's own was never placed.
    for candidate in (named, trailing_stop(position, risk)):
        if candidate is not None:
            stop = tighter(stop, candidate, side)
    return stop


def trailing_stop(position: OpenPosition, risk: RiskConfig) -> float | None:
    """Return the stop `trailing_give_back_pct` behind the best price; None while it does not trail.

    It starts once the best price is `trailing_activate_pct` better than the entry's.
    """
    # The configuration has both or neither; best_rate comes from outside.
    start, give_back = risk.trailing_activate_pct, risk.trailing_give_back_pct
    best = position.best_rate
    if start is None or give_back is None or not 0 < best < math.inf:
        return None
    gain = -loss_distance(position.open_rate, best, position.side)
    if not gain >= position.open_rate * start / 100:
        return None
    return below(best, best * give_back / 100, position.side)


def is_crossed(stop: float, price: float, side: Side) -> bool:
    """Tell whether the price is at the stop or beyond it."""
    return price <= stop if side == "long" else price >= stop

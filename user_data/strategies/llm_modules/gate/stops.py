"""How far a stop may be from the entry, which of two is tighter, and which one a position has."""

from llm_modules.config import RiskConfig
from llm_modules.domain import OpenPosition, Side

MARGIN_AT_STOP = 0.8
# Binance's lowest tier asks 0.4 %, and the taker fee to close comes on top.
MAINTENANCE_MARGIN = 0.005


def tighter(stop: float, other: float, side: Side) -> float:
    """Return the stop that is nearer to the price: the higher for a long, the lower for a short."""
    return max(stop, other) if side == "long" else min(stop, other)


def farthest_ratio(leverage: float, risk: RiskConfig) -> float:
    """Return how far from the entry a stop may be, as a ratio of the entry price.

    The first limit is `max_stop_pct`. The second keeps the stop inside the liquidation price,
    which lies at about 1 / leverage less the maintenance margin (Binance, isolated).
    """
    return min(risk.max_stop_pct / 100, MARGIN_AT_STOP * (1 / leverage - MAINTENANCE_MARGIN))


def farthest_stop(price: float, side: Side, leverage: float, risk: RiskConfig) -> float:
    """Return the farthest stop allowed for an entry at a price."""
    distance = price * farthest_ratio(leverage, risk)
    return price - distance if side == "long" else price + distance


def booked_stop(position: OpenPosition, risk: RiskConfig) -> float:
    """Return the stop a position must have at least, whatever was forgotten since its entry.

    The thesis kept with the trade names it; a trade without one gets the farthest allowed.
    """
    limit = farthest_stop(position.open_rate, position.side, position.leverage, risk)
    stop = tighter(position.stop_price, limit, position.side)
    named = position.thesis.stop_price if position.thesis else None
    return stop if named is None else tighter(stop, named, position.side)


def is_crossed(stop: float, price: float, side: Side) -> bool:
    """Tell whether the price is at the stop or beyond it."""
    return price <= stop if side == "long" else price >= stop

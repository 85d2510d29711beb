"""Where the price went during a trade, seen from the trade's side and its thesis."""

from typing import NamedTuple

from llm_modules.domain import ClosedTrade, Side, Thesis
from llm_modules.learning.booked_risk import booked_stop

STOP = "stop"
# Of the price, for both orders: Freqtrade's open profit, and so MAE, counts them from the start.
FEES_RATIO = 0.001


class Level(NamedTuple):
    """A price the thesis relied on, with the word for it."""

    name: str
    price: float


def direction_was_right(trade: ClosedTrade) -> bool:
    """Say whether the best open profit outweighed the worst open loss."""
    # Not by the result: a good direction can be given back, and a bad one can be saved by luck.
    return trade.mfe_ratio > -trade.mae_ratio


def worst_rate(trade: ClosedTrade) -> float:
    """Return the rate at which MAE was seen: the entry moved by MAE less fees, over leverage.

    Exact for a trade of one entry only, because additions move the mean entry afterwards.
    """
    against = -min(0.0, trade.mae_ratio / trade.leverage + FEES_RATIO)
    towards_loss = -1 if trade.side == "long" else 1
    return trade.open_rate * (1 + towards_loss * against)


def broken_level(trade: ClosedTrade) -> Level | None:
    """Return the level of the thesis that the closing price had reached from the losing side.

    The key level is asked before the stop because it is meant to give way first. None while the
    thesis held, or when there was none.
    """
    if trade.thesis is None:
        return None
    levels = (key_level(trade.thesis, trade.side), Level(STOP, booked_stop(trade)))
    reached = (level for level in levels if has_reached(trade.close_rate, level.price, trade.side))
    return next(reached, None)


def key_level(thesis: Thesis, side: Side) -> Level:
    """Return the level that had to hold: support under a long, resistance over a short."""
    if side == "long":
        return Level("support", thesis.key_support)
    return Level("resistance", thesis.key_resistance)


def has_reached(rate: float, level: float, side: Side) -> bool:
    """Say whether a rate has reached a level that must hold, or has passed it."""
    return rate <= level if side == "long" else rate >= level

"""Where the price went during a trade, seen from the trade's side and its thesis."""

from typing import NamedTuple

from llm_modules.domain import ClosedTrade, Side, Thesis
from llm_modules.learning.booked_risk import booked_stop

STOP = "stop"


class Level(NamedTuple):
    """A price the thesis relied on, with the word for it."""

    name: str
    price: float


def direction_was_right(trade: ClosedTrade) -> bool:
    """Say whether the best open profit outweighed the worst open loss."""
    # Not by the result: a good direction can be given back, and a bad one can be saved by luck.
    return trade.mfe_ratio > -trade.mae_ratio


def broken_level(trade: ClosedTrade) -> Level | None:
    """Return the level of the thesis that the closing price had reached from the losing side.

    The key level is asked before the stop because it is meant to give way first. None while the
    thesis held, or when there was none.
    """
    if trade.thesis is None:
        return None
    levels = (key_level(trade.thesis, trade.side), Level(STOP, booked_stop(trade)))
    return next((level for level in levels if _is_broken(level, trade)), None)


def key_level(thesis: Thesis, side: Side) -> Level:
    """Return the level that had to hold: support under a long, resistance over a short."""
    if side == "long":
        return Level("support", thesis.key_support)
    return Level("resistance", thesis.key_resistance)


def _is_broken(level: Level, trade: ClosedTrade) -> bool:
    if trade.side == "long":
        return trade.close_rate <= level.price
    return trade.close_rate >= level.price

"""When a market and a position count as unchanged; docs/asking.md lists what is compared.

Whatever is not known at one of the two times counts as changed: doubt is a reason to ask.
"""

import math
from collections.abc import Mapping

from llm_modules.config import TIMEFRAMES, AskingConfig
from llm_modules.domain import OpenPosition
from llm_modules.journal.records import DecisionRecord, Held

Facts = Mapping[str, float]

# Of every timeframe that tells them.
POINTS = frozenset({"rsi", "adx", "mfi"})
SIGNS = frozenset({"ema_gap_pct", "macd_pct", "macd_hist_pct", "funding_rate_pct"})
# An exchange's tick is less than this; no stop is moved by so little on purpose.
STOP_ROUNDING = 1e-4
# Makes differences like 0.3 exact again, which floats miss by a hair.
_DECIMALS = 9


def same_market(then: Facts, now: Facts, limits: AskingConfig) -> bool:
    """Tell whether price and indicators are what they were, within the limits; never raises.

    Both hold the price beside the facts of a snapshot, as a decision's record does.
    """
    moved_pct = price_change_pct(then, now)
    if moved_pct is None or not abs(moved_pct) < limits.same_price_pct:
        return False
    names = [name for name in then.keys() | now.keys() if _stem(name) in POINTS | SIGNS]
    return all(_is_alike(name, then, now, limits) for name in names)


def price_change_pct(then: Facts, now: Facts) -> float | None:
    """Return by how many percent the price moved, None where one of the two is not known."""
    before, after = then.get("price"), now.get("price")
    if before is None or after is None or before <= 0:
        return None
    return round((after / before - 1) * 100, _DECIMALS)


def same_position(
    asked: DecisionRecord, position: OpenPosition | None, limits: AskingConfig
) -> bool:
    """Tell whether the pair is still flat, or holds the same with its stop and about its profit."""
    if not same_size(asked, position):
        return False
    held, profit_ratio = asked.held, asked.profit_ratio
    if position is None or held is None or profit_ratio is None:
        return position is None
    if not math.isclose(held.stop_price, position.stop_price, rel_tol=STOP_ROUNDING):
        return False
    gained_points = round((position.profit_ratio - profit_ratio) * 100, _DECIMALS)
    return abs(gained_points) < limits.same_profit_points


def same_size(asked: DecisionRecord, position: OpenPosition | None) -> bool:
    """Tell whether the pair holds what was asked about, neither grown nor reduced since."""
    held = asked.held
    if position is None or held is None:
        return position is None and asked.stance == "flat"
    was = (asked.trade_id, held.entries, held.adjustments)
    return was == (position.trade_id, position.entries, position.adjustments)


def held_of(position: OpenPosition | None) -> Held | None:
    """Return what a record keeps of a position; None without one, or where its stop is unknown."""
    if position is None or not math.isfinite(position.stop_price):
        return None
    return Held(
        entries=position.entries,
        adjustments=position.adjustments,
        stop_price=position.stop_price,
    )


def _is_alike(name: str, then: Facts, now: Facts, limits: AskingConfig) -> bool:
    before, after = then.get(name), now.get(name)
    if before is None or after is None:
        return False
    if _stem(name) in SIGNS:
        return _sign(before) == _sign(after)
    return abs(round(after - before, _DECIMALS)) < limits.same_indicator_points


def _stem(name: str) -> str:
    """Return a fact's name without its timeframe: `rsi` of `rsi_1h`."""
    stem, _, timeframe = name.rpartition("_")
    return stem if timeframe in TIMEFRAMES else name


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)

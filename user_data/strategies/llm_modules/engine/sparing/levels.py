"""The price levels that a model named for a position: beyond one of them it is always asked."""

import re
from collections.abc import Mapping

from llm_modules.domain import OpenPosition, Side, Thesis
from llm_modules.gate.stops import is_crossed

_OTHER: Mapping[Side, Side] = {"long": "short", "short": "long"}
# The comma of 95,000 is no decimal point.
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def is_beyond_a_level(position: OpenPosition, then: float, now: float) -> bool:
    """Tell whether a price is at or beyond a level of the position or of its thesis.

    `then` is the price when the model was last asked: the invalidation is prose, and a number in
    it counts as passed when the price went through it since.
    """
    side, thesis = position.side, position.thesis
    if is_crossed(position.stop_price, now, side):
        return True
    if thesis is None:
        return False
    if not thesis.key_support < now < thesis.key_resistance:
        return True
    return _is_past_stop_or_target(thesis, now, side) or _is_invalidated(thesis, then, now)


def _is_past_stop_or_target(thesis: Thesis, price: float, side: Side) -> bool:
    stop, target = thesis.stop_price, thesis.target_price
    stopped = stop is not None and is_crossed(stop, price, side)
    return stopped or (target is not None and is_crossed(target, price, _OTHER[side]))


def _is_invalidated(thesis: Thesis, then: float, now: float) -> bool:
    text = _THOUSANDS.sub("", thesis.invalidation or "")
    low, high = min(then, now), max(then, now)
    return any(low <= float(number) <= high for number in _NUMBER.findall(text))

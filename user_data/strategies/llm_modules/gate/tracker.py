"""PositionTracker: what must be remembered of an open position between two looks at it."""

from dataclasses import replace

from llm_modules.domain import OpenPosition
from llm_modules.gate.stops import tighter


class PositionTracker:
    """Keeps MFE, MAE and the stop of each open trade; none of them ever moves back.

    Freqtrade's database holds the extremes and the stop too, so a new tracker that has observed
    each open trade once knows what the old one knew. Called from Freqtrade's thread only.
    """

    def __init__(self) -> None:
        self._positions: dict[int, OpenPosition] = {}

    def observe(self, position: OpenPosition) -> OpenPosition:
        """Merge a fresh look at a trade with what was seen before, and return the result."""
        known = self._positions.get(position.trade_id)
        if known is not None:
            position = replace(
                position,
                mfe_ratio=max(position.mfe_ratio, known.mfe_ratio, position.profit_ratio),
                mae_ratio=min(position.mae_ratio, known.mae_ratio, position.profit_ratio),
                stop_price=tighter(position.stop_price, known.stop_price, position.side),
            )
        self._positions[position.trade_id] = position
        return position

    def tighten(self, trade_id: int, stop_price: float) -> None:
        """Move the stop of a trade towards the price; a looser stop changes nothing."""
        known = self._positions.get(trade_id)
        if known is not None:
            nearer = tighter(known.stop_price, stop_price, known.side)
            self._positions[trade_id] = replace(known, stop_price=nearer)

    def get(self, trade_id: int) -> OpenPosition | None:
        """Return the latest known state of a trade, or None when it was never observed."""
        return self._positions.get(trade_id)

    def forget(self, trade_id: int) -> OpenPosition | None:
        """Drop a closed trade and return what was known of it."""
        return self._positions.pop(trade_id, None)

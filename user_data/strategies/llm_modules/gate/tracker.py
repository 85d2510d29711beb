"""PositionTracker: what must be remembered of an open position between two looks at it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from llm_modules.domain import OpenPosition
from llm_modules.gate.stops import tighter


@dataclass(frozen=True, slots=True)
class PastStop:
    """A stop that was approved for a trade before a restart."""

    trade_id: int
    at: datetime
    stop_price: float


class PositionTracker:
    """Keeps MFE, MAE and the stop of each open trade; none of them ever moves back.

    What it has seen is stored with each trade in Freqtrade's database, and approved stops are in
    the journal, so a new tracker that has observed each open trade once knows what the old one
    knew. Called from Freqtrade's thread only.
    """

    def __init__(self) -> None:
        self._positions: dict[int, OpenPosition] = {}
        self._past_stops: tuple[PastStop, ...] = ()

    def remember(self, past_stops: Iterable[PastStop]) -> None:
        """Take in the stops approved before a restart; they count from the first observation."""
        self._past_stops = tuple(past_stops)

    def observe(self, position: OpenPosition) -> OpenPosition:
        """Merge a fresh look at a trade with what was seen before, and return the result."""
        known = self.known(position)
        position = self._with_past_stops(position) if known is None else _merged(position, known)
        self._positions[position.trade_id] = position
        return position

    def known(self, position: OpenPosition) -> OpenPosition | None:
        """Return what was seen of this very trade; the id of a deleted one is given anew."""
        known = self._positions.get(position.trade_id)
        if known is None or (known.pair, known.opened_at) != (position.pair, position.opened_at):
            return None
        return known

    def keep_only(self, trade_ids: Collection[int]) -> None:
        """Drop what is not open any more and was never reported as closed."""
        self._positions = {key: it for key, it in self._positions.items() if key in trade_ids}

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

    def _with_past_stops(self, position: OpenPosition) -> OpenPosition:
        stop = position.stop_price
        for past in self._past_stops:
            # A new database counts its trades from 1 again.
            if past.trade_id == position.trade_id and past.at >= position.opened_at:
                stop = tighter(stop, past.stop_price, position.side)
        return _merged(replace(position, stop_price=stop), position)


def _merged(position: OpenPosition, known: OpenPosition) -> OpenPosition:
    return replace(
        position,
        mfe_ratio=max(position.mfe_ratio, known.mfe_ratio, position.profit_ratio),
        mae_ratio=min(position.mae_ratio, known.mae_ratio, position.profit_ratio),
        stop_price=tighter(position.stop_price, known.stop_price, position.side),
    )

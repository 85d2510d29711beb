"""DecisionBook: approved decisions waiting for Freqtrade to act on them.

Written by the decision thread, read by Freqtrade's. Reading does not take: Freqtrade may still
meet a lock or a full slot, and the retry of an unfilled order must find the same numbers. A
booking ends when its order is filled (an exit: when its trade is closed), when its time is over,
or when a newer one replaces it.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from llm_modules.domain import Side, Thesis

BookingKind = Literal["entry", "exit", "adjust"]


@dataclass(frozen=True, slots=True)
class Booking:
    """One approved decision in the exchange's terms; stake and prices in quote currency.

    `stake_amount` is margin, negative to reduce, 0 for an exit. An entry is only good while the
    price lies within `lowest_price` and `highest_price`.
    """

    decision_id: str
    kind: BookingKind
    tool: str
    pair: str
    side: Side
    leverage: float
    stake_amount: float
    stop_price: float | None
    lowest_price: float
    highest_price: float
    candle_at: datetime
    valid_until: datetime
    trade_id: int | None = None
    thesis: Thesis | None = None
    model_score: float | None = None
    reason: str = ""


class DecisionBook:
    """At most one booking per pair; safe to use from two threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._open: dict[str, Booking] = {}
        self._settled: list[tuple[int, Booking]] = []
        self._stops: dict[int, float] = {}
        self._acted_on: dict[str, datetime] = {}
        self._attempts: dict[str, tuple[str, int]] = {}

    def put(self, booking: Booking) -> Booking | None:
        """Book a decision; returns the booking of the pair that it replaces, if any."""
        with self._mutex:
            replaced = self._open.get(booking.pair)
            self._open[booking.pair] = booking
            if booking.kind != "exit":
                self._acted_on[booking.pair] = booking.candle_at
            return replaced

    def acted_on(self, pair: str) -> datetime | None:
        """Return the newest candle on which an entry or adjustment of the pair was booked."""
        with self._mutex:
            return self._acted_on.get(pair)

    def remember(self, candles: Mapping[str, datetime]) -> None:
        """Take in the candles that were acted on before a restart, by pair."""
        with self._mutex:
            self._acted_on |= candles

    def look(self, pair: str, kind: BookingKind, now: datetime) -> Booking | None:
        """Return the pair's booking of this kind while it is valid, without taking it."""
        with self._mutex:
            booking = self._open.get(pair)
        if booking is None or booking.kind != kind or now >= booking.valid_until:
            return None
        return booking

    def attempt(self, booking: Booking) -> int:
        """Count an order that is about to go out for a booking; returns which one it is, from 1."""
        with self._mutex:
            decision_id, count = self._attempts.get(booking.pair, ("", 0))
            count = count + 1 if decision_id == booking.decision_id else 1
            self._attempts[booking.pair] = booking.decision_id, count
            return count

    def settle(self, pair: str, tool: str, version: int) -> Booking | None:
        """Take the pair's booking of this tool: its order was filled.

        Orders carry the tool as their tag, so an order made by hand settles nothing. `version` is
        that of the account state known now: until a newer one is observed, the booking still
        counts as reserved.
        """
        with self._mutex:
            booking = self._open.get(pair)
            # A partly filled exit leaves the rest open: exits end with their trade.
            if booking is None or booking.tool != tool or booking.kind == "exit":
                return None
            del self._open[pair]
            # A picture of this very version was taken before the fill.
            self._settled.append((version, booking))
            return booking

    def withdraw(self, pair: str) -> Booking | None:
        """Take the pair's booking back unfilled."""
        with self._mutex:
            return self._open.pop(pair, None)

    def withdraw_adding(self) -> tuple[Booking, ...]:
        """Take back every booking that would add exposure."""
        with self._mutex:
            adding = tuple(item for item in self._open.values() if item.stake_amount > 0)
            for booking in adding:
                del self._open[booking.pair]
        return adding

    def clear(self) -> tuple[Booking, ...]:
        """Take everything back unfilled."""
        with self._mutex:
            left = tuple(self._open.values())
            self._open.clear()
        return left

    def expire(self, now: datetime, busy_pairs: Collection[str]) -> tuple[Booking, ...]:
        """Remove and return bookings whose time is over; pairs with an open order are spared."""
        with self._mutex:
            over = [
                booking
                for pair, booking in self._open.items()
                if now >= booking.valid_until and pair not in busy_pairs
            ]
            for booking in over:
                del self._open[booking.pair]
        return tuple(over)

    def promised(self, version: int) -> tuple[Booking, ...]:
        """Return the bookings that are not yet in the account state of this version."""
        with self._mutex:
            self._settled = [(at, booking) for at, booking in self._settled if at >= version]
            return (*self._open.values(), *(booking for _, booking in self._settled))

    # A mailbox: the tracker belongs to Freqtrade's thread, stops come from the other one.

    def put_stop(self, trade_id: int, stop_price: float) -> None:
        """Leave a tightened stop for a trade."""
        with self._mutex:
            self._stops[trade_id] = stop_price

    def take_stop(self, trade_id: int) -> float | None:
        """Take the stop that was left for a trade, if any."""
        with self._mutex:
            return self._stops.pop(trade_id, None)

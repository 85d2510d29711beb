"""Orders as the simulated exchange sees them, and what may become of one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from llm_modules.domain import Side
from llm_modules.engine.book import BookingKind

# `open`: it waits for the next loop. `partial`: one half was filled, the rest cancelled.
Fate = Literal["filled", "partial", "open", "cancelled", "rejected"]
FILLED_PART = 0.5


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt to carry a booking out; `stake` is margin, negative to reduce, 0 for an exit.

    `price` is the one at which it was sent; `decision_id` is empty for an exit nobody decided.
    """

    decision_id: str
    kind: BookingKind
    tag: str
    pair: str
    side: Side
    leverage: float
    stake: float
    trade_id: int | None
    at: datetime
    price: float

    @property
    def adds(self) -> bool:
        """Whether filling it adds exposure."""
        return self.stake > 0


Venue = Callable[[Order], Fate]


def fills_all(_order: Order) -> Fate:
    """Be an exchange on which nothing goes wrong."""
    return "filled"

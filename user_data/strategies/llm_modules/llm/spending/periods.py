"""Days and months of UTC, and what was spent in them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Self

Span = Literal["day", "month"]
SPANS: tuple[Span, ...] = ("day", "month")


@dataclass(frozen=True, slots=True)
class Period:
    """From its first moment up to, and not including, its end."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, span: Span, at: datetime) -> Self:
        """Return the day or month of UTC that a time lies in."""
        midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if span == "day":
            return cls(midnight, midnight + timedelta(days=1))
        first = midnight.replace(day=1)
        # 32 days on it is another month, whichever this one is.
        return cls(first, (first + timedelta(days=32)).replace(day=1))


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens, prompt and answer together, and US dollars of requests whose price is known."""

    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.tokens + other.tokens, self.usd + other.usd)


NOTHING = Spent()

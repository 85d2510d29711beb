"""What the pairs of a run are called, priced and dated in disguise."""

import hashlib
import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

# Fictional beyond doubt, a Monday, and before there was any such market.
FIRST_DAY = datetime(2001, 1, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)
FIRST_PRICE = 100.0
# Multiplying and dividing by these ends after a few decimals, so that ticks and lots stay exact.
# One is not among them: 90815.5 would still show in 90.8155.
DIGITS = tuple(map(Decimal, ("1.25", "1.6", "2", "2.5", "3.2", "4", "5", "6.4", "8")))


@dataclass(frozen=True, slots=True)
class Disguise:
    """Names by real pair, factors by real pair; a masked date is the real one minus `shift`.

    A masked price is the real one times its factor, a masked amount the real one divided by it:
    what both are worth stays the same.
    """

    names: Mapping[str, str]
    factors: Mapping[str, Decimal]
    volume_factors: Mapping[str, float]
    shift: timedelta


def names_of(pairs: Sequence[str]) -> dict[str, str]:
    """Return A, B, C ... by pair, in an order that depends on all of them and tells nothing."""
    # Not the order of a whitelist: that usually begins with the same two coins.
    everybody = "\n".join(sorted(pairs))
    shuffled = sorted(
        pairs, key=lambda pair: hashlib.sha256(f"{everybody}\n{pair}".encode()).digest()
    )
    return {
        pair: f"{letters(place)}/{pair.partition('/')[2]}" for place, pair in enumerate(shuffled)
    }


def letters(place: int) -> str:
    """Return A for 0, Z for 25, AA for 26."""
    later, last = divmod(place, len(string.ascii_uppercase))
    return (letters(later - 1) if later else "") + string.ascii_uppercase[last]


def factor_for(price: float) -> Decimal:
    """Return the factor of few digits that brings a price nearest to a hundred."""
    exponent = math.floor(math.log10(FIRST_PRICE / price))
    factors = [digits.scaleb(exponent + more) for more in (-1, 0, 1) for digits in DIGITS]
    return min(factors, key=lambda factor: abs(math.log(float(factor) * price / FIRST_PRICE)))


def shift_for(start: datetime) -> timedelta:
    """Return the whole weeks between a start and the first week of 2001."""
    return (start - FIRST_DAY) // WEEK * WEEK

"""What a month will have cost when it is over, if it goes on like this."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.periods import Period
from llm_modules.llm.spending.totals import first_request, total

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Projection:
    """US dollars of the whole month, and in words how they were reckoned."""

    usd: float
    method: str


def projection(ledger: Ledger, now: datetime, *, is_sandbox: bool | None = None) -> Projection:
    """Project the month of now: by the mean of its full days, or by its hours while it has none.

    Days on which nothing was asked count, those before the ledger's first do not. `is_sandbox`
    False leaves the sandbox out, True all else. Raises JournalError.
    """
    month, today = Period.around("month", now), Period.around("day", now)
    begun = max(month.start, first_request(ledger, is_sandbox=is_sandbox) or now)
    spent = partial(total, ledger, is_sandbox=is_sandbox)
    first_day = Period.around("day", begun)
    # The day on which it all began is not a full one.
    start = first_day.start if first_day.start == begun else first_day.end
    full_days = (today.start - start).days
    if full_days < 1:
        return _by_hours(spent(begun, month.end).usd, begun, month.end, now)
    mean = spent(start, today.start).usd / full_days
    before = spent(month.start, today.start).usd
    of_today = max(mean, spent(today.start, today.end).usd)
    days_left = (month.end - today.end).days
    method = f"by the mean of {full_days} full day{'s' * (full_days > 1)}"
    return Projection(before + of_today + mean * days_left, method)


def _by_hours(spent: float, begun: datetime, end: datetime, now: datetime) -> Projection:
    hours = max(1.0, (now - begun) / HOUR)
    left = max(0.0, (end - now) / HOUR)
    return Projection(spent * (1 + left / hours), f"by the last {hours:.0f} h, no day is full yet")

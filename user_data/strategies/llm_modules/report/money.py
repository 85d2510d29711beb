"""What asking the model took, day by day, from the ledger."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from math import fsum
from pathlib import Path

from llm_modules.errors import JournalError
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.totals import NO_REQUESTS, Total, dated_costs, total
from llm_modules.report.span import Span


@dataclass(frozen=True, slots=True)
class Spent:
    """Requests of a span in all, and US dollars by hour of UTC; `problem`: why none are known."""

    whole: Total
    hours: Sequence[tuple[datetime, float]] = ()
    problem: str = ""

    @property
    def days(self) -> tuple[tuple[date, float], ...]:
        """What was spent on each day of UTC that anything was asked."""
        found: defaultdict[date, list[float]] = defaultdict(list)
        for at, usd in self.hours:
            found[at.date()].append(usd)
        # Exact in any order, so that the days come to the whole.
        return tuple((day, fsum(found[day])) for day in sorted(found))


def spent(path: Path, span: Span) -> Spent:
    """Read what a span took; a ledger that cannot be read leaves it unknown."""
    # Opened for one question: the running bot writes to it all the while.
    with closing(Ledger(path)) as ledger:
        try:
            whole = total(ledger, span.since, span.until, span.mode)
            return Spent(whole, dated_costs(ledger, span.since, span.until, span.mode))
        except JournalError as error:
            return Spent(NO_REQUESTS, problem=str(error))

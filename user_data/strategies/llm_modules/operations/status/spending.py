"""What asking has cost today and what is left of the budget, from the ledger's sums alone."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from llm_modules.llm.spending.budget import Limit
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.left import left_of
from llm_modules.llm.spending.periods import Period
from llm_modules.llm.spending.totals import total
from llm_modules.operations.status.facts import CostFacts


def cost_facts(
    path: Path, limits: Sequence[Limit] | None, now: datetime, *, is_sandbox: bool
) -> CostFacts:
    """Return what was spent and what may still be; `limits` is None where nobody can read them.

    Raises JournalError for a damaged ledger.
    """
    ledger = Ledger(path)
    try:
        today = Period.around("day", now)
        spent = total(ledger, today.start, today.end, is_sandbox=is_sandbox)
        left = (
            None
            if limits is None
            else tuple(left_of(limit, ledger, now, is_sandbox=is_sandbox) for limit in limits)
        )
    finally:
        ledger.close()
    return CostFacts(spent.usd, spent.requests, spent.unpriced, left)

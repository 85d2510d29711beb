"""What asking has cost today and what is left of the budget, from the ledger's sums alone."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llm_modules.config import BudgetConfig
from llm_modules.llm.spending.budget import Limit, limits_of
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.periods import Period
from llm_modules.llm.spending.totals import total
from llm_modules.operations.asking.costing import BudgetLeft
from llm_modules.operations.settings.reading import value_at
from llm_modules.operations.status.facts import CostFacts


def cost_facts(
    path: Path, settings: Mapping[str, Any], now: datetime, *, is_sandbox: bool
) -> CostFacts:
    """Return what was spent and what may still be; raises JournalError for a damaged ledger."""
    ledger = Ledger(path)
    try:
        today = Period.around("day", now)
        spent = total(ledger, today.start, today.end, is_sandbox=is_sandbox)
        left = tuple(
            _left(ledger, limit, now, is_sandbox=is_sandbox) for limit in _limits(settings)
        )
    finally:
        ledger.close()
    return CostFacts(spent.usd, spent.requests, spent.unpriced, left)


def _limits(settings: Mapping[str, Any]) -> tuple[Limit, ...]:
    found = value_at(settings, "llm_config.budget") or {}
    try:
        return limits_of(BudgetConfig.model_validate(found))
    except ValidationError:
        # `check` says what is wrong with it; a bot would not start so.
        return ()


def _left(ledger: Ledger, limit: Limit, now: datetime, *, is_sandbox: bool) -> BudgetLeft:
    period = Period.around(limit.span, now)
    found = total(ledger, period.start, period.end, is_sandbox=is_sandbox)
    spent = found.usd if limit.unit == "usd" else found.tokens
    left = max(0.0, limit.amount - spent)
    return BudgetLeft(limit.key, limit.amount, spent, left, f"{period.end:%Y-%m-%d %H:%M} UTC")

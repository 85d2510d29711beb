"""Scenes around money: expenses, a ledger with rows, a meter with a clock that is set by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from builders import NOON, PAIR
from llm_modules.config import BudgetConfig, PriceConfig
from llm_modules.dialogue import Expense, Inquiry, Usage
from llm_modules.llm.spending.budget import limits_of
from llm_modules.llm.spending.ledger import Ledger, row_of
from llm_modules.llm.spending.prices import PriceList, Prices
from llm_modules.llm.spending.spending import Spending

MODEL = "test-model"
# A dollar for a million tokens of any sort: costs are tokens.
FLAT = PriceConfig(input=1.0, output=1.0)
LONGEST_ANSWER = 1000


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def jump(self, **by: float) -> None:
        self.now += timedelta(**by)


def an_expense(**changes: Any) -> Expense:
    usage = Usage(prompt_tokens=1000, completion_tokens=100)
    return replace(Expense(NOON, "compatible", MODEL, 0.5, usage), **changes)


def an_inquiry(**changes: Any) -> Inquiry:
    return replace(Inquiry(PAIR, "d-1", "flat"), **changes)


def prices(**own: PriceConfig) -> Prices:
    return Prices(PriceList(checked=date(2026, 1, 1), provider=[]), own)


def a_meter(path: Path, clock: Clock | None = None, **changes: Any) -> Spending:
    """A meter that knows the price of the test's model; budget keys are named as such."""
    known = changes.pop("prices", prices(**{MODEL: FLAT}))
    mode = changes.pop("mode", "dry_run")
    return Spending(
        known,
        Ledger(path),
        limits_of(BudgetConfig(**changes)),
        mode=mode,
        longest_answer=LONGEST_ANSWER,
        clock=clock or Clock(),
    )


def enter(
    path: Path, *, mode: str = "dry_run", inquiry: Inquiry | None = None, **changes: Any
) -> int:
    """Write one request into a ledger and return its id; it cost a cent unless told otherwise."""
    values: dict[str, Any] = {"cost": 0.01, "at": NOON} | changes
    ledger = Ledger(path)
    try:
        return ledger.add(row_of(inquiry or an_inquiry(), an_expense(**values), mode))
    finally:
        ledger.close()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)

"""How many decisions there were, what became of them, and what the model took."""

from llm_modules.backtest.costs import DOLLARS
from llm_modules.backtest.outcome import Outcome
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.journals import Journals
from llm_modules.backtest.report.numbers import MISSING, dollars, percent
from llm_modules.journal.records import DecisionStatus

MEANINGS: dict[DecisionStatus, str] = {
    "approved": "approved as called",
    "clamped": "approved within limits",
    "refused": "refused by the gate",
    "failed": "failed, no usable answer",
    "skipped": "skipped, not asked",
}


def counts(outcome: Outcome, journals: Journals) -> Grid:
    """Return the decisions of a run by what became of them."""
    by_status = (
        (meaning, f"{journals.statuses.get(status, 0):,}") for status, meaning in MEANINGS.items()
    )
    rows = (
        ("decisions", f"{outcome.decided:,}"),
        ("questions to the model", f"{outcome.asked:,}"),
        *by_status,
        ("entries without a free slot", f"{outcome.rejected_entries:,}"),
        ("closed trades", f"{len(outcome.trades):,}"),
    )
    return Grid(("", "number"), rows)


def costs(outcome: Outcome) -> Grid:
    """Return what the model cost, in all and by what it was spent on."""
    cost = outcome.cost
    is_dollars = outcome.stake_currency in DOLLARS
    share = cost / outcome.starting_balance if cost is not None and is_dollars else None
    rows = (
        ("in all", dollars(cost)),
        ("per decision", _each(cost, outcome.decided)),
        ("per question", _each(cost, outcome.asked)),
        ("per closed trade", _each(cost, len(outcome.trades))),
        ("of the starting balance", percent(share, signed=False)),
    )
    return Grid(("", "cost"), rows)


def _each(cost: float | None, count: int) -> str:
    if count == 0:
        return MISSING
    return dollars(None if cost is None else cost / count)

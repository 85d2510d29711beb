"""What the gate refused, by check, and what that would have earned."""

import math
from collections.abc import Iterable

from llm_modules.backtest.assessment import Assessment, CheckEffect
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.journals import Journals
from llm_modules.backtest.report.numbers import MISSING, money
from llm_modules.backtest.report.plain import name

HEADINGS = ("check", "entries refused", "known", "would have earned")
EARNED = 2


def busiest(checks: Iterable[CheckEffect]) -> tuple[CheckEffect, ...]:
    """Return the checks that refused most first."""
    return tuple(sorted(checks, key=lambda one: (-one.refused, one.code)))


def refusals(assessment: Assessment) -> Grid:
    """Return a row per check and one for all entries, each of which counts there once.

    What they would have earned is left out where nobody knows it of any.
    """
    profits = [one.profit_abs for one in assessment.refused if one.profit_abs is not None]
    whole = CheckEffect("all entries", len(assessment.refused), len(profits), math.fsum(profits))
    currency = name(assessment.outcome.stake_currency)
    rows = (*busiest(assessment.checks), whole)
    grid = Grid(HEADINGS, tuple(_row(one, currency) for one in rows))
    if profits:
        return grid
    return Grid(HEADINGS[:EARNED], tuple(row[:EARNED] for row in grid.rows))


def refused(assessment: Assessment, journals: Journals) -> str:
    """Say how many decisions were refused, and how many of them were entries."""
    whole, entries = journals.statuses.get("refused", 0), len(assessment.refused)
    return f"Refused: {whole:,} decisions, {entries:,} of them entries (once per failed check)."


def _row(one: CheckEffect, currency: str) -> tuple[str, ...]:
    earned = money(one.profit_abs, currency) if one.known else MISSING
    return (name(one.code), f"{one.refused:,}", f"{one.known:,}", earned)

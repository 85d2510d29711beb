"""A run's report in the terminal: what matters, in eighty columns."""

from typing import Protocol

from rich.table import Table
from rich.text import Text

from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.report.comparing import beaten, comparison
from llm_modules.backtest.report.counting import costs, counts
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.journals import read
from llm_modules.backtest.report.measures import figures, stretches_of, told
from llm_modules.backtest.report.plain import name, plain
from llm_modules.backtest.report.refusals import refusals, refused

LONGEST_REMARK = 1000
LONGEST_PATH = 1000


class Screen(Protocol):
    """Where a report is shown: what `operations.screen.Screen` offers for it."""

    def say(self, text: str | Text) -> None:
        """Write one line."""

    def table(self, table: Table) -> None:
        """Write a table."""


def show(assessment: Assessment, screen: Screen) -> None:
    """Show a run: remarks first, then its figures, and at last where its files are.

    Raises OSError where the journals of the run cannot be read.
    """
    journals = read(assessment.outcome)
    outcome = assessment.outcome
    for remark in assessment.remarks:
        screen.say(Text(plain(remark, LONGEST_REMARK), style="yellow"))
    headline = told(assessment.headline, assessment.shift)
    screen.say(Text(f"{name(assessment.model)}. {headline}", style="bold"))
    _table(screen, figures((assessment.headline,)))
    for stretch in stretches_of(assessment)[1:]:
        screen.say(told(stretch, assessment.shift))
    _table(screen, comparison(assessment))
    if assessment.random is not None:
        screen.say(beaten(assessment.random))
    if assessment.refused:
        _table(screen, refusals(assessment))
        screen.say(refused(assessment, journals))
    _table(screen, costs(outcome))
    _table(screen, counts(outcome, journals))
    if journals.bad_lines:
        screen.say(f"{journals.bad_lines:,} unreadable lines of the journals are not counted.")
    screen.say(f"Journals: {plain(str(outcome.folder), LONGEST_PATH)}")
    if outcome.result_file is not None:
        screen.say(f"Freqtrade's result: {plain(str(outcome.result_file), LONGEST_PATH)}")


def _table(screen: Screen, grid: Grid) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold cyan")
    for number, heading in enumerate(grid.headings):
        if number:
            table.add_column(heading, justify="right", no_wrap=True)
        else:
            table.add_column(heading, overflow="fold")
    for row in grid.rows:
        # As text: a name may hold [brackets].
        table.add_row(*map(Text, row))
    screen.say("")
    screen.table(table)

"""A part of a page before it is drawn: sentences, tables, charts."""

from dataclasses import dataclass

from llm_modules.backtest.report.charts.chart import Chart
from llm_modules.backtest.report.grid import Grid


@dataclass(frozen=True, slots=True)
class Folded:
    """A table behind a title, for what few want to read whole."""

    title: str
    grid: Grid


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; charts are folded away where there may be many.

    `name` is part of ids on the page and therefore ours, never a foreign text.
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    grids: tuple[Grid, ...] = ()
    charts: tuple[Chart, ...] = ()
    folded: bool = False
    tables: tuple[Folded, ...] = ()

"""The figures of a stretch of time, with what each is called and how it is written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from llm_modules.backtest.assessment import Assessment, Figure, Metric, Statistics, Stretch
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.numbers import MISSING, day, percent_decimals

SIDES = {
    "before": "Before the cut-off",
    "after": "After the cut-off",
    "whole": "The whole run",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """What a metric is called; a ratio is written in percent, a signed one with its sign."""

    label: str
    is_ratio: bool
    is_signed: bool


MEASURES: dict[Metric, Measure] = {
    "return_ratio": Measure("return", is_ratio=True, is_signed=True),
    "sharpe": Measure("Sharpe ratio", is_ratio=False, is_signed=True),
    "sortino": Measure("Sortino ratio", is_ratio=False, is_signed=True),
    "calmar": Measure("Calmar ratio", is_ratio=False, is_signed=True),
    "max_drawdown_ratio": Measure("largest drawdown", is_ratio=True, is_signed=False),
    "win_rate": Measure("trades won", is_ratio=True, is_signed=False),
    "profit_factor": Measure("profit factor", is_ratio=False, is_signed=False),
    "expectancy_ratio": Measure("mean profit of a trade", is_ratio=True, is_signed=True),
}


def worded(statistics: Statistics, metric: Metric, *, interval: bool = True) -> str:
    """Write a figure of a stretch; one that was not computed is not defined."""
    return written(statistics.figures.get(metric, Figure(None)), metric, interval=interval)


def written(figure: Figure, metric: Metric, *, interval: bool = True) -> str:
    """Write a figure with its interval, as `+3.2 % [-4.1, +9.8]`; `-` where it is not defined."""
    measure = MEASURES[metric]
    if figure.value is None or not math.isfinite(figure.value):
        return MISSING
    ends = [end for end in (figure.low, figure.high) if end is not None and math.isfinite(end)]
    decimals = percent_decimals(figure.value, *ends) if measure.is_ratio else 2
    value, *bounds = (_scaled(one, measure, decimals) for one in (figure.value, *ends))
    unit = " %" if measure.is_ratio else ""
    # Half an interval would be read as the whole of it.
    shown = f" [{', '.join(bounds)}]" if interval and len(bounds) == 2 else ""  # noqa: PLR2004
    return f"{value}{unit}{shown}"


def figures(stretches: Sequence[Stretch]) -> Grid:
    """Return every metric of some stretches of time, a column for each."""
    rows = [
        (measure.label, *(worded(stretch.statistics, metric) for stretch in stretches))
        for metric, measure in MEASURES.items()
    ]
    trades = ("closed trades", *(f"{one.statistics.trades:,}" for one in stretches))
    days = ("days", *(f"{one.statistics.days:,.1f}" for one in stretches))
    return Grid(("", *(SIDES[one.name] for one in stretches)), (*rows, trades, days))


def stretches_of(assessment: Assessment) -> tuple[Stretch, ...]:
    """Return the headline stretch and then the others."""
    headline = assessment.headline
    return headline, *(one for one in assessment.stretches if one.name != headline.name)


def told(stretch: Stretch, shift: timedelta = timedelta(0)) -> str:
    """Say in one sentence when a stretch was, also in truth where it is masked, and its return."""
    statistics, span = stretch.statistics, f"{day(stretch.start)} to {day(stretch.end)}"
    if shift:
        span += f" (in truth {day(stretch.start + shift)} to {day(stretch.end + shift)})"
    return (
        f"{SIDES[stretch.name]}, {span}, "
        f"{statistics.trades:,} closed trades: return {worded(statistics, 'return_ratio')}."
    )


def _scaled(value: float, measure: Measure, decimals: int) -> str:
    sign = "+" if measure.is_signed else ""
    return f"{value * (100 if measure.is_ratio else 1):{sign},.{decimals}f}"

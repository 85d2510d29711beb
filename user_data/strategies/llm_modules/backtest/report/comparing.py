"""The model beside those that knew nothing."""

import numpy as np

from llm_modules.backtest.assessment import Assessment, Figure, RandomTrading, Statistics
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.measures import worded, written
from llm_modules.backtest.report.numbers import MISSING, share
from llm_modules.backtest.report.plain import name, plain

HEADINGS = ("", "return", "Sharpe", "drawdown", "trades")


def comparison(assessment: Assessment) -> Grid:
    """Return the model's row and one for each baseline, with the return's interval."""
    model = (f"{name(assessment.model)} (the model)", *_cells(assessment.headline.statistics))
    others = [(name(one.name), *_cells(one.statistics)) for one in assessment.baselines]
    chance = () if assessment.random is None else (_row(assessment.random),)
    return Grid(HEADINGS, (model, *others, *chance))


def beaten(random: RandomTrading) -> str:
    """Say how many of the random traders did worse."""
    seeds = f"{len(random.returns):,} traders who traded as much at random"
    return f"The model's return is above that of {share(random.beaten)} of {seeds}."


def described(assessment: Assessment) -> tuple[str, ...]:
    """Say of each baseline what it does."""
    return tuple(f"{name(one.name)}: {plain(one.description)}" for one in assessment.baselines)


def _cells(statistics: Statistics) -> tuple[str, ...]:
    return (
        worded(statistics, "return_ratio"),
        worded(statistics, "sharpe", interval=False),
        worded(statistics, "max_drawdown_ratio", interval=False),
        f"{statistics.trades:,}",
    )


def _row(random: RandomTrading) -> tuple[str, ...]:
    """Return the median of the seeds; the brackets hold the middle 95 % of them."""
    low, median, high = (float(one) for one in np.quantile(random.returns, (0.025, 0.5, 0.975)))
    said = written(Figure(median, low, high), "return_ratio")
    return ("random, the median", said, MISSING, MISSING, MISSING)

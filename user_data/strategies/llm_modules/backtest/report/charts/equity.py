"""The account through time, and how far below its peak it was."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from llm_modules.backtest.assessment import Assessment, RandomTrading
from llm_modules.backtest.outcome import Equity
from llm_modules.backtest.report.charts.chart import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Chart,
    last_of_each,
    moments,
    shade,
    time_paper,
)
from llm_modules.backtest.report.plain import label
from llm_modules.domain import FloatArray

BASELINE_LINES = (
    (ORANGE, "dash"),
    (GREEN, "dot"),
    (PURPLE, "dashdot"),
    (VERMILION, "longdash"),
    (SKY, "longdashdot"),
)
BAND = "rgba(128, 128, 128, 0.25)"
MODEL_WIDTH, BASELINE_WIDTH = 2.5, 1.5


def equity_chart(assessment: Assessment) -> Chart | None:
    """Draw the model's account over each baseline's and the band of chance; None without any."""
    if not len(assessment.equity.at):
        return None
    currency = label(assessment.outcome.stake_currency)
    figure = time_paper(f"account ({currency})")
    figure.update_layout(hovermode="x")
    if assessment.random is not None:
        _draw_band(figure, assessment.random)
    for number, contender in enumerate(assessment.baselines):
        colour, dash = BASELINE_LINES[number % len(BASELINE_LINES)]
        line = {"color": colour, "dash": dash, "width": BASELINE_WIDTH}
        figure.add_trace(_curve(contender.equity, contender.name, line))
    figure.add_trace(model_curve(assessment.equity, assessment.model))
    _shade(figure, assessment)
    title, note = "Account of the model and of the baselines", "Open profit is included."
    return Chart("equity", title, note, figure)


def model_curve(equity: Equity, name: str) -> Any:
    """Return the curve of the account all is about."""
    return _curve(equity, name, {"color": BLUE, "width": MODEL_WIDTH})


def drawdown_chart(assessment: Assessment) -> Chart | None:
    """Draw how far the model's account lay below its highest so far; None without an account."""
    if not len(assessment.equity.at):
        return None
    figure = drawdown_figure(assessment.equity, assessment.outcome.starting_balance)
    _shade(figure, assessment)
    note = "How far the account lay below its highest so far."
    return Chart("drawdown", "Drawdown of the model's account", note, figure)


def drawdown_figure(equity: Equity, starting_balance: float) -> Any:
    """Return a figure of how far an account of at least one point lay below its highest so far."""
    picked = last_of_each(len(equity.at))
    starts = np.concatenate(([0], picked[:-1] + 1))
    # The deepest of each part: thinned out any other way, the chart would contradict the table.
    deepest = np.minimum.reduceat(_below_peak(equity.values, starting_balance), starts)
    figure = time_paper("below the peak (%)")
    figure.add_trace(
        go.Scatter(
            x=moments(equity.at[picked]),
            y=np.round(100 * deepest, 4),
            mode="lines",
            line={"color": VERMILION, "width": BASELINE_WIDTH},
            fill="tozeroy",
            hovertemplate="%{y:.2f} %<extra></extra>",
        )
    )
    return figure


def _below_peak(values: FloatArray, starting_balance: float) -> FloatArray:
    peaks = np.maximum.accumulate(np.maximum(values, starting_balance))
    below: FloatArray = values / peaks - 1
    return below


def _draw_band(figure: Any, random: RandomTrading) -> None:
    unseen = {"width": 0}
    low = _curve(random.low, "random, low", unseen)
    low.update(showlegend=False, hoverinfo="skip", hovertemplate=None)
    figure.add_trace(low)
    high = _curve(random.high, "random, middle 95 %", unseen)
    high.update(fill="tonexty", fillcolor=BAND, hoverinfo="skip", hovertemplate=None)
    figure.add_trace(high)
    line = {"color": GREY, "dash": "dot", "width": 1}
    figure.add_trace(_curve(random.median, "random, median", line))


def _curve(equity: Equity, name: str, line: dict[str, Any]) -> Any:
    picked = last_of_each(len(equity.at))
    return go.Scatter(
        x=moments(equity.at[picked]),
        y=np.round(equity.values[picked], 2),
        name=label(name),
        mode="lines",
        line=line,
        hovertemplate="%{y:,.2f}",
    )


def _shade(figure: Any, assessment: Assessment) -> None:
    outcome = assessment.outcome
    shade(figure, outcome.start, outcome.end, assessment.cut_off)

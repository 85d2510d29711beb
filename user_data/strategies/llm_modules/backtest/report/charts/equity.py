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
    line = {"color": BLUE, "width": MODEL_WIDTH}
    figure.add_trace(_curve(assessment.equity, assessment.model, line))
    _shade(figure, assessment)
    title, note = "Account of the model and of the baselines", "Open profit is included."
    return Chart("equity", title, note, figure)


def drawdown_chart(assessment: Assessment) -> Chart | None:
    """Draw how far the model's account lay below its highest so far; None without an account."""
    at, values = assessment.equity.at, assessment.equity.values
    if not len(at):
        return None
    picked = last_of_each(len(at))
    starts = np.concatenate(([0], picked[:-1] + 1))
    # The deepest of each part: thinned out any other way, the chart would contradict the table.
    deepest = np.minimum.reduceat(_below_peak(values, assessment), starts)
    figure = time_paper("below the peak (%)")
    figure.add_trace(
        go.Scatter(
            x=moments(at[picked]),
            y=np.round(100 * deepest, 4),
            name=label(assessment.model),
            mode="lines",
            line={"color": VERMILION, "width": BASELINE_WIDTH},
            fill="tozeroy",
            hovertemplate="%{y:.2f} %<extra></extra>",
        )
    )
    _shade(figure, assessment)
    note = "How far the account lay below its highest so far."
    return Chart("drawdown", "Drawdown of the model's account", note, figure)


def _below_peak(values: FloatArray, assessment: Assessment) -> FloatArray:
    peaks = np.maximum.accumulate(np.maximum(values, assessment.outcome.starting_balance))
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

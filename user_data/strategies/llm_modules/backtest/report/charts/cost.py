"""What the model took, as it added up."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import plotly.graph_objects as go

from llm_modules.backtest.report.charts.chart import (
    BLUE,
    Chart,
    last_of_each,
    milliseconds,
    time_paper,
)


def cost_chart(costs: Sequence[tuple[datetime, float]]) -> Chart | None:
    """Draw the sum of all costs so far, in USD; None where nothing was to be paid."""
    paid = np.array([cost for _, cost in costs], dtype=np.float64)
    # A model of one's own costs nothing, and a flat line would tell no more than that.
    if not paid.any():
        return None
    # Picked after summing: what is left out of the drawing is still in the sum.
    picked = last_of_each(len(paid))
    figure = time_paper("cost so far (USD)")
    figure.add_trace(
        go.Scatter(
            x=[milliseconds(costs[number][0]) for number in picked],
            y=np.cumsum(paid)[picked],
            mode="lines",
            line={"color": BLUE, "width": 2},
            hovertemplate="%{y:,.4f} USD<extra></extra>",
        )
    )
    note = "What the questions of the run had cost by then."
    return Chart("cost", "Cost of the model", note, figure)

"""Confidence said against trades won."""

import plotly.graph_objects as go

from llm_modules.backtest.report.charts.chart import BLUE, GREY, Chart, paper
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.numbers import share
from llm_modules.learning.calibration import Bin, Reliability, bin_name

HEADINGS = ("confidence", "trades", "said", "won", "95 %")
SMALLEST, LARGEST = 8, 26
NOTE = (
    "Each dot is a band of confidence, larger with more trades; its bar is the Wilson interval of "
    "95 %. On the dashed line a confidence of 70 wins 70 of 100 trades."
)


def calibration_chart(reliability: Reliability) -> Chart | None:
    """Draw how often trades of each confidence were won; None without a trade."""
    bins = _filled(reliability)
    if not bins:
        return None
    figure = paper("confidence said (%)", "trades won (%)", showlegend=False)
    figure.update_xaxes(range=[0, 100])
    # A little beyond, so that dots at 0 and 100 are whole.
    figure.update_yaxes(range=[-4, 104])
    line = {"color": GREY, "dash": "dash", "width": 1}
    diagonal = go.Scatter(x=[0, 100], y=[0, 100], mode="lines", line=line, hoverinfo="skip")
    figure.add_trace(diagonal)
    most = max(one.n for one in bins)
    figure.add_trace(
        go.Scatter(
            x=[100 * one.mean_confidence for one in bins],
            y=[100 * one.win_rate for one in bins],
            error_y={
                "type": "data",
                # Wilson's interval leans towards the middle, the more the fewer trades.
                "symmetric": False,
                "array": [100 * (one.win_rate_high - one.win_rate) for one in bins],
                "arrayminus": [100 * (one.win_rate - one.win_rate_low) for one in bins],
            },
            mode="markers",
            marker={"color": BLUE, "size": [_size(one.n / most) for one in bins]},
            hovertext=[_said(one) for one in bins],
            hoverinfo="text",
        )
    )
    return Chart("calibration", "Confidence against results", NOTE, figure)


def calibration(reliability: Reliability) -> Grid:
    """Return the bands of confidence that have trades, and all of them together."""
    rows = [
        (
            bin_name(one),
            f"{one.n:,}",
            share(one.mean_confidence),
            share(one.win_rate),
            _interval(one.win_rate_low, one.win_rate_high),
        )
        for one in _filled(reliability)
    ]
    said, won = share(reliability.mean_confidence), share(reliability.win_rate)
    interval = _interval(*reliability.win_rate_interval)
    whole = ("all", f"{reliability.n:,}", said, won, interval)
    return Grid(HEADINGS, (*rows, whole))


def _filled(reliability: Reliability) -> tuple[Bin, ...]:
    return tuple(one for one in reliability.bins if one.n)


def _interval(low: float, high: float) -> str:
    return f"{share(low)} to {share(high)}"


def _size(share: float) -> float:
    """Return the width of a dot whose area grows with its share of the trades."""
    return float(SMALLEST + (LARGEST - SMALLEST) * share**0.5)


def _said(one: Bin) -> str:
    return f"{bin_name(one)}: {one.wins:,} of {one.n:,} trades won"

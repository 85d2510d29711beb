"""What each check of the gate cost or saved."""

from collections.abc import Iterable

import plotly.graph_objects as go

from llm_modules.backtest.assessment import CheckEffect
from llm_modules.backtest.report.charts.chart import BLUE, VERMILION, Chart, paper
from llm_modules.backtest.report.numbers import money
from llm_modules.backtest.report.plain import label
from llm_modules.backtest.report.refusals import busiest

NOTE = "An entry that several checks refused counts in full for each of them."


def refusals_chart(checks: Iterable[CheckEffect], currency: str) -> Chart | None:
    """Draw what each check's refusals would have earned; None where no profit is known."""
    known = [one for one in busiest(checks) if one.known]
    if not known:
        return None
    currency = label(currency)
    figure = paper(f"would have earned ({currency})", "", showlegend=False)
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(zeroline=True)
    figure.add_trace(
        go.Bar(
            orientation="h",
            y=[label(one.code) for one in known],
            x=[round(one.profit_abs, 2) for one in known],
            marker={"color": [BLUE if one.profit_abs > 0 else VERMILION for one in known]},
            hovertext=[
                f"{label(one.code)}: {money(one.profit_abs, currency)} of {one.known:,} entries"
                for one in known
            ],
            hoverinfo="text",
        )
    )
    return Chart("refusals", "What refused entries would have earned", NOTE, figure)

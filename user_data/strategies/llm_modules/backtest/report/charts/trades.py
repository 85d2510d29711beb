"""The trades of one pair on its candles, with the model's reasons beside the pointer."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import plotly.graph_objects as go

from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.report.charts.chart import (
    BLUE,
    GREY,
    VERMILION,
    Chart,
    milliseconds,
    moments,
    shade,
    time_paper,
)
from llm_modules.backtest.report.plain import label, name
from llm_modules.backtest.report.trade_words import entered, left
from llm_modules.domain import Candles, ClosedTrade

# More than a screen has pixels for, and pages of megabytes that browsers scroll badly.
MOST_CANDLES = 3000
MARKER_SIZE = 9
ENTRY_SYMBOLS = {"long": "triangle-up", "short": "triangle-down"}
EXIT_SYMBOL = "square"
KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("won", {"color": BLUE, "width": 1.5}),
    # Dotted too: colour alone says nothing to who sees none, nor on a grey print.
    ("lost", {"color": VERMILION, "width": 1.5, "dash": "dot"}),
)
NOTE = "Triangles are entries, up for long and down for short; squares are exits."
Lesson = Callable[[ClosedTrade], str | None]


def trades_chart(
    assessment: Assessment, number: int, candles: Candles, lesson: Lesson
) -> Chart | None:
    """Draw the candles of the run's pair of that number, from 0, with entries and exits on them.

    None where no candle lies within the run.
    """
    outcome = assessment.outcome
    pair, currency = outcome.pairs[number], outcome.stake_currency
    shown = coarsened(within(candles, outcome.start, outcome.end))
    if not len(shown):
        return None
    trades = [trade for trade in outcome.trades if trade.pair == pair]
    figure = trades_figure(shown, trades, currency, lesson)
    shade(figure, outcome.start, outcome.end, assessment.cut_off)
    return Chart(f"trades-{number}", f"{name(pair)}: {len(trades):,} trades", NOTE, figure)


def trades_figure(
    candles: Candles, trades: Sequence[ClosedTrade], currency: str, lesson: Lesson
) -> Any:
    """Return a figure of one pair's trades on its candles, or alone where there is no candle."""
    figure = time_paper(f"price ({label(currency)})", xaxis_rangeslider_visible=False)
    if len(candles):
        figure.add_trace(_candles(candles))
    # After the candles, so that markers lie on top of them.
    for kind, line in KINDS:
        of_kind = [trade for trade in trades if (trade.profit_abs > 0) == (kind == "won")]
        if of_kind:
            _draw_ways(figure, of_kind, kind, line)
            _draw_ends(figure, of_kind, kind, _texts(of_kind, currency, lesson))
    return figure


def coarsened(candles: Candles) -> Candles:
    """Join neighbouring candles until there are no more than MOST_CANDLES."""
    width = -(-len(candles) // MOST_CANDLES)
    if width <= 1:
        return candles
    starts = np.arange(0, len(candles), width)
    ends = np.append(starts[1:], len(candles)) - 1
    return Candles(
        timeframe=candles.timeframe,
        open_times=candles.open_times[starts],
        open=candles.open[starts],
        # The extremes have to stay: a stop is hit by them, and not by the close.
        high=np.maximum.reduceat(candles.high, starts),
        low=np.minimum.reduceat(candles.low, starts),
        close=candles.close[ends],
        volume=np.add.reduceat(candles.volume, starts),
    )


def within(candles: Candles, start: datetime, end: datetime) -> Candles:
    """Return the candles that open within a span of time."""
    bounds = milliseconds(start), milliseconds(end)
    first, last = np.searchsorted(candles.open_times, bounds)
    return candles.taken(slice(int(first), int(last)))


def _candles(candles: Candles) -> Any:
    """Return candles in grey, so that colour is left to the trades; a falling one is filled."""
    thin = {"color": GREY, "width": 1}
    return go.Candlestick(
        x=moments(candles.open_times),
        open=candles.open,
        high=candles.high,
        low=candles.low,
        close=candles.close,
        increasing={"line": thin, "fillcolor": "rgba(0, 0, 0, 0)"},
        decreasing={"line": thin, "fillcolor": GREY},
        # What is asked of the page is why it was traded; prices would cover that up.
        hoverinfo="skip",
        name="candles",
    )


def _texts(trades: Iterable[ClosedTrade], currency: str, lesson: Lesson) -> list[str]:
    """Return what is said at each end, entry and exit in turn."""
    return [
        text
        for trade in trades
        for text in (entered(trade, currency), left(trade, currency, lesson(trade)))
    ]


def _draw_ways(figure: Any, trades: Sequence[ClosedTrade], kind: str, line: dict[str, Any]) -> None:
    """Draw a line from each entry to its exit; nothing leads from there to the next entry."""
    figure.add_trace(
        go.Scatter(
            # One trace for all: Plotly grows slow with their number. None breaks the line.
            x=[at for one in trades for at in (*_times(one), None)],
            y=[rate for one in trades for rate in (one.open_rate, one.close_rate, None)],
            mode="lines",
            line=line,
            hoverinfo="skip",
            name=kind,
            legendgroup=kind,
        )
    )


def _draw_ends(figure: Any, trades: Sequence[ClosedTrade], kind: str, texts: list[str]) -> None:
    symbols = [symbol for one in trades for symbol in (ENTRY_SYMBOLS[one.side], EXIT_SYMBOL)]
    figure.add_trace(
        go.Scatter(
            x=[at for one in trades for at in _times(one)],
            y=[rate for one in trades for rate in (one.open_rate, one.close_rate)],
            mode="markers",
            marker={"symbol": symbols, "size": MARKER_SIZE, "color": dict(KINDS)[kind]["color"]},
            hovertext=texts,
            hoverinfo="text",
            name=kind,
            legendgroup=kind,
            showlegend=False,
        )
    )


def _times(trade: ClosedTrade) -> tuple[float, float]:
    return milliseconds(trade.opened_at), milliseconds(trade.closed_at)

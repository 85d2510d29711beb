"""What all charts have in common: paper, axes with units, colours, no more points than are seen.

Colours are those of Okabe and Ito (2008), which people who confuse red and green tell apart; a
dash or a symbol says the same once more. Ink and grid are the page's, because it may be dark.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import plotly.graph_objects as go

from llm_modules.domain import FloatArray, IntArray

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#808080"
# Wider screens have fewer pixels for a curve than this.
MOST_POINTS = 2000
TIME = "time (UTC)"


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure of plotly with the name of its place on the page and a sentence on reading it."""

    name: str
    title: str
    note: str
    figure: Any

    @property
    def json(self) -> str:
        """The figure as JSON that may stand within a script element: no `<` is left in it."""
        # Not orjson, which plotly takes where it is there: numbers would be written differently.
        text: str = self.figure.to_json(engine="json")
        return text.replace("<", "\\u003c")


def paper(x_title: str, y_title: str, **more: Any) -> Any:
    """Return an empty figure with two titled axes; more settings go to its layout."""
    figure = go.Figure()
    figure.update_layout(
        template="none",
        margin={"l": 64, "r": 16, "t": 16, "b": 48},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": x_title}},
        yaxis={"title": {"text": y_title}, "zeroline": False},
        hovermode="closest",
        **more,
    )
    return figure


def time_paper(y_title: str, **more: Any) -> Any:
    """Return an empty figure over time."""
    figure = paper(TIME, y_title, **more)
    figure.update_xaxes(type="date")
    return figure


def shade(figure: Any, start: datetime, end: datetime, cut_off: datetime | None) -> None:
    """Mark what lies before the model's knowledge cut-off; nothing does where it is unknown."""
    if cut_off is None or cut_off <= start:
        return
    until = min(cut_off, end)
    figure.add_shape(
        type="rect",
        xref="x",
        yref="paper",
        x0=milliseconds(start),
        x1=milliseconds(until),
        y0=0,
        y1=1,
        layer="below",
        line={"width": 0},
        fillcolor=GREY,
        opacity=0.18,
    )
    figure.add_annotation(
        text="known to the model",
        showarrow=False,
        xref="x",
        yref="paper",
        x=milliseconds(until),
        y=1,
        xanchor="right",
        yanchor="top",
    )


def milliseconds(at: datetime) -> float:
    """Return a moment as plotly's time axes take it."""
    return at.timestamp() * 1000


def moments(at: IntArray) -> FloatArray:
    """Return milliseconds as an array that plotly can pack."""
    return at.astype(np.float64)


def last_of_each(length: int) -> IntArray:
    """Return the last position of each of at most MOST_POINTS equal parts of a curve."""
    parts = min(length, MOST_POINTS)
    ends = np.linspace(0, length, parts + 1)[1:]
    positions: IntArray = np.ceil(ends).astype(np.int64) - 1
    return positions

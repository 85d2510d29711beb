"""Decisions as annotations on the Web UI's chart."""

import textwrap
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from llm_modules.journal.records import DecisionRecord

LINE_CHARACTERS = 24
LONGEST_LINES = 5
_LOOK = {
    "signal_entry_long": ("#26a69a", "triangle", 0),
    "signal_entry_short": ("#ef5350", "triangle", 180),
    "signal_exit": ("#ffca28", "rect", 0),
    "adjust_position": ("#42a5f5", "roundRect", 0),
    "signal_hold": ("#90a4ae", "circle", 0),
    "signal_wait": ("#546e7a", "circle", 0),
}
_QUIET = frozenset({"signal_hold", "signal_wait"})
_REFUSED = ("#ab47bc", "pin", 0)
_LARGE, _SMALL = 12, 6


def annotations(records: Iterable[DecisionRecord], candle: timedelta) -> list[dict[str, Any]]:
    """Return a point per decision whose market was seen, at the close of its candle.

    `candle` is the length of a candle: Freqtrade places a candle at its opening time. The chart
    prints every label at once, so of waits or holds in a row only the first gives its reason.
    """
    points = []
    before: str | None = None
    for record in records:
        repeated = record.tool in _QUIET and record.tool == before
        before = record.tool
        if "price" in record.facts:
            text = title(record) if repeated else label(record)
            points.append(_point(record, record.facts["price"], candle) | {"label": text})
    return points


def label(record: DecisionRecord) -> str:
    """Say tool, confidence, what the gate had against it, and the reason, in a few short lines."""
    if record.status == "failed":
        said = [record.fault or "", *record.problems]
    else:
        codes = ", ".join(reason.code for reason in record.reasons)
        said = [codes, str(record.call.get("reason", ""))]
    lines = [line for text in said for line in textwrap.wrap(text, LINE_CHARACTERS)]
    cut = [*lines[: LONGEST_LINES - 1], "..."] if len(lines) > LONGEST_LINES else lines
    return "\n".join([title(record), *cut])


def title(record: DecisionRecord) -> str:
    """Name a decision as briefly as the chart needs it, such as `entry long 72`."""
    if record.tool is None:
        return "no decision"
    name = record.tool.removeprefix("signal_").replace("_", " ")
    refused = " REFUSED" if record.status == "refused" else ""
    return f"{name} {record.call.get('confidence_score', 0):.0f}{refused}"


def _point(record: DecisionRecord, price: float, candle: timedelta) -> dict[str, Any]:
    decided = record.status in {"approved", "clamped"}
    color, shape, rotate = _LOOK.get(record.tool or "", _REFUSED) if decided else _REFUSED
    return {
        "type": "point",
        "x": record.candle_at - candle,
        "y": price,
        "color": color,
        "shape": shape,
        "rotate": rotate,
        "size": _SMALL if decided and record.tool in _QUIET else _LARGE,
    }

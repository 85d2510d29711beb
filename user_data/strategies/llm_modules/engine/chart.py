"""Decisions as annotations on the Web UI's chart."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from llm_modules.journal.records import DecisionRecord

LONGEST_LABEL = 120
_LOOK = {
    "signal_entry_long": ("#26a69a", "triangle", 0),
    "signal_entry_short": ("#ef5350", "triangle", 180),
    "signal_exit": ("#ffca28", "rect", 0),
    "adjust_position": ("#42a5f5", "roundRect", 0),
    "signal_hold": ("#90a4ae", "circle", 0),
    "signal_wait": ("#546e7a", "circle", 0),
}
_REFUSED = ("#ab47bc", "pin", 0)
_LARGE, _SMALL = 12, 6


def annotations(records: Iterable[DecisionRecord], candle: timedelta) -> list[dict[str, Any]]:
    """Return one point per decision whose market was seen, at the close of its candle.

    `candle` is the length of a candle: Freqtrade places a candle at its opening time.
    """
    return [
        _point(record, record.facts["price"], candle)
        for record in records
        if "price" in record.facts
    ]


def label(record: DecisionRecord) -> str:
    """Say tool, confidence, first line of the reason, and what the gate had against it."""
    if record.status == "failed":
        why = record.fault or "; ".join(record.problems)
        return f"no decision: {why}"[:LONGEST_LABEL]
    words = [str(record.tool), f"{record.call.get('confidence_score')}"]
    if record.status == "refused":
        words += ["REFUSED", ", ".join(reason.code for reason in record.reasons)]
    words.append(str(record.call.get("reason", "")))
    return " ".join(words)[:LONGEST_LABEL]


def _point(record: DecisionRecord, price: float, candle: timedelta) -> dict[str, Any]:
    decided = record.status in {"approved", "clamped"}
    color, shape, rotate = _LOOK.get(record.tool or "", _REFUSED) if decided else _REFUSED
    quiet = record.tool in {"signal_hold", "signal_wait"}
    return {
        "type": "point",
        "x": record.candle_at - candle,
        "y": price,
        "label": label(record),
        "color": color,
        "shape": shape,
        "rotate": rotate,
        "size": _SMALL if quiet else _LARGE,
    }

"""Decisions as annotations on the Web UI's chart."""

import textwrap
from collections.abc import Sequence
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
_LETTERS = {
    "signal_entry_long": "L",
    "signal_entry_short": "S",
    "signal_exit": "X",
    "adjust_position": "A",
    "signal_hold": "H",
    "signal_wait": "W",
}
# What was done where no call came.
_STAND_INS = {"signal_hold": "held", "signal_wait": "waited"}
_QUIET = frozenset({"signal_hold", "signal_wait"})
_REFUSED = ("#ab47bc", "pin", 0)
_LARGE, _SMALL, _TINY = 12, 6, 3


def annotations(records: Sequence[DecisionRecord], candle: timedelta) -> list[dict[str, Any]]:
    """Return a point per decision whose market was seen, at the close of its candle.

    `candle` is the length of a candle: Freqtrade places a candle at its opening time. The chart
    prints every label at once and a candle is as wide as three letters, so only the newest
    decision, and the newest that was more than holding or waiting, carry their reason. Where the
    model was not asked there is a small dot.
    """
    seen = [record for record in records if "price" in record.facts]
    asked = [record for record in seen if record.status != "skipped"]
    loud = [record for record in asked if record.tool not in _QUIET]
    # By identity: two records may be equal, and only one of them is the newest.
    spelled_out = {id(record) for record in (*seen[-1:], *loud[-1:])}
    return [
        _point(record, candle)
        | {"label": label(record) if id(record) in spelled_out else title(record)}
        for record in seen
    ]


def label(record: DecisionRecord) -> str:
    """Say tool, confidence, what the gate had against it, and the reason, in a few short lines."""
    if record.status in {"failed", "skipped"}:
        said = [record.fault or "", *record.problems]
    else:
        codes = ", ".join(reason.code for reason in record.reasons if reason.kind != "remark")
        said = [codes, str(record.call.get("reason", ""))]
    lines = [line for text in said for line in textwrap.wrap(text, LINE_CHARACTERS)]
    cut = [*lines[: LONGEST_LINES - 1], "..."] if len(lines) > LONGEST_LINES else lines
    name = record.tool or _STAND_INS.get(record.default_tool or "", "no decision")
    name = name.removeprefix("signal_").replace("_", " ")
    return "\n".join([f"{name} ({title(record)})", *cut])


def title(record: DecisionRecord) -> str:
    """Name a decision in three letters: L, S, X, A, H or W and the confidence; x when refused.

    A small letter says that the gate cut something back, a dash that the model was not asked.
    """
    if record.tool is None:
        return "-" if record.status == "skipped" else "?"
    letter = _LETTERS.get(record.tool, "?")
    if record.status == "refused":
        return f"x{letter}"
    if record.status == "clamped":
        letter = letter.lower()
    return f"{letter}{record.call.get('confidence_score', 0):.0f}"


def _point(record: DecisionRecord, candle: timedelta) -> dict[str, Any]:
    color, shape, rotate, size = _look(record)
    return {
        "type": "point",
        "x": record.candle_at - candle,
        "y": record.facts["price"],
        "color": color,
        "shape": shape,
        "rotate": rotate,
        "size": size,
    }


def _look(record: DecisionRecord) -> tuple[str, str, int, int]:
    if record.status == "skipped":
        return *_LOOK["signal_wait"], _TINY
    if record.status not in {"approved", "clamped"}:
        return *_REFUSED, _LARGE
    size = _SMALL if record.tool in _QUIET else _LARGE
    return *_LOOK.get(record.tool or "", _REFUSED), size

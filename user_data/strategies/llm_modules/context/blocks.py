"""Parts of the user message that consist of lines, so that single lines can be left out."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "candles",
    "indicators",
    "timeframe_candles",
    "thesis",
    "decisions",
    "trades",
    "statistics",
    "patterns",
    "habits",
]

QUOTED_KINDS: frozenset[Kind] = frozenset(
    {"thesis", "decisions", "trades", "statistics", "patterns", "habits"}
)


@dataclass(frozen=True, slots=True)
class Block:
    """A titled table or list; `header` names a table's columns. Rows in time go oldest first."""

    kind: Kind
    title: str
    lines: tuple[str, ...]
    header: str = ""

"""Parts of the user message that consist of lines, so that single lines can be left out."""

from dataclasses import dataclass
from typing import Literal, get_args

TableKind = Literal["candles", "indicators", "timeframe_candles"]
QuotedKind = Literal["thesis", "statistics", "patterns", "lessons", "trades", "decisions", "habits"]
Kind = TableKind | QuotedKind

QUOTED_KINDS: frozenset[Kind] = frozenset(get_args(QuotedKind))


@dataclass(frozen=True, slots=True)
class Block:
    """A titled table or list; `header` names a table's columns. Rows in time go oldest first."""

    kind: Kind
    title: str
    lines: tuple[str, ...]
    header: str = ""

"""Parts of the user message that consist of lines, so that single lines can be left out."""

from dataclasses import dataclass
from typing import Literal, get_args

TableKind = Literal["candles", "timeframe_candles", "timeframes"]
# Changes when a trade closes or a position opens, which is seldom.
LastingKind = Literal["thesis", "patterns", "lessons", "trades"]
# Changes with every candle.
PassingKind = Literal["statistics", "decisions", "habits"]
Kind = TableKind | LastingKind | PassingKind

TABLE_KINDS: frozenset[Kind] = frozenset(get_args(TableKind))
LASTING_KINDS: frozenset[Kind] = frozenset(get_args(LastingKind))
PASSING_KINDS: frozenset[Kind] = frozenset(get_args(PassingKind))


# Not frozen: a dozen are made for each question, and that would take three times as long.
@dataclass(slots=True)
class Block:
    """A titled table or list; `header` names a table's columns. Rows in time go oldest first."""

    kind: Kind
    title: str
    lines: tuple[str, ...]
    header: str = ""


@dataclass(frozen=True, slots=True)
class Quotes:
    """Lists of what others wrote, and the id that fences them; no lists, no fence."""

    fence: str = ""
    blocks: tuple[Block, ...] = ()


NO_QUOTES = Quotes()

"""Lines for a screen of any width: a label and its words, and tables without lines around them.

A width of None means a pipe: nothing is folded, cut or left out there.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from llm_modules.operations.viewing.render import printable

INDENT = "  "
GAP = "  "
LABEL_WIDTH = 15
# With less room than this beside its label, a text goes below it.
FEWEST_BESIDE = 30
NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column; the one of the highest `rank` is the first to go where there is no room."""

    name: str
    rank: int = 0
    is_right: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A short text and how it looks."""

    text: str
    style: str = ""


def labelled(label: str, words: str, width: int | None, style: str = "") -> Iterator[Text]:
    """Write a label and what belongs to it, folded beside it, or below it where it is narrow."""
    text = printable(words)
    if width is None:
        yield fitted(Text.assemble(f"{label:<{LABEL_WIDTH}}", (text, style)), None)
        return
    room = max(width, NARROWEST)
    is_beside = room - LABEL_WIDTH >= FEWEST_BESIDE
    margin = " " * LABEL_WIDTH if is_beside else INDENT
    folded = textwrap.wrap(text, room - len(margin)) or [""]
    first = f"{label:<{LABEL_WIDTH}}" if is_beside else margin
    if not is_beside:
        yield fitted(Text(label), width)
    for number, line in enumerate(folded):
        yield fitted(Text.assemble(margin if number else first, (line, style)), width)


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    width: int | None,
    notes: Sequence[str] = (),
) -> Iterator[Text]:
    """Write rows under their columns' names; a note goes below its row, as long as there is room.

    Columns are left out by rank until the others fit.
    """
    head = tuple(Cell(column.name, "bold") for column in columns)
    chosen = _chosen(columns, (head, *rows), width)
    sizes = {at: _size((head, *rows), at) for at in chosen}
    for number, row in enumerate((head, *rows)):
        yield fitted(_line(columns, sizes, row), width)
        note = notes[number - 1] if number and notes else ""
        if note:
            yield fitted(Text(INDENT * 2 + printable(note), style="dim"), width)


def fitted(line: Text, width: int | None) -> Text:
    """Cut a line that is longer than the screen is wide."""
    line.rstrip()
    if width is not None:
        line.truncate(width, overflow="ellipsis")
    return line


def _line(columns: Sequence[Column], sizes: dict[int, int], row: Sequence[Cell]) -> Text:
    line = Text(INDENT)
    for place, (at, size) in enumerate(sizes.items()):
        text = Text(printable(row[at].text), style=row[at].style)
        room = " " * (size - text.cell_len)
        line.append_text(Text(GAP if place else ""))
        parts = (room, text) if columns[at].is_right else (text, room)
        line.append_text(Text.assemble(*parts))
    return line


def _chosen(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int | None
) -> list[int]:
    chosen = list(range(len(columns)))
    while width is not None and len(chosen) > 1:
        sizes = [_size(rows, at) for at in chosen]
        if len(INDENT) + sum(sizes) + len(GAP) * (len(chosen) - 1) <= width:
            break
        chosen.remove(max(chosen, key=lambda at: (columns[at].rank, at)))
    return chosen


def _size(rows: Sequence[Sequence[Cell]], at: int) -> int:
    return max(Text(printable(row[at].text)).cell_len for row in rows)

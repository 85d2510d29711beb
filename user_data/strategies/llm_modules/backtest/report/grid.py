"""A table before it is drawn: the terminal and the page show the same cells."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of finished text under their headings; the first column names the row.

    A wordy one holds sentences, which a page breaks into lines.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_wordy: bool = False

"""Text from a model, a journal or an exchange, made fit to be shown."""

import html
import textwrap
from collections.abc import Iterable

LONGEST_TEXT = 400
LONGEST_NAME = 64
# Characters of a line in a box beside the pointer: a phone shows no more.
HOVER_WIDTH = 46


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return text as one printable line of at most `longest` characters; `-` for an empty one.

    What a terminal or a browser obeys instead of showing goes: control characters, marks that turn
    the direction of text, halves of surrogates.
    """
    # A bound before the work: a reason may be megabytes long.
    seen = "".join(char if char.isprintable() else " " for char in text[: 4 * longest])
    line = " ".join(seen.split())
    return (line if len(line) <= longest else line[: longest - 2].rstrip() + " …") or "-"


def name(text: str) -> str:
    """Return a name, of a model or a pair, as `plain` does."""
    return plain(text, LONGEST_NAME)


def label(text: str) -> str:
    """Return a name for a chart, where tags and entities of HTML would otherwise be obeyed."""
    return html.escape(name(text), quote=False)


def hover(texts: Iterable[str]) -> str:
    """Return texts, one below the other and broken into lines, for the box beside the pointer."""
    lines = [line for text in texts for line in textwrap.wrap(plain(text), HOVER_WIDTH)]
    return "<br>".join(html.escape(line, quote=False) for line in lines)

"""Where each value of a JSON text with comments stands, so that one can be changed in place.

The text must have been accepted by the real parser before; this only finds positions.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|(?P<text>\"(?:\\.|[^\"\\])*\")|(?P<mark>[{}\[\],:])|(?P<bare>[^\s{}\[\],:\"/]+)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Located:
    """A text, number or literal: the keys that lead to it, and its span in the text.

    List items carry the path of their list.
    """

    path: tuple[str, ...]
    start: int
    end: int
    token: str


@dataclass(slots=True)
class _Level:
    """An object or list being read; `key` is the key last seen of an object."""

    is_object: bool
    key: str | None = None
    after_colon: bool = field(default=False)


def located_values(text: str) -> Iterator[Located]:
    """Yield every scalar value in the order of the text."""
    levels: list[_Level] = []
    for found in _TOKEN.finditer(text):
        token = found["text"] or found["bare"]
        if found["mark"]:
            _follow_mark(levels, found["mark"])
        elif token and levels and levels[-1].is_object and not levels[-1].after_colon:
            # Decoded, because a key may be spelled with escapes.
            levels[-1].key = json.loads(token, strict=False)
        elif token:
            # Levels that are lists have no key and add nothing to the path.
            path = tuple(level.key for level in levels if level.key is not None)
            yield Located(path, found.start(), found.end(), token)


def _follow_mark(levels: list[_Level], mark: str) -> None:
    if mark in "{[":
        levels.append(_Level(is_object=mark == "{"))
    elif mark in "}]":
        levels.pop()
    elif mark == ":":
        levels[-1].after_colon = True
    else:
        levels[-1].after_colon = False

"""Where everything stands in a JSON text with comments, so that one part can be changed in place.

The text must have been accepted by the real parser before; this only finds positions.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|(?P<text>\"(?:\\.|[^\"\\])*\")|(?P<mark>[{}\[\],:])|(?P<bare>[^\s{}\[\],:\"/]+)",
    re.DOTALL,
)
Kind = Literal["object", "list", "scalar"]

_KINDS: dict[str, Kind] = {"{": "object", "[": "list"}


@dataclass(frozen=True, slots=True)
class Node:
    """A value: what kind it is, its span in the text, and what it holds."""

    kind: Kind
    start: int
    end: int
    members: tuple["Member", ...] = ()

    def member(self, key: str) -> "Member | None":
        """Return what stands under a key of an object; of a repeated key the last, as parsers."""
        return next((one for one in reversed(self.members) if one.key == key), None)


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an object, from its key on, or of a list, whose entries have no key."""

    key: str | None
    start: int
    value: Node


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
class _Open:
    """An object or list being read; `key` and `key_start` are of the entry being read."""

    kind: Kind
    start: int
    members: list[Member] = field(default_factory=list)
    key: str | None = None
    key_start: int = 0
    after_colon: bool = False

    def awaits_key(self) -> bool:
        return self.kind == "object" and not self.after_colon

    def take(self, value: Node) -> None:
        is_object = self.kind == "object"
        self.members.append(Member(self.key, self.key_start if is_object else value.start, value))


def located(text: str) -> Node:
    """Return the whole text as a tree of positions."""
    root = _Open("list", 0)
    levels = [root]
    for found in _TOKEN.finditer(text):
        if found["mark"]:
            _follow_mark(levels, found["mark"], found.start())
        elif found["text"] and levels[-1].awaits_key():
            # Decoded, because a key may be spelled with escapes.
            levels[-1].key = json.loads(found["text"], strict=False)
            levels[-1].key_start = found.start()
        elif found["text"] or found["bare"]:
            levels[-1].take(Node("scalar", found.start(), found.end()))
    return root.members[0].value


def located_values(text: str) -> Iterator[Located]:
    """Yield every scalar value in the order of the text."""
    yield from _scalars(text, located(text), ())


def comments_in(text: str) -> list[str]:
    """Return every comment, in the order of the text."""
    return [found[0] for found in _TOKEN.finditer(text) if found.lastgroup is None]


def repeated_keys(text: str) -> list[str]:
    """Return a sentence per key that stands twice in its object: where it is, and on which lines.

    Parsers take the last of them without a word, whichever was meant.
    """
    return list(_repeated(text, located(text), ()))


def line_of(text: str, position: int) -> int:
    """Return the number of the line a position is on, the first is 1."""
    return text.count("\n", 0, position) + 1


def comma_after(text: str, position: int) -> int | None:
    """Return where the comma behind a value stands, comments passed over; None without one."""
    marks = (found for found in _TOKEN.finditer(text, position) if found["mark"])
    found = next(marks, None)
    return found.start() if found and found["mark"] == "," else None


def _follow_mark(levels: list[_Open], mark: str, position: int) -> None:
    if mark in "{[":
        levels.append(_Open(_KINDS[mark], position))
    elif mark in "}]":
        done = levels.pop()
        levels[-1].take(Node(done.kind, done.start, position + 1, tuple(done.members)))
    else:
        levels[-1].after_colon = mark == ":"


def _scalars(text: str, node: Node, path: tuple[str, ...]) -> Iterator[Located]:
    if node.kind == "scalar":
        yield Located(path, node.start, node.end, text[node.start : node.end])
    for member in node.members:
        yield from _scalars(text, member.value, _path_of(path, member))


def _repeated(text: str, node: Node, path: tuple[str, ...]) -> Iterator[str]:
    lines: dict[str, list[int]] = {}
    for member in node.members:
        if member.key is not None:
            lines.setdefault(member.key, []).append(line_of(text, member.start))
    for key, found in lines.items():
        if len(found) > 1:
            yield f"{'.'.join((*path, key))} stands on lines {', '.join(map(str, found))}"
    for member in node.members:
        yield from _repeated(text, member.value, _path_of(path, member))


def _path_of(path: tuple[str, ...], member: Member) -> tuple[str, ...]:
    # Lists have no key and add nothing to the path.
    return path if member.key is None else (*path, member.key)

"""Changes in a JSON text with comments that leave everything else as it is, byte for byte.

Each function takes a whole text and returns a whole text. Comments are never lost, except those of
a key that is taken out.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from llm_modules.errors import ConfigError
from llm_modules.operations.settings.located import Member, Node, comma_after, comments_in, located
from llm_modules.operations.settings.reading import parse_text

Path = tuple[str, ...]

INDENT = "    "
WIDTH = 100
_COMMENT = r"/\*(?:(?!\*/)[^\n])*\*/"
# What may follow a value that ends its line.
_REST = re.compile(
    rf"(?:[ \t]|{_COMMENT})*(?P<comma>,?)(?P<tail>(?:[ \t]|{_COMMENT})*(?://[^\r\n]*)?)\r?\n"
)
# White space that puts a comment into a column; a single blank does not.
_COLUMN = re.compile(r",?(?P<blanks>  +)(?=//)")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is put in: lines before it, the entry itself without its comma, a comment behind it."""

    body: str
    lead: str = ""
    tail: str = ""


def checked_tree(text: str, name: str) -> Node:
    """Return where everything stands.

    Raises ConfigError with line numbers for what is no settings text, or has a key twice.
    """
    parse_text(text, name)
    return located(text)


def with_value(text: str, path: Path, value: object, *, name: str = "config.json") -> str:
    """Return the text with a value at a path; what is missing on the way is put in.

    Raises ConfigError where the way leads through something that is no object.
    """
    node = checked_tree(text, name)
    for depth, key in enumerate(path):
        if node.kind != "object":
            where = ".".join(path[:depth])
            raise ConfigError(f"{name}: {where} is no object, so nothing can be set in it")
        member = node.member(key)
        if member is None:
            return _with_new(text, node, path[depth:], value)
        node = member.value
    return _replaced(text, node, value)


def without(text: str, path: Path) -> str:
    """Return the text without a key that is there, and without the comment behind it."""
    around = node_at(text, path[:-1])
    index = [member.key for member in around.members].index(path[-1])
    return _removed(text, around, index, with_comments=True)


def renamed(text: str, path: Path, key: str) -> str:
    """Return the text with the last key of a path that is there called otherwise."""
    member = node_at(text, path[:-1]).member(path[-1])
    if member is None:
        raise KeyError(path)
    _, end = json.JSONDecoder(strict=False).raw_decode(text, member.start)
    return text[: member.start] + json.dumps(key) + text[end:]


def node_at(text: str, path: Path) -> Node:
    """Return where the value at a path stands. Raises KeyError when there is none."""
    node = located(text)
    for key in path:
        member = node.member(key)
        if member is None:
            raise KeyError(path)
        node = member.value
    return node


def inserted(text: str, around: Node, index: int, entry: Entry) -> str:
    """Return the text with an entry put into an object or list, before what is at an index."""
    if not around.members:
        return text[: around.start + 1] + entry.body + text[around.start + 1 :]
    if index == 0:
        return _inserted_first(text, around.members[0], entry)
    before = around.members[index - 1]
    rest = rest_of_line(text, before)
    if rest is None:
        end = before.value.end
        return f"{text[:end]}, {entry.body}{text[end:]}"
    indent = indent_of(text, before) or ""
    comma = rest["comma"]
    # The last of an object without trailing comma gets one, and the new last has none.
    # Its own heading may stand there already, as when it was taken out by hand.
    is_headed = bool(entry.lead) and text.startswith(entry.lead, rest.end())
    place = rest.end() + (len(entry.lead) if is_headed else 0)
    head = text[: before.value.end] + ("" if comma else ",") + text[before.value.end : place]
    line = (
        f"{'' if is_headed else entry.lead}{indent}{entry.body}{comma}{entry.tail}{_newline(text)}"
    )
    return head + line + text[place:]


def rest_of_line(text: str, member: Member) -> re.Match[str] | None:
    """Return what follows an entry that has its line for itself, None when it shares it."""
    found = _REST.match(text, member.value.end)
    # A comma may also stand on the next line.
    if found is None or (not found["comma"] and comma_after(text, member.value.end) is not None):
        return None
    return None if indent_of(text, member) is None else found


def indent_of(text: str, member: Member) -> str | None:
    """Return the white space before an entry that begins its line, None when it does not."""
    before = text[text.rfind("\n", 0, member.start) + 1 : member.start]
    return None if before.strip() else before


def _with_new(text: str, around: Node, path: Path, value: object) -> str:
    for key in reversed(path[1:]):
        value = {key: value}
    indent = indent_of(text, around.members[-1]) if around.members else None
    body = f"{json.dumps(path[0])}: {_rendered(value, indent, len(path[0]) + 4)}"
    return inserted(text, around, len(around.members), Entry(body))


def _inserted_first(text: str, first: Member, entry: Entry) -> str:
    indent = indent_of(text, first)
    if indent is None:
        return f"{text[: first.start]}{entry.body}, {text[first.start :]}"
    start = first.start - len(indent)
    line = f"{entry.lead}{indent}{entry.body},{entry.tail}{_newline(text)}"
    return text[:start] + line + text[start:]


def _replaced(text: str, node: Node, value: object) -> str:
    token = text[node.start : node.end]
    former = parse_text(f'{{"value": {token}\n}}', "value")["value"]
    if _same(former, value):
        return text
    if isinstance(former, dict) and isinstance(value, Mapping):
        return _object_replaced(text, node, former, value)
    if isinstance(former, list) and isinstance(value, list | tuple):
        return _list_replaced(text, node, former, list(value))
    fresh = _rendered(value, None) + _kept(token)
    return text[: node.start] + fresh + _aligned(text[node.end :], len(fresh) - len(token))


def _object_replaced(
    text: str, node: Node, former: Mapping[str, Any], value: Mapping[str, Any]
) -> str:
    # From the end, so that the positions of those before stay right.
    for index in reversed(range(len(node.members))):
        member = node.members[index]
        key = str(member.key)
        if key in value:
            text = _replaced(text, member.value, value[key])
        else:
            text = _removed(text, node, index, with_comments=False)
    for key in value:
        if key not in former:
            text = _with_new(text, _again(text, node), (key,), value[key])
    return text


def _list_replaced(text: str, node: Node, former: list[Any], value: list[Any]) -> str:
    """Change only the items that differ, so that the comments of the others stay theirs."""
    pieces = [json.dumps(item) for item in former], [json.dumps(item) for item in value]
    changes = SequenceMatcher(None, *pieces, autojunk=False).get_opcodes()
    for kind, start, end, new_start, new_end in reversed(changes):
        if kind == "equal":
            continue
        common = min(end - start, new_end - new_start)
        for item in reversed(value[new_start + common : new_end]):
            around = _again(text, node)
            body = _rendered(item, None)
            text = inserted(text, around, start + common, Entry(body))
        for index in reversed(range(start + common, end)):
            text = _removed(text, _again(text, node), index, with_comments=False)
        for offset in reversed(range(common)):
            member = _again(text, node).members[start + offset]
            text = _replaced(text, member.value, value[new_start + offset])
    return text


def _again(text: str, node: Node) -> Node:
    """Return a node as it is after changes within it: it still starts where it did."""
    waiting = [located(text)]
    while waiting[-1].start != node.start:
        found = waiting.pop()
        waiting += [member.value for member in found.members if member.value.start <= node.start]
    return waiting[-1]


def _removed(text: str, around: Node, index: int, *, with_comments: bool) -> str:
    member = around.members[index]
    rest = rest_of_line(text, member)
    if rest is not None and with_comments:
        line_start = member.start - len(indent_of(text, member) or "")
        return text[:line_start] + text[rest.end() :]
    end = member.value.end
    before = text[: member.start]
    kept = "" if with_comments else _kept(text[member.start : end]).lstrip(" ")
    comma = comma_after(text, end)
    if comma is not None:
        return _joined(before + kept, text[end:comma] + text[comma + 1 :])
    # The last one of a line: the comma before it is not needed any more.
    return _joined(re.sub(r",[ \t]*$", "", before) + kept, text[end:])


def _joined(before: str, after: str) -> str:
    """Join what is left of a line, and take the line out when that is nothing."""
    line = before[before.rfind("\n") + 1 :]
    blank = re.match(r"[ \t]*\r?\n", after)
    if "\n" in before and blank and not line.strip():
        return before[: len(before) - len(line)] + after[blank.end() :]
    return before + after.lstrip(" ")


def _aligned(after: str, longer: int) -> str:
    """Keep a comment behind a value that got longer, or shorter, in its column."""
    found = _COLUMN.match(after)
    if found is None:
        return after
    blanks = max(1, len(found["blanks"]) - longer)
    return after[: found.start("blanks")] + " " * blanks + after[found.end() :]


def _kept(token: str) -> str:
    """Return the comments of what is replaced, so that whatever follows them is none."""
    lines = (
        f" {comment}\n" if comment.startswith("//") else f" {comment}"
        for comment in comments_in(token)
    )
    return "".join(lines)


def _rendered(value: object, indent: str | None, before: int = 0) -> str:
    """Write a value in one line; too long for its own line (`indent`), an item per line."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if indent is None or len(indent) + before + len(line) < WIDTH:
        return line
    block = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=len(INDENT))
    return block.replace("\n", f"\n{indent}")


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _same(former: object, value: object) -> bool:
    # To Python 1 equals true and 1.0; to a reader of the file they differ.
    return json.dumps(former) == json.dumps(value)

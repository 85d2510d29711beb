"""Keys a user's settings do not have yet, put in as the shipped file words them."""

from collections.abc import Iterator, Mapping
from typing import Any

from llm_modules.config import TraderConfig
from llm_modules.operations.settings.editing import (
    Entry,
    Path,
    indent_of,
    inserted,
    node_at,
    rest_of_line,
)
from llm_modules.operations.settings.located import Member, Node

BLOCKS = tuple(TraderConfig.model_fields)


def missing_keys(own: Mapping[str, Any], shipped: Mapping[str, Any]) -> tuple[Path, ...]:
    """Return the path of each key of our blocks that only the shipped settings have.

    A block that is missing is one path. What holds names of the user's own has no missing keys.
    """
    ours = {name: shipped[name] for name in BLOCKS if name in shipped}
    return tuple(_missing(own, ours, ()))


def with_shipped(text: str, shipped: str, path: Path) -> str:
    """Return a text with a key it lacks, as it stands in the shipped text: comments and place."""
    around, there = node_at(text, path[:-1]), node_at(shipped, path[:-1])
    names = [member.key for member in there.members]
    place = names.index(path[-1])
    before = [member.key for member in around.members if member.key in names[:place]]
    index = _index_after(around, before)
    entry = _fitting(_entry(shipped, there, place), _indent(text, around))
    is_there = bool(index) and _follows(text, around.members[index - 1], entry.lead)
    return inserted(text, around, index, entry if is_there else _without_twins(entry, text))


def _missing(own: Mapping[str, Any], shipped: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for key, value in shipped.items():
        if key not in own:
            yield (*path, key)
        elif isinstance(value, Mapping) and isinstance(own[key], Mapping):
            yield from _missing(own[key], value, (*path, key))


def _index_after(around: Node, before: list[str | None]) -> int:
    """Return the place behind the nearest of the keys that come before in the shipped file."""
    keys = [member.key for member in around.members]
    return keys.index(before[-1]) + 1 if before else 0


def _entry(shipped: str, there: Node, place: int) -> Entry:
    member = there.members[place]
    body = shipped[member.start : member.value.end]
    rest = rest_of_line(shipped, member)
    if rest is None:
        return Entry(body)
    start = member.start - len(indent_of(shipped, member) or "")
    return Entry(body, shipped[_end_before(shipped, there, place) : start], rest["tail"])


def _end_before(shipped: str, there: Node, place: int) -> int:
    """Return where the line before an entry and its heading ends."""
    if place == 0:
        return shipped.index("\n", there.start) + 1
    rest = rest_of_line(shipped, there.members[place - 1])
    return rest.end() if rest else there.members[place].start


def _fitting(entry: Entry, indent: str) -> Entry:
    """Indent an entry as its neighbours are."""
    lines = (f"{indent}{line.strip()}".rstrip() for line in entry.lead.splitlines())
    lead = "".join(f"{line}\n" for line in lines)
    return Entry(_reindented(entry.body, indent), lead, entry.tail)


def _follows(text: str, member: Member, lead: str) -> bool:
    rest = rest_of_line(text, member)
    return rest is not None and text.startswith(lead, rest.end())


def _without_twins(entry: Entry, text: str) -> Entry:
    """Leave out headings that stand elsewhere already, before keys that were not missing."""
    there = {line.strip() for line in text.splitlines()} - {""}
    lines = entry.lead.splitlines(keepends=True)
    lead = "".join(line for line in lines if line.strip() not in there)
    return Entry(entry.body, lead, entry.tail)


def _reindented(body: str, indent: str) -> str:
    first, *further = body.split("\n")
    if not further:
        return body
    # The bracket that closes a block stands where its key does.
    shift = len(further[-1]) - len(further[-1].lstrip(" "))
    return "\n".join([first, *((indent + line[shift:]).rstrip() for line in further)])


def _indent(text: str, around: Node) -> str:
    found: Member | None = around.members[0] if around.members else None
    return (indent_of(text, found) or "") if found else ""

"""What a prompt is made of, and how long each part is by the measure of the budget."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llm_modules.context.budget import prompt_weight
from llm_modules.dialogue import Prompt, ToolSpec
from llm_modules.weights import tokens, weight

# Templates may be the user's own: parts are told by their headings, whatever these say.
_HEADING = re.compile(r"(?m)^# (.+)$")
_QUOTED = re.compile(r"(?ms)^<quoted (\S+)>\n.*?^</quoted \1>$")
_TITLE = re.compile(r"(?m)^## (.+)$")
_FIRST = "pair"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of what is sent, and its estimated tokens."""

    name: str
    tokens: int


def sections(prompt: Prompt) -> tuple[Section, ...]:
    """Return the parts in the order they are sent: system prompt, user message, tools."""
    system, user = prompt.messages[0].content, prompt.messages[-1].content
    parts = [("system prompt", system), *_parts(user)]
    told = [Section(name, tokens(weight(text))) for name, text in parts]
    offered = [Section(f"tool {one.name}", tokens(weight(as_sent(one)))) for one in prompt.tools]
    return (*told, *offered)


def whole(prompt: Prompt) -> int:
    """Return the estimated tokens of all that is sent, as the budget counts them."""
    return tokens(prompt_weight(prompt))


def tool(spec: ToolSpec) -> Mapping[str, object]:
    """Return a tool as compatible servers are sent it."""
    function = {
        "name": spec.name,
        "description": spec.description,
        "parameters": dict(spec.parameters),
    }
    return {"type": "function", "function": function}


def as_sent(spec: ToolSpec) -> str:
    """Return a tool as one line of JSON."""
    return json.dumps(tool(spec), separators=(",", ":"))


def _parts(user: str) -> Iterator[tuple[str, str]]:
    """Divide a user message at its headings and around what is quoted; nothing is left out."""
    name, start = _FIRST, 0
    for begin, end, following in _marks(user):
        if user[start:begin].strip():
            yield name, user[start:begin]
        if end is not None:
            yield following, user[begin:end]
            name, start = "after what is quoted", end
        else:
            name, start = following, begin
    if user[start:].strip():
        yield name, user[start:]


def _marks(user: str) -> list[tuple[int, int | None, str]]:
    """Return where a part begins, where it ends if it says so itself, and its name."""
    blocks = list(_QUOTED.finditer(user))
    quoted = [
        (one.start(), one.end(), f"past: {', '.join(_TITLE.findall(one[0]))}") for one in blocks
    ]
    headings = [
        (one.start(), None, one[1])
        for one in _HEADING.finditer(user)
        if not any(block.start() < one.start() < block.end() for block in blocks)
    ]
    return sorted([*quoted, *headings], key=lambda mark: mark[0])

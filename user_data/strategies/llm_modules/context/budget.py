"""The token budget: how long a prompt is, and which lines go first when it is too long.

Never dropped: the system prompt, the facts, the position with its thesis, the account, the tools,
the other timeframes' newest state, and the newest three rows of every history.
"""

import json
from collections.abc import Sequence
from functools import lru_cache

from llm_modules.context.blocks import Block, Kind
from llm_modules.dialogue import Prompt, ToolSpec
from llm_modules.weights import weight

# Least valuable first: drop lines of this kind until so many are left, then go on to the next.
DROP_ORDER: tuple[tuple[Kind, int], ...] = (
    ("candles", 20),
    ("timeframe_candles", 3),
    ("candles", 3),
    ("decisions", 3),
    # One trade is an anecdote: what several taught together stands in the lists after it.
    ("trades", 1),
    ("patterns", 0),
    ("statistics", 0),
    ("lessons", 1),
    ("decisions", 0),
    ("trades", 0),
    ("lessons", 0),
    # Last, because the gate may refuse for one of them.
    ("habits", 0),
)
_COMMA = weight(",")
# System prompts: the same for every question of a task.
_standing_weight = lru_cache(maxsize=16)(weight)
# Learning puts the most telling sentence first; rows in time have the newest last.
_BEST_FIRST: frozenset[Kind] = frozenset({"patterns", "statistics", "lessons", "habits"})


def prompt_weight(prompt: Prompt) -> int:
    """Return the weight of all that is sent: the messages' text and the tools as compact JSON."""
    told = sum(_standing_weight(message.content) for message in prompt.messages[:-1])
    told += sum(weight(message.content) for message in prompt.messages[-1:])
    # Weights add up, so each tool is weighed once; between two stands a comma.
    tools = sum(_tool_weight(_Offer(tool)) + _COMMA for tool in prompt.tools)
    return told + weight("[]") + max(0, tools - _COMMA)


def drop(blocks: Sequence[Block], excess: int) -> tuple[Block, ...]:
    """Drop the least valuable lines until at least so much weight is saved, or none may go.

    Each line is measured once. A block that lost all its lines is left out.
    """
    kept = list(blocks)
    for kind, fewest in DROP_ORDER:
        for position, block in enumerate(kept):
            if block.kind != kind or excess <= 0:
                continue
            kept[position], saved = _shortened(block, fewest, excess)
            excess -= saved
    return tuple(block for block in kept if block.lines)


class _Offer:
    """A tool as a key: equal to itself alone, for a schema has no hash."""

    __slots__ = ("tool",)

    def __init__(self, tool: ToolSpec) -> None:
        self.tool = tool

    def __hash__(self) -> int:
        return id(self.tool)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Offer) and other.tool is self.tool


@lru_cache(maxsize=64)
def _tool_weight(offer: _Offer) -> int:
    tool = offer.tool
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return weight(json.dumps({"type": "function", "function": function}, separators=(",", ":")))


def _shortened(block: Block, fewest: int, excess: int) -> tuple[Block, int]:
    """Drop lines of one block, at most down to `fewest`; return it and the weight saved."""
    best_first = block.kind in _BEST_FIRST
    leaving = block.lines[::-1] if best_first else block.lines
    count = saved = 0
    while count < len(leaving) - fewest and saved < excess:
        saved += weight(f"{leaving[count]}\n")
        count += 1
    lines = block.lines[: len(leaving) - count] if best_first else block.lines[count:]
    return Block(block.kind, block.title, lines, block.header), saved

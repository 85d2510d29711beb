"""The token budget: how long a prompt is, and which lines go first when it is too long.

Never dropped: the system prompt, the facts, the position with its thesis, the account, the tools,
the other timeframes' newest state, and the newest three rows of every history.
"""

import json
from collections.abc import Sequence
from functools import lru_cache

from llm_modules.context.blocks import Block, Kind
from llm_modules.dialogue import Prompt, ToolSpec
from llm_modules.weights import encoded_weight, most_encoded_weight, weight

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
# System prompts: the same for every question of a task.
_standing_weight = lru_cache(maxsize=16)(weight)
# Learning puts the most telling sentence first; rows in time have the newest last.
_BEST_FIRST: frozenset[Kind] = frozenset({"patterns", "statistics", "lessons", "habits"})


def prompt_weight(prompt: Prompt) -> int:
    """Return the weight of all that is sent: the messages' text and the tools as compact JSON."""
    told = sum(weight(message.content) for message in prompt.messages[-1:])
    return told + _weight_before(prompt)


def excess_weight(prompt: Prompt, limit: int) -> int:
    """Return how much heavier than `limit` a prompt is, 0 where it fits.

    Most fit by so much that their length tells, without a look at each character.
    """
    content, left = prompt.messages[-1].content.encode(), limit - _weight_before(prompt)
    return 0 if most_encoded_weight(content) <= left else max(0, encoded_weight(content) - left)


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


def _weight_before(prompt: Prompt) -> int:
    """Return the weight of all but the last message."""
    standing = sum([_standing_weight(message.content) for message in prompt.messages[:-1]])
    return standing + _offer_weight(_Offer(prompt.tools))


class _Offer:
    """Tools as a key: each equal to itself alone, for a schema has no hash."""

    __slots__ = ("_numbers", "tools")

    def __init__(self, tools: tuple[ToolSpec, ...]) -> None:
        # Kept with the tools, so that no other object gets the same number meanwhile.
        self._numbers = tuple(map(id, tools))
        self.tools = tools

    def __hash__(self) -> int:
        return hash(self._numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Offer) and other._numbers == self._numbers


@lru_cache(maxsize=64)
def _offer_weight(offer: _Offer) -> int:
    functions = [
        {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        }
        for tool in offer.tools
    ]
    sent = [{"type": "function", "function": function} for function in functions]
    return weight(json.dumps(sent, separators=(",", ":")))


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

"""The token budget: how long a prompt is, and which lines go first when it is too long.

Never dropped: the system prompt, the facts, the position with its thesis, the account, the tools,
and the newest three rows of every table.

A token is a third of the bytes, half a token more for each digit, and a third more for each
character of three bytes. In the vocabularies measured (cl100k, o200k, DeepSeek's, Anthropic's)
tables of numbers have 1.6 bytes per token, prose and JSON 3.8, and a Chinese character takes 0.6 to
1.3 tokens. Whole prompts came out above the true count, never below. Lengths are kept as weights,
sixths of a token, so that sums stay whole.
"""

import json
import math
from collections.abc import Sequence

from llm_modules.context.blocks import Block, Kind
from llm_modules.domain import Prompt

_DIGITS = b"0123456789"
# The bytes that characters of three bytes begin with, Chinese ones among them.
_LEADS_OF_THREE = bytes(range(0xE0, 0xF0))
_WEIGHT_OF_TOKEN = 6
_WEIGHT_OF_BYTE = 2
_WEIGHT_OF_DIGIT = 3
_WEIGHT_OF_WIDE = 2

# Least valuable first: drop lines of this kind until so many are left, then go on to the next.
DROP_ORDER: tuple[tuple[Kind, int], ...] = (
    ("candles", 20),
    ("indicators", 20),
    ("timeframe_candles", 3),
    ("candles", 3),
    ("indicators", 3),
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
# Learning puts the most telling sentence first; rows in time have the newest last.
_BEST_FIRST: frozenset[Kind] = frozenset({"patterns", "statistics", "lessons", "habits"})


def weight(text: str) -> int:
    """Return the length of a text in sixths of a token."""
    content = text.encode()
    bare = content.translate(None, _DIGITS)
    digits = len(content) - len(bare)
    wide = len(bare) - len(bare.translate(None, _LEADS_OF_THREE))
    return len(content) * _WEIGHT_OF_BYTE + digits * _WEIGHT_OF_DIGIT + wide * _WEIGHT_OF_WIDE


def prompt_weight(prompt: Prompt) -> int:
    """Return the weight of all that is sent: the messages' text and the tools as compact JSON."""
    offered = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            },
        }
        for tool in prompt.tools
    ]
    texts = [message.content for message in prompt.messages]
    return sum(map(weight, (*texts, json.dumps(offered, separators=(",", ":")))))


def tokens(weight: int) -> int:
    """Return the tokens of a weight, rounded up."""
    return math.ceil(weight / _WEIGHT_OF_TOKEN)


def weight_of_tokens(count: int) -> int:
    """Return the weight that so many tokens allow."""
    return count * _WEIGHT_OF_TOKEN


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


def _shortened(block: Block, fewest: int, excess: int) -> tuple[Block, int]:
    """Drop lines of one block, at most down to `fewest`; return it and the weight saved."""
    best_first = block.kind in _BEST_FIRST
    leaving = block.lines[::-1] if best_first else block.lines
    count = saved = 0
    while count < len(leaving) - fewest and saved < excess:
        saved += weight(leaving[count]) + _WEIGHT_OF_BYTE
        count += 1
    lines = block.lines[: len(leaving) - count] if best_first else block.lines[count:]
    return Block(block.kind, block.title, lines, block.header), saved

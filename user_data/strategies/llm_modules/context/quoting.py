"""Text from a model, a user or an exchange is data: made harmless, then quoted as such.

Servers of open models read their chat template's control tokens (`<|im_start|>`, `[INST]`,
`<think>`, `</s>`) inside ordinary text as real ones, so that a lesson could open a forged system
turn. Every such token begins with a bracket that touches what follows: a space after it breaks
them all, those of models to come included, and a comparison stays readable. MiniMax's begin with
`]~`, the one form that needs its own rule.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from llm_modules.context.blocks import Block, Quotes

LONGEST_TEXT = 300
LONGEST_NAME = 64
NOTHING = "-"

# A bracket that touches what follows, except in <= which nothing but comparisons use.
_OPENING = re.compile(r"[<\[](?=[^\s=])|\](?=~)")
_NAME_CHARACTERS = frozenset("/:-._")


def quoted(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return text as one printable line of at most `longest` characters, control tokens broken.

    Normalised to NFKC, which turns full-width forms into plain ones before they are judged. An
    empty result is `-`.
    """
    # A bound before the work: NFKC may grow a megabyte eighteenfold.
    return _quoted(text[: 4 * longest], longest)


def one_word(text: str) -> str:
    """Return a name of the exchange as a word: letters, digits and `/:-._`, others become `_`."""
    return _one_word(text[:LONGEST_NAME])


def fence_id(lines: Sequence[str]) -> str:
    """Return an id that occurs nowhere in the lines, and is the same for the same lines.

    It marks begin and end of the quoted block. Who writes a lesson cannot foresee the hash of the
    block it will stand in.
    """
    content = "\n".join(lines)
    candidate = _digest(content)
    # Of no practical chance, and cheaper to rule out than to argue about.
    while candidate in content:
        candidate = _digest(candidate + content)
    return candidate


def quotes(blocks: Iterable[Block]) -> Quotes:
    """Return lists of others' text within one fence; where it is closed depends on them alone."""
    fenced = tuple(blocks)
    return Quotes(_fence_id(tuple([line for block in fenced for line in block.lines])), fenced)


# What lasts stays the same for many candles.
_fence_id = lru_cache(maxsize=512)(fence_id)


# Both are asked for the same texts candle after candle.
@lru_cache(maxsize=4096)
def _quoted(text: str, longest: int) -> str:
    line = _OPENING.sub(lambda match: match[0] + " ", " ".join(_normal(text).split()))
    return _capped(line, longest) or NOTHING


@lru_cache(maxsize=1024)
def _one_word(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    word = "".join(char if char.isalnum() or char in _NAME_CHARACTERS else "_" for char in plain)
    return word[:LONGEST_NAME] or NOTHING


def _capped(line: str, longest: int) -> str:
    return line if len(line) <= longest else line[: longest - 2].rstrip() + " …"


def _normal(text: str) -> str:
    # Nearly all text is plain, which this takes a fiftieth of the time to find out.
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFKC", "".join(filter(_is_visible, text)))


def _is_visible(char: str) -> bool:
    """Keep what can be read, and white space, which is folded later; not control or format."""
    return char.isspace() or unicodedata.category(char)[0] != "C"


def _digest(content: str) -> str:
    # Nine decimals are three tokens, the same bits in hexadecimal seven.
    number = int.from_bytes(hashlib.sha256(content.encode()).digest()[:8], "big")
    return f"{number % 10**9:09d}"

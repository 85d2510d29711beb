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
from collections.abc import Sequence

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
    visible = "".join(filter(_is_visible, text[: 4 * longest]))
    normal = unicodedata.normalize("NFKC", visible)
    line = _OPENING.sub(lambda match: match[0] + " ", " ".join(normal.split()))
    return _capped(line, longest) or NOTHING


def one_word(text: str) -> str:
    """Return a name of the exchange as a word: letters, digits and `/:-._`, others become `_`."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST_NAME])
    word = "".join(char if char.isalnum() or char in _NAME_CHARACTERS else "_" for char in plain)
    return word[:LONGEST_NAME] or NOTHING


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


def _capped(line: str, longest: int) -> str:
    return line if len(line) <= longest else line[: longest - 2].rstrip() + " …"


def _is_visible(char: str) -> bool:
    """Keep what can be read, and white space, which is folded later; not control or format."""
    return char.isspace() or unicodedata.category(char)[0] != "C"


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:12]

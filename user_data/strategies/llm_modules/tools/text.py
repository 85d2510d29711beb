"""Text from a model, made safe to store, print and quote: one line, printable, bounded."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST_TEXT = 2000


def printable(value: str) -> str:
    """Normalise to NFKC, drop control, format and surrogate characters, fold white space.

    Raises ValueError when nothing readable is left, or more than LONGEST_TEXT (NFKC can grow).
    """
    # Nearly all texts are plain ones, in which nothing is to be changed but white space.
    kept = value if value.isascii() and value.isprintable() else _readable(value)
    folded = " ".join(kept.split())
    if not folded:
        raise ValueError("must hold readable text")
    if len(folded) > LONGEST_TEXT:
        raise ValueError(f"must not be longer than {LONGEST_TEXT} characters")
    return folded


def _readable(value: str) -> str:
    normal = unicodedata.normalize("NFKC", value)
    return "".join(" " if char.isspace() else char for char in normal if _is_readable(char))


def _is_readable(char: str) -> bool:
    return char.isspace() or unicodedata.category(char)[0] != "C"


Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(printable)]

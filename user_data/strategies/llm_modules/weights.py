"""How long a text is to a model, judged without its vocabulary.

A token is a third of the bytes, half a token more for each digit, and a third more for each
character of three bytes. In the vocabularies measured (cl100k, o200k, DeepSeek's, Anthropic's)
tables of numbers have 1.6 bytes per token, prose and JSON 3.8, and a Chinese character takes 0.6 to
1.3 tokens. Whole prompts came out above the true count, never below. Lengths are kept as weights,
sixths of a token, so that sums stay whole.
"""

import math

_DIGITS = b"0123456789"
# The bytes that characters of three bytes begin with, Chinese ones among them.
_LEADS_OF_THREE = bytes(range(0xE0, 0xF0))
_WEIGHT_OF_TOKEN = 6
_WEIGHT_OF_BYTE = 2
_WEIGHT_OF_DIGIT = 3
_WEIGHT_OF_WIDE = 2
# No byte weighs more than a digit: the surplus of a wide character is shared by three.
_HEAVIEST_BYTE = _WEIGHT_OF_BYTE + _WEIGHT_OF_DIGIT


def weight(text: str) -> int:
    """Return the length of a text in sixths of a token."""
    return encoded_weight(text.encode())


def encoded_weight(content: bytes) -> int:
    """Return the length of a text in UTF-8 in sixths of a token."""
    bare = content.translate(None, _DIGITS)
    digits = len(content) - len(bare)
    wide = 0 if bare.isascii() else len(bare) - len(bare.translate(None, _LEADS_OF_THREE))
    return len(content) * _WEIGHT_OF_BYTE + digits * _WEIGHT_OF_DIGIT + wide * _WEIGHT_OF_WIDE


def most_encoded_weight(content: bytes) -> int:
    """Return what a text in UTF-8 cannot exceed, told by its length alone."""
    return len(content) * _HEAVIEST_BYTE


def tokens(weight: int) -> int:
    """Return the tokens of a weight, rounded up."""
    return math.ceil(weight / _WEIGHT_OF_TOKEN)


def weight_of_tokens(count: int) -> int:
    """Return the weight that so many tokens allow."""
    return count * _WEIGHT_OF_TOKEN

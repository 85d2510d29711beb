"""An attempt, named by its content: what was sent, as texts that are each stored once.

A request becomes a small object that names its messages and tools by their hashes; it is a text
itself, and its hash names the request.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

HASH_CHARACTERS = 32
# 64 bits name a million attempts without a likely clash.
ID_CHARACTERS = 16
# An answer has at most a million bytes, and escaping makes six of one.
LARGEST_TEXT_BYTES = 8_000_000
# Sorted: a name must not depend on the order in which a request was put together.
# ASCII: half a surrogate pair from a model has no UTF-8.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
# Only Python reads whole numbers beyond 64 bits; a name with as many digits does no harm.
_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = b"0" * 16


@dataclass(frozen=True, slots=True)
class Response:
    """What came back for a request: an answer, an error, or both.

    Both, when the server answered with what is no completion.
    """

    id: str
    at: datetime
    answer: Mapping[str, Any] | None
    error: str | None
    latency_seconds: float


@dataclass(frozen=True, slots=True)
class Attempt(Response):
    """One request as it was sent, and what came back; `nth` counts from 1."""

    nth: int
    model: str
    request: Mapping[str, Any]


def tape_id_of(request_hash: str, nth: int) -> str:
    """Return the id of the nth asking of a request, whether it is on a tape or not."""
    return hashlib.sha256(f"{request_hash}/{nth}".encode()).hexdigest()[:ID_CHARACTERS]


class Texts:
    """Texts waiting to be stored, compressed, by the hash of what they say."""

    def __init__(self) -> None:
        self.by_hash: dict[str, bytes] = {}

    def add_request(self, request: Mapping[str, Any]) -> str:
        """Add a request, every item of its lists apart, and return its hash."""
        return _named(request, self.add)

    def add_named(self, texts: Mapping[str, bytes]) -> None:
        """Add texts that have their hashes already, as `canonical` writes them."""
        for name, text in texts.items():
            self.by_hash[name] = _compressed(text)

    def add(self, value: object) -> str:
        """Add a value as JSON and return its hash.

        Raises TypeError, ValueError or RecursionError when it cannot be JSON.
        """
        text = canonical(value)
        name = text_hash(text)
        self.by_hash[name] = _compressed(text)
        return name


def request_hash_of(request: Mapping[str, Any]) -> str:
    """Return the hash by which a tape knows a request.

    Raises TypeError, ValueError or RecursionError when it cannot be JSON.
    """
    return _named(request, lambda value: text_hash(canonical(value)))


def rebuilt_request(packed: Any, text: Callable[[str], Any]) -> dict[str, Any]:
    """Return a request with the items of its lists put back; `text` reads one by its hash.

    Raises ValueError for what is no packed request.
    """
    match packed:
        case {"plain": dict(plain), "lists": dict(lists)}:
            return {**plain, **{name: [text(item) for item in lists[name]] for name in lists}}
    raise ValueError("a request is not what was written")


def unpacked(name: str, body: bytes | None) -> Any:
    """Return a stored text as the value it was.

    Raises ValueError or zlib.error when it is missing or not what was written.
    """
    # A few bytes of a forged tape could otherwise become gigabytes.
    text = zlib.decompressobj().decompress(body, LARGEST_TEXT_BYTES) if body is not None else b""
    if text_hash(text) != name:
        raise ValueError(f"text {name} is not what was written")
    return _value(text)


def _value(text: bytes) -> Any:
    """Return what a JSON text says, as `json.loads` does, but faster where both read the same.

    Raises ValueError for what is no JSON.
    """
    if _LONG_NUMBER not in text.translate(_TO_ZERO):
        # Half surrogate pairs, NaN, what is nested deeply, another encoding: Python knows better.
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    return json.loads(text)


def _named(request: Mapping[str, Any], name: Callable[[object], str]) -> str:
    """Name a request by what names the items of its lists, and by all else in it."""
    lists = {field: value for field, value in request.items() if isinstance(value, list)}
    plain = {field: value for field, value in request.items() if field not in lists}
    named = {field: [name(item) for item in items] for field, items in lists.items()}
    return name({"plain": plain, "lists": named})


def canonical(value: object) -> bytes:
    """Return a value as the one JSON text that is stored, and named by its hash.

    Raises TypeError, ValueError or RecursionError when it cannot be JSON.
    """
    return _ENCODER.encode(value).encode("ascii")


# The rules and the tools come again with every request.
@lru_cache(maxsize=32)
def _compressed(text: bytes) -> bytes:
    return zlib.compress(text)


def text_hash(text: bytes) -> str:
    """Return the name of a text: SHA-256 of its bytes, shortened to 128 bits."""
    return hashlib.sha256(text).hexdigest()[:HASH_CHARACTERS]

"""How a request is called, and how long it is, found fast: what comes again is looked at once.

A replay names thousands of requests a second, and the rules and the tools of nearly all of them are
the same.
"""

import json
import marshal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import orjson

from llm_modules.llm.attempts import canonical, text_hash
from llm_modules.weights import tokens, weight

# Rules, tools and settings of several stances and models, and the newest messages.
MOST_KEPT = 64
# Without references, which would depend on who else holds a text.
_MARSHAL_VERSION = 2
_SEPARATOR_WEIGHT, _SPACE_WEIGHT = weight(", "), weight(" ")
# The one letter of ASCII that JSON may escape or not.
_DELETE = "\x7f"
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Name:
    """The hash of a request as it is sent, and the tokens that its body is judged to have."""

    request_hash: str
    estimated_tokens: int


class Naming:
    """Names requests to one server: as `request_hash_of` and `estimated_tokens` do, but faster."""

    def __init__(self, provider: str) -> None:
        self._provider = {"provider": provider}
        self._item = _by_content(_item)
        self._frame_weight = _by_content(_weight)
        self._last: tuple[Mapping[str, Any], Name] | None = None

    def name(self, body: Mapping[str, Any]) -> Name:
        """Return the name of a request.

        Raises TypeError, ValueError or RecursionError when it cannot be JSON.
        """
        # First it is asked whether a request is there, and then what came back.
        if self._last is None or self._last[0] is not body:
            self._last = body, self._name(body)
        return self._last[1]

    def _name(self, body: Mapping[str, Any]) -> Name:
        lists: dict[str, list[str]] = {}
        plain = {**self._provider, **body}
        total = self._frame_weight({key: _emptied(value) for key, value in body.items()})
        for field, value in body.items():
            if isinstance(value, list):
                items = [self._item(one) for one in value]
                lists[field] = [name for name, _ in items]
                total += sum(weight for _, weight in items)
                total += _SEPARATOR_WEIGHT * max(0, len(items) - 1)
                del plain[field]
        return Name(text_hash(canonical({"plain": plain, "lists": lists})), tokens(total))


def _item(item: Any) -> tuple[str, int]:
    """Return the hash of an item of a list, and its weight."""
    # Numbers are written by the two in different ways.
    if type(item) is dict and item and all(type(text) is str for text in item.values()):
        # Half a surrogate pair has no UTF-8.
        with suppress(orjson.JSONEncodeError):
            text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()
            is_canonical = text.isascii() and _DELETE not in text
            name = text_hash(text.encode() if is_canonical else canonical(item))
            # It has none after colons and commas.
            return name, weight(text) + _SPACE_WEIGHT * (2 * len(item) - 1)
    return text_hash(canonical(item)), _weight(item)


def _weight(value: Any) -> int:
    return weight(json.dumps(value, ensure_ascii=False))


def _emptied(value: Any) -> Any:
    return [] if isinstance(value, list) else value


def _by_content(make: Callable[[Any], _Result]) -> Callable[[Any], _Result]:
    """Return what makes something of a value once, as long as that comes again soon."""

    @lru_cache(MOST_KEPT)
    def made_of(content: bytes) -> _Result:
        return make(marshal.loads(content))  # noqa: S302 - written below, a moment ago

    def made(value: Any) -> _Result:
        try:
            content = marshal.dumps(value, _MARSHAL_VERSION)
        # No plain JSON, or too deep: JSON says so too, or knows better.
        except ValueError:
            return make(value)
        return made_of(content)

    return made

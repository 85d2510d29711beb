"""How a request is called, and how long it is, found fast: what comes again is looked at once.

A replay names thousands of requests a second, and the rules and the tools of nearly all of them are
the same.
"""

import json
import marshal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import orjson

from llm_modules.llm.attempts import canonical, text_hash
from llm_modules.llm.kept import MOST_KEPT, KeptByIdentity
from llm_modules.weights import encoded_weight, tokens, weight

# Without references, which would depend on who else holds a text.
_MARSHAL_VERSION = 2
_SEPARATOR_WEIGHT, _SPACE_WEIGHT = weight(", "), weight(" ")
# The one letter of ASCII that JSON may escape or not, and the bytes of UTF-8 that characters begin
# with which Python escapes in another way than JSON.
_ESCAPED_OTHERWISE = b"\x7f\xc2\xc3\xf0\xf1\xf2\xf3\xf4"
# What our own texts are cut short with: of all that is no ASCII it alone is in most prompts.
_ELLIPSIS, _ESCAPED_ELLIPSIS = "…".encode(), canonical("…").strip(b'"')
_ONLY_TEXT = {str}
# Of an item: the hash by which it is named, what it says as JSON, and its weight.
_Named = tuple[str, bytes, int]
# Of a list: its items, their hashes as JSON, and the weight of all of it.
_Listed = tuple[list[_Named], bytes, int]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Name:
    """The hash of a request as it is sent, and the tokens that its body is judged to have."""

    request_hash: str
    estimated_tokens: int


class Written(NamedTuple):
    """What a tape stores of a request: itself and the items of its lists, each by its hash."""

    request_hash: str
    texts: Mapping[str, bytes]


class _Frame(NamedTuple):
    """What of a request is in no list: its text, and its weight with empty lists.

    `fields` are those that are lists, in the order of their names, each with its name as JSON.
    """

    fields: tuple[tuple[str, bytes], ...]
    plain: bytes
    weight: int


class Naming:
    """Names requests to one server: as `request_hash_of` and `estimated_tokens` do, but faster."""

    def __init__(self, provider: str) -> None:
        self._provider = {"provider": provider}
        self._frame = _by_content(self._framed)
        self._item = _by_content(_item)
        # A list is not changed any more once it is asked about, nor is a text ever.
        self._lists = KeptByIdentity[_Listed]()
        self._texts = KeptByIdentity[_Named]()
        self._last: tuple[Mapping[str, Any], Name] | None = None

    def name(self, body: Mapping[str, Any]) -> Name:
        """Return the name of a request.

        Raises TypeError, ValueError or RecursionError when it cannot be JSON.
        """
        # First it is asked whether a request is there, and then what came back.
        if self._last is None or self._last[0] is not body:
            self._last = body, self._name(body)
        return self._last[1]

    def written(self, body: Mapping[str, Any]) -> Written:
        """Return what a tape stores of a request, as `Texts` would find it; raises as `name`."""
        named, lists, _ = self._parts(body)
        name = self.name(body).request_hash
        items = {item: text for listed, _, _ in lists for item, text, _ in listed}
        return Written(name, {**items, name: named})

    def _name(self, body: Mapping[str, Any]) -> Name:
        named, _, heavy = self._parts(body)
        return Name(text_hash(named), tokens(heavy))

    def _parts(self, body: Mapping[str, Any]) -> tuple[bytes, Iterable[_Listed], int]:
        """Return a request's own text, the lists that it names, and the weight of all of it."""
        lists = {key: self._list(value) for key, value in body.items() if isinstance(value, list)}
        frame = self._frame({**body, **{key: [] for key in lists}})
        # As `canonical` would write both together.
        told = b",".join([b"%b:%b" % (label, lists[key][1]) for key, label in frame.fields])
        named = b'{"lists":{%b},"plain":%b}' % (told, frame.plain)
        weight = sum([weight for _, _, weight in lists.values()], frame.weight)
        return named, lists.values(), weight

    def _framed(self, emptied: Mapping[str, Any]) -> "_Frame":
        whole = {**self._provider, **emptied}
        plain = {key: value for key, value in whole.items() if not isinstance(value, list)}
        labels = tuple((key, canonical(key)) for key in sorted(whole.keys() - plain.keys()))
        return _Frame(labels, canonical(plain), _weight(emptied))

    def _list(self, items: list[Any]) -> _Listed:
        return self._lists.of((items,), lambda: self._listed(items))

    def _listed(self, items: list[Any]) -> _Listed:
        named = [self._named(item) for item in items]
        names = ",".join([f'"{name}"' for name, _, _ in named])
        separators = _SEPARATOR_WEIGHT * max(0, len(items) - 1)
        total = sum([weight for _, _, weight in named], separators)
        return named, f"[{names}]".encode(), total

    def _named(self, item: Any) -> _Named:
        if type(item) is dict and item:
            parts = (*item, *item.values())
            # Numbers are written by the two encoders in different ways.
            if {*map(type, parts)} == _ONLY_TEXT:
                return self._texts.of(parts, lambda: _of_texts(item))
        return self._item(item)


def _of_texts(item: dict[str, str]) -> _Named:
    try:
        content = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    # Half a surrogate pair has no UTF-8.
    except orjson.JSONEncodeError:
        return _item(item)
    text = _escaped(content) or canonical(item)
    # It has no space after colons and commas.
    weight = encoded_weight(content) + _SPACE_WEIGHT * (2 * len(item) - 1)
    return text_hash(text), text, weight


def _item(item: Any) -> _Named:
    text = canonical(item)
    return text_hash(text), text, _weight(item)


def _escaped(content: bytes) -> bytes | None:
    """Return a JSON text of texts as `canonical` writes it, None where Python escapes otherwise."""
    if any(byte in content for byte in _ESCAPED_OTHERWISE):
        return None
    content = content.replace(_ELLIPSIS, _ESCAPED_ELLIPSIS)
    if content.isascii():
        return content
    return content.decode().encode("ascii", "backslashreplace")


def _weight(value: Any) -> int:
    return weight(json.dumps(value, ensure_ascii=False))


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

"""Secrets taken out of whatever is written down: keys, and names of accounts and people."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import SecretStr

# Shorter ones are placeholders such as `EMPTY`: taken out of a text they would take it apart.
SHORTEST_SECRET = 6
KEY, ACCOUNT, EMAIL = "[key]", "[account]", "[email]"
# A letter as JSON may write it, within JSON within JSON too: `\\u0073`, `\\\\u0073`, `\\/`.
_ESCAPED = re.compile(r"(?:\\(?:u005[cC])?){1,8}(?:u00([2-7][0-9a-fA-F])|/)")
# A word of its own: `sk-` ends `risk-` too.
FREE = r"(?<![A-Za-z0-9])"


class Shape:
    """What a kind of secret looks like: a mark that no text without one holds, and around it.

    `before` and `after` match no more than a bounded number of characters: a megabyte of bait
    takes no longer than any other. `after` matches in JSON what it matches in the text itself.
    """

    def __init__(self, mark: str, after: str, instead: str, before: str = FREE) -> None:
        self._mark = mark
        self._instead = instead
        # Of what begins with known letters Python finds the beginning fast.
        self._hint = re.compile(mark + after, re.ASCII)
        self._pattern = re.compile(before + mark + after, re.ASCII)

    def may_be_in(self, text: str) -> bool:
        """Tell whether one may be in a text, or in what a text is the JSON of."""
        return self._mark in text and self._hint.search(text) is not None

    def taken_out(self, text: str) -> str:
        """Return a text without any."""
        return self._pattern.sub(self._instead, text) if self._mark in text else text


SHAPES = (
    # With its word, before the key alone is found in it.
    Shape(
        "uthorization",
        r"[\\\"']{0,3} {0,4}[:=][ \\\"']{0,4}(?:(?:[Bb]earer|[Bb]asic|[Tt]oken) {1,4})?"
        r"[^\s\\\"',]{1,4096}",
        KEY,
        r"\b(?:[Pp]roxy-)?[Aa]",
    ),
    Shape("earer", r" {1,4}[\w.~+/=-]{8,}", KEY, r"\b[Bb]"),
    # OpenAI, Anthropic (sk-ant-), OpenRouter (sk-or-), DeepSeek, DashScope.
    Shape("sk-", r"[\w-]{16,}", KEY),
    # Google, Groq, Hugging Face, xAI.
    *(Shape(mark, r"[\w-]{16,}", KEY) for mark in ("AIza", "gsk_", "hf_", "xai-")),
    # OpenAI's names of organisations, projects and users; its rate limits tell the first.
    *(Shape(mark, r"[-_][A-Za-z0-9]{16,}", ACCOUNT) for mark in ("org", "proj", "user")),
    # With a last part of letters: BTC@45000.5 is a price.
    Shape(
        "@",
        r"(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
        EMAIL,
        r"(?<![\w.+-])[\w.+-]{1,64}",
    ),
)
# Fields that name who asks or hold what lets him, wherever in a request or an answer they stand.
SECRET_FIELDS: Mapping[str, str] = {
    **dict.fromkeys(("Authorization", "authorization", "api_key", "x-api-key"), KEY),
    **dict.fromkeys(("account", "account_id", "email", "organization", "organization_id"), ACCOUNT),
    **dict.fromkeys(("org_id", "safety_identifier", "user", "user_id"), ACCOUNT),
}
_FIELD = re.compile(f'"(?:{"|".join(map(re.escape, SECRET_FIELDS))})": ')


def through_escapes(text: str, clean: Callable[[str], str]) -> str:
    """Clean a text as it stands, and as it reads once JSON's escapes are letters.

    The arguments of a call are JSON in a text: what they spell is a key when they are read.
    """
    cleaned = clean(text)
    spelled = _spelled(cleaned)
    found = clean(spelled)
    return cleaned if found == spelled else found


def _spelled(text: str) -> str:
    """Return a text with letters for their escapes, but for those that end or escape a string."""
    # Most escapes are ends of lines, of which none is a letter.
    return _ESCAPED.sub(_letter, text) if "\\u00" in text or "\\/" in text else text


def _letter(escape: re.Match[str]) -> str:
    code = escape[1]
    letter = "/" if code is None else chr(int(code, 16))
    return escape[0] if letter in '"\\' else letter


def without_names(text: str) -> str:
    """Remove every key, account and address that can be told by its shape."""
    for shape in SHAPES:
        text = shape.taken_out(text)
    return text


class Redaction:
    """Takes one key, and what `without_names` knows, out of JSON values and texts."""

    def __init__(self, key: SecretStr) -> None:
        secret = key.get_secret_value()
        escaped = _escaped(secret)
        # JSON within JSON, as the arguments of a call, holds it escaped.
        known = (secret, escaped) if len(secret) >= SHORTEST_SECRET else ()
        self._secrets = tuple(dict.fromkeys(known))
        self._marks = tuple(map(_escaped, self._secrets))

    def text(self, text: str) -> str:
        """Return a text without any secret, however JSON may have escaped it."""
        return through_escapes(text, self._plain_text)

    def _plain_text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, KEY)
        return without_names(text)

    def value(self, value: Any) -> Any:
        """Return a JSON value without any secret; itself where there is none in it.

        Raises TypeError, ValueError or RecursionError when it cannot be JSON.
        """
        return self._cleaned(value) if self._is_suspect(value) else value

    def _is_suspect(self, value: Any) -> bool:
        # Nearly all values hold none: a search in their text is faster than a look at each part.
        text = json.dumps(value, ensure_ascii=False)
        spelled = _spelled(text)
        return self._may_be_in(text) or (spelled != text and self._may_be_in(spelled))

    def _may_be_in(self, text: str) -> bool:
        return (
            any(mark in text for mark in self._marks)
            or _FIELD.search(text) is not None
            or any(shape.may_be_in(text) for shape in SHAPES)
        )

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(name): self._field(name, one) for name, one in value.items()}
        return [self._cleaned(one) for one in value] if isinstance(value, list) else value

    def _field(self, name: str, value: Any) -> Any:
        is_secret = name in SECRET_FIELDS and isinstance(value, str | int)
        return SECRET_FIELDS[name] if is_secret else self._cleaned(value)


def _escaped(text: str) -> str:
    """Return a text as it stands between the quotes of JSON that is not ASCII alone."""
    return json.dumps(text, ensure_ascii=False)[1:-1]

"""What all dialects share in reading answers, where any field may be anything, or missing.

They come out of JSON, which has no other mapping than `dict`: to ask whether it is one is cheap.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from llm_modules.dialogue import ToolRequest
from llm_modules.errors import ProviderError
from llm_modules.llm.failures import provider_error

LONGEST_WORD = 100
# Kinds of error that are told by name, with the HTTP status they belong to.
STATUS_OF_KIND: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class _ToldError(Exception):
    """An error that a server wrote into an answer; shaped as those of the SDKs."""

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


def whole(answer: object, key: SecretStr) -> Mapping[str, Any]:
    """Return an answer that is an object and no error. Raises ProviderError."""
    if not isinstance(answer, dict):
        raise ProviderError("bad_response", "the answer is not a JSON object")
    refuse_error(answer, key)
    return answer


def refuse_error(part: Mapping[str, Any], key: SecretStr) -> None:
    """Raise ProviderError where a part of an answer is an error, which may come with HTTP 200."""
    error = part.get("error")
    if not error:
        return
    told = error if isinstance(error, dict) else {"message": error}
    message = text_of(told.get("message")) or "the answer is an error without a message"
    raise provider_error(_ToldError(message, _status(told)), key) from None


def _status(told: Mapping[str, Any]) -> int:
    code = told.get("code")
    if isinstance(code, int):
        return code
    if isinstance(code, str) and code.isdecimal() and code.isascii() and len(code) == len("429"):
        return int(code)
    kinds = (text_of(kind) for kind in (code, told.get("type")))
    return next((STATUS_OF_KIND[kind] for kind in kinds if kind in STATUS_OF_KIND), 0)


def text_of(value: object) -> str:
    """Return a text, and nothing for what is none."""
    return value if isinstance(value, str) else ""


def word(value: object) -> str:
    """Make a server's word fit for a journal: printable and short."""
    text = text_of(value)
    # Nearly all are.
    known = text if text.isprintable() else "".join(filter(str.isprintable, text))
    return known[:LONGEST_WORD]


def without_thoughts(text: str) -> str:
    """Return what follows the reasoning that some servers leave in a text, in `<think>`.

    Its beginning may be missing, as part of the prompt, and its end, when it was cut off.
    """
    return text.rpartition("</think>")[2].partition("<think>")[0]


def tool_request(call_id: object, name: object, arguments: object) -> ToolRequest:
    """Return a tool call as it was made; what is no arguments counts as missing."""
    known = arguments if isinstance(arguments, str | dict) else None
    return ToolRequest(text_of(call_id), text_of(name), known)

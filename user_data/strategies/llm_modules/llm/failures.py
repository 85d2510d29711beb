"""What went wrong at the endpoint, told apart by what it means, with every secret removed."""

import json
import math
import re
from dataclasses import replace

from pydantic import SecretStr

from llm_modules.dialogue import Reply, ToolRequest
from llm_modules.errors import ProviderError, ProviderFault

LONGEST_MESSAGE = 300
SHOWN_PREFIX = 8
SHOWN_TAIL = 4
# Shorter ones are placeholders such as `EMPTY`: taken out of JSON they would take it apart.
SHORTEST_SECRET = 6
# OpenAI's names of organisations, projects and users; its rate limits tell the first.
_ACCOUNT = re.compile(r"\b(?:org|proj|user)[-_][A-Za-z0-9]{16,}")
_BY_STATUS: dict[int, ProviderFault] = {
    401: "unauthorised",
    402: "unauthorised",
    403: "unauthorised",
    408: "timeout",
    409: "server_error",
    429: "rate_limited",
}
_BY_CLASS: dict[int, ProviderFault] = {3: "redirected", 4: "rejected", 5: "server_error"}


def provider_error(error: Exception, key: SecretStr) -> ProviderError:
    """Turn an error of an SDK, or of decoding a body, into ours.

    OpenAI's and Anthropic's SDK are made by one generator: their errors have the same names and
    parts. The text never holds the key, even when a gateway echoes it.
    """
    # Ours, from the transport: the SDK takes it for a lost connection.
    if isinstance(error.__cause__, ProviderError):
        return error.__cause__
    return ProviderError(
        _fault(error), without_key(str(error), key), retry_after_seconds=_retry_after(error)
    )


def without_key(text: str, key: SecretStr) -> str:
    """Remove a key from foreign text, whole or as the tail servers like to show, and cap it.

    Names of the account go too.
    """
    secret = key.get_secret_value()
    # An empty one would be found between any two letters.
    cleaned = text.replace(secret, "[key]") if secret else text
    # Servers quote a refused key by its beginning and end.
    if len(secret) > SHOWN_PREFIX + SHOWN_TAIL:
        cleaned = cleaned.replace(secret[:SHOWN_PREFIX], "[key]")
        cleaned = cleaned.replace(secret[-SHOWN_TAIL:], "[key]")
    return _ACCOUNT.sub("[account]", " ".join(cleaned.split()))[:LONGEST_MESSAGE]


def blanked(json_text: str, key: SecretStr) -> str:
    """Remove a key and names of the account from JSON."""
    secret = key.get_secret_value()
    if len(secret) >= SHORTEST_SECRET:
        json_text = json_text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "[key]")
    return _ACCOUNT.sub("[account]", json_text)


def blanked_reply(reply: Reply, key: SecretStr) -> Reply:
    """Remove a key and names of the account from what a server answered."""
    secret = key.get_secret_value()

    def clean(text: str) -> str:
        known = text.replace(secret, "[key]") if len(secret) >= SHORTEST_SECRET else text
        return blanked(known, key)

    def cleaned(request: ToolRequest) -> ToolRequest:
        arguments = request.arguments
        # Already read by the server's library: as JSON again, it is checked the same.
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)
        known = arguments if clean(text) == text else clean(text)
        return replace(request, name=clean(request.name), arguments=known)

    return replace(
        reply,
        text=clean(reply.text),
        model=clean(reply.model),
        tool_requests=tuple(map(cleaned, reply.tool_requests)),
    )


def told(error: ProviderError) -> str:
    """Return an error's fault and words, as a decision's record tells them."""
    return f"{error.fault}: {error}"


def refuses_forced_call(error: ProviderError) -> bool:
    """Tell whether a server refused a forced tool call rather than the whole request."""
    words = str(error).lower()
    return error.fault == "rejected" and ("tool_choice" in words or "tool choice" in words)


def _fault(error: Exception) -> ProviderFault:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    # First: to the SDK it is a kind of lost connection.
    if "APITimeoutError" in kinds:
        return "timeout"
    if "APIConnectionError" in kinds:
        return "connection"
    status = getattr(error, "status_code", 0)
    return _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, "bad_response")


def _retry_after(error: Exception) -> float | None:
    """Read Retry-After in seconds; a date or nonsense is treated as not given."""
    response = getattr(error, "response", None)
    try:
        seconds = float(response.headers["retry-after"] if response is not None else "")
    except (KeyError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None

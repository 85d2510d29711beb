"""What went wrong at the endpoint, told apart by what it means, with every secret removed."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pydantic import SecretStr

from llm_modules.errors import ProviderError, ProviderFault
from llm_modules.llm.redaction import through_escapes, without_names

LONGEST_MESSAGE = 300
SHOWN_PREFIX = 8
SHOWN_TAIL = 4
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
    cleaned = through_escapes(text, lambda spelled: _without(secret, spelled))
    return without_names(" ".join(cleaned.split()))[:LONGEST_MESSAGE]


def _without(secret: str, text: str) -> str:
    # An empty one would be found between any two letters.
    cleaned = text.replace(secret, "[key]") if secret else text
    # Servers quote a refused key by its beginning and end.
    if len(secret) > SHOWN_PREFIX + SHOWN_TAIL:
        cleaned = cleaned.replace(secret[:SHOWN_PREFIX], "[key]")
        cleaned = cleaned.replace(secret[-SHOWN_TAIL:], "[key]")
    return without_names(cleaned)


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
    """Read how many seconds a server wants to be let alone; nonsense is treated as not given."""
    response = getattr(error, "response", None)
    headers: Mapping[str, str] = {} if response is None else response.headers
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    return seconds if seconds is not None else _seconds_until(_date(text), headers)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _seconds_until(moment: datetime | None, headers: Mapping[str, str]) -> float | None:
    """Count from the server's own clock where it tells the time: ours may be another."""
    if moment is None:
        return None
    now = _date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (moment - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # "-0000" is UTC without a word about the place.
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

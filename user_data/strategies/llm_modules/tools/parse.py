"""A raw tool request becomes one validated tool call, or a list of what is wrong with it."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from llm_modules.dialogue import Reply, ToolRequest, ToolSpec
from llm_modules.errors import ModelError
from llm_modules.tools.calls import TOOL_CALL, ToolCall

LONGEST_ARGUMENTS = 20_000
_NO_BRACKETS = str.maketrans("<>[]", "()()")
_FENCE = re.compile(r"\A\s*```[a-zA-Z]*\s*\n?(.*?)\n?\s*```\s*\Z", re.DOTALL)


def read_reply(reply: Reply, pair: str, tools: Sequence[ToolSpec]) -> ToolCall:
    """Return the one call in a reply, or raise ModelError with sentences for the model.

    A reply that was cut off or filtered is never executed, even when its JSON parses.
    """
    requests = reply.tool_requests
    refuse_cut_off(reply)
    if not requests:
        raise ModelError(("you called no tool; call exactly one of the offered tools",))
    if len(requests) > 1:
        ids = {request.call_id for request in requests}
        repeated = "" if len(ids) == len(requests) else " and their ids are not distinct"
        raise ModelError(
            (f"you called {len(requests)} tools{repeated}; nothing was done, call exactly one",)
        )
    return read_request(requests[0], pair, tools)


def refuse_cut_off(reply: Reply) -> None:
    """Raise ModelError for a reply of which a part may be missing."""
    if reply.finish_reason in {"length", "content_filter"}:
        raise ModelError((f"your answer was cut off ({reply.finish_reason}); answer shorter",))


def read_request(request: ToolRequest, pair: str, tools: Sequence[ToolSpec]) -> ToolCall:
    """Validate one request against the offered tools and the pair that was asked about.

    Raises ModelError.
    """
    names = [tool.name for tool in tools]
    if request.name not in names:
        raise ModelError(
            (f"{_short(request.name)} is not offered here; call one of {', '.join(names)}",)
        )
    arguments = decoded(request.arguments)
    # Our tag: in the arguments it would choose another model than the name did.
    if "tool" in arguments:
        raise ModelError(("tool: unknown field",))
    try:
        call = TOOL_CALL.validate_python({**arguments, "tool": request.name})
    except ValidationError as error:
        raise ModelError(_problems(error)) from None
    if call.pair != pair:
        raise ModelError((f"pair: you were asked about {pair}, not {_short(call.pair)}",))
    return call


def decoded(raw: str | Mapping[str, object] | None) -> Mapping[str, object]:
    """Decode arguments; a dict is re-read as JSON so that one rule book holds for all.

    Raises ModelError.
    """
    text = raw if isinstance(raw, str) else _encode(raw)
    if len(text) > LONGEST_ARGUMENTS:
        raise ModelError((f"arguments are longer than {LONGEST_ARGUMENTS} characters",))
    fenced = _FENCE.match(text)
    try:
        arguments = _DECODER.decode(fenced[1] if fenced else text)
    except (ValueError, RecursionError) as error:
        raise ModelError((f"arguments are not valid JSON: {_short(str(error))}",)) from None
    if not isinstance(arguments, dict):
        raise ModelError((f"arguments must be a JSON object, found {type(arguments).__name__}",))
    return arguments


def _encode(raw: Mapping[str, object] | None) -> str:
    try:
        return json.dumps(raw)
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError((f"arguments are not JSON: {_short(str(error))}",)) from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = sorted({key for key in keys if keys.count(key) > 1})
        raise ValueError(f"repeated keys {', '.join(map(_short, repeated))}")
    return decoded


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_constant=_no_constant)


def _problems(error: ValidationError) -> tuple[str, ...]:
    """Word each violation as field, expectation and what was found."""
    return tuple(_problem(item) for item in error.errors(include_url=False))


def _problem(item: Any) -> str:
    field = ".".join(str(part) for part in item["loc"][1:])
    if item["type"] == "extra_forbidden":
        return f"{_short(field)}: unknown field"
    message = item["msg"].removeprefix("Value error, ")
    if not field:
        return str(message)
    if item["type"] == "missing":
        return f"{field}: missing"
    return f"{field}: {message}, found {_short(str(item['input']))}"


def _short(text: str) -> str:
    """Quote untrusted text for an error message: printable ASCII only and at most 80 long.

    It goes back to the model, so no bracket may form a chat template's control token.
    """
    return ascii(text[:80]).translate(_NO_BRACKETS)

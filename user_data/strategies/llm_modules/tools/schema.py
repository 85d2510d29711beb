"""The JSON schema of each tool, derived from its model, in the flat form that servers accept."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from llm_modules.dialogue import ToolSpec
from llm_modules.domain import Stance
from llm_modules.tools.calls import FLAT_TOOLS, POSITION_TOOLS, ToolCall

_DROPPED = ("title", "default")


@cache
def offered_tools(stance: Stance) -> tuple[ToolSpec, ...]:
    """Return the tools that are legal in a stance, always in the same order."""
    models = FLAT_TOOLS if stance == "flat" else POSITION_TOOLS
    return tuple(_spec(model) for model in models)


def tool_name(model: type[ToolCall]) -> str:
    """Return the wire name of a tool call's model."""
    return str(model.model_fields["tool"].default)


def _spec(model: type[ToolCall]) -> ToolSpec:
    schema = model.model_json_schema()
    properties = {
        name: _plain(field) for name, field in schema["properties"].items() if name != "tool"
    }
    parameters = {
        "type": "object",
        "properties": properties,
        "required": schema["required"],
        "additionalProperties": False,
    }
    return ToolSpec(tool_name(model), " ".join(str(model.__doc__).split()), parameters)


def _plain(field: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what servers refuse: titles, defaults, and the null branch of optional fields."""
    plain = {key: value for key, value in field.items() if key not in _DROPPED}
    branches = plain.pop("anyOf", ())
    for branch in branches:
        if branch.get("type") != "null":
            plain |= branch
    return plain

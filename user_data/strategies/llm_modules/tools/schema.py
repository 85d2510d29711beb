"""The JSON schema of each tool, derived from its model, in the flat form that servers accept."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from llm_modules.dialogue import ToolSpec
from llm_modules.domain import Stance
from llm_modules.tools.calls import FLAT_TOOLS, POSITION_TOOLS, ToolCall

# Servers refuse the first two. Bounds cost half of the tools' tokens, most servers ignore them, and
# our own validation holds them: those that a model could not guess stand in a description or in
# the system message.
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength")
_DROPPED = ("title", "default", *_BOUNDS)


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
    """Flatten an optional field to the branch that is not null, and drop what need not be said."""
    whole = dict(field)
    for branch in whole.pop("anyOf", ()):
        if branch.get("type") != "null":
            whole |= branch
    return {key: value for key, value in whole.items() if key not in _DROPPED}

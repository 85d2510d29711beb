"""Tool schemas in the subsets of JSON schema that providers enforce while a model writes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_STRUCTURE = frozenset(
    {"type", "description", "enum", "const", "properties", "items", "anyOf", "$ref", "$defs"}
)
# They would be words in the description that forbid what is meant.
_DROPPED = frozenset({"title", "default", "discriminator", "required", "additionalProperties"})


@dataclass(frozen=True, slots=True)
class StrictSubset:
    """What a provider's strict mode knows beside the structure.

    `bounds` are the keywords that limit a value; others are said in the description.
    `optional`: a field may be left out; where not, one that is not given is null.
    """

    bounds: frozenset[str] = frozenset()
    optional: bool = False


OPENAI_STRICT = StrictSubset(
    frozenset(
        {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
        | {"pattern", "format", "minItems", "maxItems"}
    )
)
ANTHROPIC_STRICT = StrictSubset(optional=True)


def strict_schema(schema: Mapping[str, Any], subset: StrictSubset) -> dict[str, Any]:
    """Return a schema that a strict mode accepts and that asks for the same, in the same order.

    The validator reads a null like a field that was left out, so an answer needs no change.
    """
    known = {key: schema[key] for key in schema if key in _STRUCTURE | subset.bounds}
    if "oneOf" in schema:
        known["anyOf"] = schema["oneOf"]
    strict = {key: _strict_part(key, value, subset) for key, value in known.items()}
    said = [key for key in schema if key not in known and key not in _DROPPED | {"oneOf"}]
    if said:
        limits = ", ".join(f"{key} {json.dumps(schema[key])}" for key in said)
        about = strict.get("description")
        strict["description"] = f"{about} ({limits})" if about else limits
    if "properties" in strict:
        required = schema.get("required", [])
        if not subset.optional:
            strict["properties"] = {
                name: field if name in required else _nullable(field)
                for name, field in strict["properties"].items()
            }
        strict["required"] = list(required if subset.optional else strict["properties"])
        strict["additionalProperties"] = False
    return strict


def _strict_part(key: str, value: Any, subset: StrictSubset) -> Any:
    if key in {"properties", "$defs"}:
        return {name: strict_schema(field, subset) for name, field in value.items()}
    if key == "anyOf":
        return [strict_schema(branch, subset) for branch in value]
    return strict_schema(value, subset) if key == "items" else value


def _nullable(field: dict[str, Any]) -> dict[str, Any]:
    """Let a field be null in place of absent."""
    if not isinstance(field.get("type"), str):
        return {"anyOf": [field, {"type": "null"}]}
    nullable = {**field, "type": [field["type"], "null"]}
    if "enum" in field:
        nullable["enum"] = [*field["enum"], None]
    return nullable

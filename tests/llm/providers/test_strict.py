import json
from typing import Any

import pytest

from builders import ARGUMENTS, PAIR
from llm_modules.dialogue import ToolRequest
from llm_modules.domain import Stance
from llm_modules.llm.providers.strict import (
    ANTHROPIC_STRICT,
    OPENAI_STRICT,
    StrictSubset,
    strict_schema,
)
from llm_modules.tools.parse import read_request
from llm_modules.tools.schema import offered_tools

# What OpenAI's guide lists as supported; anything else is refused with HTTP 400.
OPENAI_KEYWORDS = {
    "type", "description", "enum", "const", "properties", "required", "additionalProperties",
    "items", "anyOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "pattern", "format", "minItems", "maxItems", "$ref", "$defs",
}  # fmt: skip
NUMBERS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
ANTHROPIC_KEYWORDS = OPENAI_KEYWORDS - NUMBERS - {"pattern", "format", "minItems", "maxItems"}
STANCES: tuple[Stance, ...] = ("flat", "in_position")
TOOLS = {tool.name: tool for stance in STANCES for tool in offered_tools(stance)}


def an_object(optional: dict[str, Any], **required: Any) -> dict[str, Any]:
    return {"type": "object", "properties": required | optional, "required": list(required)}


def keywords(schema: dict[str, Any]) -> set[str]:
    """Every keyword in a schema; the names of fields are none."""
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    inner += [schema["items"]] if "items" in schema else []
    return set(schema).union(*map(keywords, inner))


@pytest.mark.parametrize("name", sorted(TOOLS))
@pytest.mark.parametrize(
    ("subset", "known"),
    [(OPENAI_STRICT, OPENAI_KEYWORDS), (ANTHROPIC_STRICT, ANTHROPIC_KEYWORDS)],
)
def test_our_tools_hold_nothing_a_strict_mode_refuses(
    name: str, subset: StrictSubset, known: set[str]
) -> None:
    schema = strict_schema(TOOLS[name].parameters, subset)
    assert keywords(schema) <= known
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(_parameters(name)["properties"])


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_every_field_is_required_and_what_was_optional_may_be_null(name: str) -> None:
    schema = strict_schema(TOOLS[name].parameters, OPENAI_STRICT)
    required = set(_parameters(name)["required"])
    assert schema["required"] == list(schema["properties"])
    for field, described in schema["properties"].items():
        assert ("null" in described["type"]) == (field not in required)


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_fields_that_may_be_left_out_stay_so_where_the_mode_knows_that(name: str) -> None:
    schema = strict_schema(TOOLS[name].parameters, ANTHROPIC_STRICT)
    assert schema["required"] == _parameters(name)["required"]


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_our_validator_reads_null_as_not_given(name: str) -> None:
    """So an answer under a strict mode reaches it as it came."""
    tool = TOOLS[name]
    required = set(_parameters(name)["required"])
    bare = {key: value for key, value in ARGUMENTS[name].items() if key in required}
    nulls = {field: None for field in _parameters(name)["properties"] if field not in required}

    def call(arguments: dict[str, Any]) -> Any:
        return read_request(ToolRequest("c", name, json.dumps(arguments)), PAIR, (tool,))

    assert call(bare | nulls) == call(bare)


def _parameters(name: str) -> dict[str, Any]:
    return dict(TOOLS[name].parameters)


def test_bounds_that_are_not_known_are_said_in_words() -> None:
    schema = an_object({}, reason={"type": "string", "maxLength": 9, "description": "why"})
    field = strict_schema(schema, OPENAI_STRICT)["properties"]["reason"]
    assert field == {"type": "string", "description": "why (maxLength 9)"}


def test_several_bounds_are_said_in_their_order_without_a_description_too() -> None:
    schema = an_object({}, score={"minimum": 1, "maximum": 9.5, "type": "number"})
    field = strict_schema(schema, ANTHROPIC_STRICT)["properties"]["score"]
    assert field == {"type": "number", "description": "minimum 1, maximum 9.5"}


def test_bounds_that_are_known_stay() -> None:
    schema = an_object({}, score={"type": "number", "minimum": 1, "pattern": "x"})
    assert strict_schema(schema, OPENAI_STRICT)["properties"] == schema["properties"]


@pytest.mark.parametrize("dropped", ["title", "default", "discriminator"])
def test_what_strict_modes_refuse_and_models_need_not_know_goes(dropped: str) -> None:
    schema = an_object({}, pair={"type": "string", dropped: "x"})
    assert strict_schema(schema, OPENAI_STRICT)["properties"]["pair"] == {"type": "string"}


def test_an_optional_choice_may_be_null() -> None:
    schema = an_object({"trend": {"type": "string", "enum": ["up", "down"]}})
    assert strict_schema(schema, OPENAI_STRICT)["properties"]["trend"] == {
        "type": ["string", "null"],
        "enum": ["up", "down", None],
    }


def test_an_optional_union_may_be_null() -> None:
    union = {"oneOf": [{"type": "string", "maxLength": 3}, {"type": "number"}]}
    field = strict_schema(an_object({"level": union}), OPENAI_STRICT)["properties"]["level"]
    known = {"anyOf": [{"type": "string", "description": "maxLength 3"}, {"type": "number"}]}
    assert field == {"anyOf": [known, {"type": "null"}]}


def test_what_lies_deeper_is_made_strict_as_well() -> None:
    inner = an_object({"stop": {"type": "number"}}, pair={"type": "string", "maxLength": 4})
    schema = an_object({}, calls={"type": "array", "maxItems": 5, "items": inner})
    schema["$defs"] = {"deep": an_object({"note": {"type": "string", "title": "Note"}})}
    strict = strict_schema(schema, OPENAI_STRICT)
    assert strict["$defs"]["deep"]["required"] == ["note"]
    items = strict["properties"]["calls"]["items"]
    assert strict["properties"]["calls"]["maxItems"] == 5
    assert items["required"] == ["pair", "stop"]
    assert items["properties"]["stop"] == {"type": ["number", "null"]}
    assert items["properties"]["pair"]["description"] == "maxLength 4"
    assert items["additionalProperties"] is False


def test_an_object_without_required_fields_is_understood() -> None:
    schema = {"type": "object", "properties": {"pair": {"type": "string"}}}
    assert strict_schema(schema, OPENAI_STRICT)["required"] == ["pair"]
    assert strict_schema(schema, ANTHROPIC_STRICT)["required"] == []


def test_the_schema_that_was_given_is_not_changed() -> None:
    schema = an_object({"stop": {"type": "number"}}, pair={"type": "string", "maxLength": 4})
    before = json.dumps(schema)
    strict_schema(schema, OPENAI_STRICT)
    assert json.dumps(schema) == before

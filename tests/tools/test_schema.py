import json
from pathlib import Path

import pytest

from builders import ARGUMENTS, a_risk
from llm_modules.context.templates import PromptTemplates
from llm_modules.domain import Stance
from llm_modules.tools.calls import FLAT_TOOLS, POSITION_TOOLS
from llm_modules.tools.schema import offered_tools, tool_name

GOLDEN = Path(__file__).parent.parent / "golden" / "tools.json"
EVERY_TOOL = (*offered_tools("flat"), *offered_tools("in_position"))


def test_the_schema_sent_to_models_is_the_golden_one() -> None:
    derived = [
        {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        for tool in EVERY_TOOL
    ]
    assert derived == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_only_legal_tools_are_offered() -> None:
    assert [tool.name for tool in offered_tools("flat")] == [
        "signal_entry_long",
        "signal_entry_short",
        "signal_wait",
    ]
    assert [tool.name for tool in offered_tools("in_position")] == [
        "signal_exit",
        "adjust_position",
        "signal_hold",
    ]


def test_the_six_wire_names_are_fixed() -> None:
    assert {tool_name(model) for model in (*FLAT_TOOLS, *POSITION_TOOLS)} == set(ARGUMENTS)


@pytest.mark.parametrize("tool", EVERY_TOOL, ids=lambda tool: tool.name)
def test_schemas_stay_flat_and_closed(tool: object) -> None:
    text = json.dumps(tool.parameters)  # type: ignore[attr-defined]
    for refused in ("$ref", "anyOf", "oneOf", '"default"', '"title"', '"null"'):
        assert refused not in text
    assert tool.parameters["additionalProperties"] is False  # type: ignore[attr-defined]


@pytest.mark.parametrize("tool", EVERY_TOOL, ids=lambda tool: tool.name)
def test_no_bound_or_empty_word_is_paid_for_with_each_question(tool: object) -> None:
    text = json.dumps(tool.parameters)  # type: ignore[attr-defined]
    for bound in ("inimum", "aximum", "minLength", "maxLength", "pattern", "format"):
        assert bound not in text


@pytest.mark.parametrize("stance", ["flat", "in_position"])
def test_each_field_is_described_once_in_the_schema_or_in_the_rules(stance: Stance) -> None:
    rules = PromptTemplates(a_risk(), "en").system(stance)
    for tool in offered_tools(stance):
        properties = tool.parameters["properties"]
        assert isinstance(properties, dict)
        assert "tool" not in properties
        for name, field in properties.items():
            said = "description" in field or "enum" in field or f"`{name}`" in rules
            assert said or name == "leverage", name
    assert "- Leverage: at most 10 and" in rules

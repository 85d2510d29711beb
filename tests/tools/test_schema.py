import json
from pathlib import Path

import pytest

from builders import ARGUMENTS
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
def test_each_field_is_described_and_the_tag_is_not_a_field(tool: object) -> None:
    properties = tool.parameters["properties"]  # type: ignore[attr-defined]
    assert "tool" not in properties
    undescribed = [name for name, field in properties.items() if "description" not in field]
    assert undescribed in ([], ["trend_strength"])

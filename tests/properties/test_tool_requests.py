"""Whatever a model sends, it becomes a call within the documented limits or a ModelError."""

import contextlib
import json
import math
import os
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from builders import ARGUMENTS, PAIR
from llm_modules.dialogue import ToolRequest
from llm_modules.errors import ModelError
from llm_modules.tools.calls import Entry
from llm_modules.tools.parse import read_request
from llm_modules.tools.schema import offered_tools

EXAMPLES = 10_000 if os.environ.get("NIGHTLY") else 500
TOOLS = (*offered_tools("flat"), *offered_tools("in_position"))
NAMES = [tool.name for tool in TOOLS]
HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from([10**400, -0.0, 5e-324, 1e308, "NaN", "5", PAIR, "\ud83d", "\x00"]),
)


@st.composite
def arguments(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(NAMES))
    fields = dict(ARGUMENTS[name])
    for field in draw(st.lists(st.sampled_from(sorted(fields)), max_size=3)):
        fields[field] = draw(HOSTILE)
    fields |= draw(st.dictionaries(st.text(max_size=8), HOSTILE, max_size=1))
    return name, fields


@given(arguments())
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_mutated_arguments_never_pass_outside_the_limits(drawn: tuple[str, dict[str, Any]]) -> None:
    name, fields = drawn
    try:
        call = read_request(ToolRequest("c", name, json.dumps(fields)), PAIR, TOOLS)
    except ModelError:
        return
    assert call.pair == PAIR
    assert 1 <= call.confidence_score <= 100
    assert call.reason.isprintable()
    numbers = [value for value in call.model_dump().values() if isinstance(value, float)]
    assert all(math.isfinite(number) for number in numbers)
    if isinstance(call, Entry):
        assert 1 <= call.leverage <= 100
        assert 0 < call.key_support < call.key_resistance


@given(st.text(max_size=200), st.sampled_from(NAMES))
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_any_text_is_refused_with_sentences_or_is_a_valid_call(text: str, name: str) -> None:
    with contextlib.suppress(ModelError):
        read_request(ToolRequest("c", name, text), PAIR, TOOLS)

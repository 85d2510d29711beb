"""What a model is asked when it is checked, and which answers count as right."""

import json
import re
from typing import Any

import bpe_openai  # type: ignore[import-untyped]
import pytest

from builders import ARGUMENTS, a_reply, a_request
from fakes import answering
from llm_modules.dialogue import Prompt, Reply, ToolRequest
from llm_modules.errors import ModelError
from llm_modules.operations.doctor.rehearsing import CANDLES, OTHER_PAIR, PAIR, rehearsal
from llm_modules.tools.schema import offered_tools

TOOLS = list(rehearsal().tools)


def system_of(prompt: Prompt) -> str:
    (text,) = (message.content for message in prompt.messages if message.role == "system")
    return text


def two(*pairs: str, **changes: Any) -> Reply:
    requests = [
        ToolRequest(str(n), "signal_wait", json.dumps(ARGUMENTS["signal_wait"] | {"pair": pair}))
        for n, pair in enumerate(pairs)
    ]
    return a_reply(*requests, **changes)


def test_there_is_a_scene_for_each_tool_there_is() -> None:
    names = [tool.name for stance in ("flat", "in_position") for tool in offered_tools(stance)]
    assert sorted(TOOLS) == sorted(names)


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_is_offered_with_those_of_its_stance_and_named(tool: str) -> None:
    prompt = rehearsal().tools[tool].prompt
    assert tool in [one.name for one in prompt.tools]
    assert len(prompt.tools) == 3
    assert f"Call {tool} for {PAIR}" in prompt.messages[-1].content
    assert not prompt.several


def test_all_questions_begin_with_the_same_long_text() -> None:
    whole = rehearsal()
    prompts = [whole.words, whole.several.prompt, *(one.prompt for one in whole.tools.values())]
    (system,) = {system_of(prompt) for prompt in prompts}
    assert len(system.splitlines()) == CANDLES + 3
    # The least that OpenAI, Anthropic and Qwen cache, counted in a real vocabulary.
    assert len(bpe_openai.get_encoding("o200k_base").encode(system)) > 1024


def test_the_candles_are_candles() -> None:
    rows = system_of(rehearsal().words).splitlines()[3:]
    for row in rows:
        opened, high, low, closed, volume = map(float, row.split(","))
        assert low < min(opened, closed) <= max(opened, closed) < high
        assert volume > 0
    closes = [float(row.split(",")[3]) for row in rows]
    assert [float(row.split(",")[0]) for row in rows[1:]] == closes[:-1]


def test_only_the_plain_question_offers_no_tool() -> None:
    whole = rehearsal()
    assert whole.words.tools == ()
    assert whole.several.prompt.tools == offered_tools("flat")
    assert whole.several.prompt.several


@pytest.mark.parametrize("tool", TOOLS)
def test_the_call_that_was_asked_for_is_right(tool: str) -> None:
    rehearsal().tools[tool].judge(answering(tool))


@pytest.mark.parametrize("tool", TOOLS)
def test_any_other_tool_is_wrong(tool: str) -> None:
    trial = rehearsal().tools[tool]
    for other in trial.prompt.tools:
        if other.name != tool:
            with pytest.raises(ModelError, match=f"you called {other.name}, not {tool}"):
                trial.judge(answering(other.name))


@pytest.mark.parametrize(
    "reply",
    [
        a_reply(),
        answering("signal_wait", pair=OTHER_PAIR),
        answering("signal_wait", confidence_score=0),
        a_reply(a_request("signal_wait", "{")),
        answering("signal_hold"),
    ],
)
def test_what_the_bot_would_refuse_is_wrong(reply: Reply) -> None:
    with pytest.raises(ModelError):
        rehearsal().tools["signal_wait"].judge(reply)


def test_a_call_for_each_of_two_pairs_is_right_in_any_order() -> None:
    rehearsal().several.judge(two(PAIR, OTHER_PAIR))
    rehearsal().several.judge(two(OTHER_PAIR, PAIR))


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ((), "you called no tool for BTC/USDT:USDT; you called no tool for ETH/USDT:USDT"),
        ((PAIR,), "you called no tool for ETH/USDT:USDT"),
        ((PAIR, PAIR), "you called 2 tools for BTC/USDT:USDT; nothing was done there"),
        ((PAIR, OTHER_PAIR, "XRP/USDT:USDT"), "pair: a call is about none of"),
    ],
)
def test_anything_but_one_call_for_each_is_wrong(pairs: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ModelError, match=re.escape(problem)):
        rehearsal().several.judge(two(*pairs))


def test_what_is_wrong_with_the_whole_answer_is_said_once() -> None:
    with pytest.raises(ModelError) as caught:
        rehearsal().several.judge(two(PAIR, OTHER_PAIR, finish_reason="length"))
    assert len(caught.value.problems) == 1

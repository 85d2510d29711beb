import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import ARGUMENTS, PAIR, a_reply, a_request
from llm_modules.dialogue import ToolRequest
from llm_modules.tools.schema import offered_tools
from llm_modules.tools.several import ADDING_TOOLS, read_calls

ETH = "ETH/USDT:USDT"
OFFERS = {PAIR: offered_tools("flat"), ETH: offered_tools("in_position")}


def request(tool: str, call_id: str = "c1", **changes: Any) -> ToolRequest:
    return a_request(tool, json.dumps(ARGUMENTS[tool] | changes), call_id)


BTC_WAITS = request("signal_wait", "c1")
ETH_HOLDS = request("signal_hold", "c2", pair=ETH)


def test_each_pair_gets_its_own_call() -> None:
    calls = read_calls(a_reply(ETH_HOLDS, BTC_WAITS), OFFERS)
    assert {pair: call.tool for pair, call in calls.by_pair.items()} == {
        PAIR: "signal_wait",
        ETH: "signal_hold",
    }
    assert (calls.problems, calls.strays) == ({}, ())


def test_a_pair_without_a_call_costs_no_other_its_own() -> None:
    calls = read_calls(a_reply(BTC_WAITS), OFFERS)
    assert list(calls.by_pair) == [PAIR]
    assert calls.problems == {ETH: (f"you called no tool for {ETH}",)}


def test_two_calls_for_one_pair_are_none() -> None:
    calls = read_calls(a_reply(BTC_WAITS, ETH_HOLDS, request("signal_wait", "c3")), OFFERS)
    assert list(calls.by_pair) == [ETH]
    assert calls.problems == {PAIR: (f"you called 2 tools for {PAIR}; nothing was done there",)}


def test_a_tool_of_the_other_stance_is_not_offered_to_a_pair() -> None:
    calls = read_calls(a_reply(BTC_WAITS, request("signal_wait", "c2", pair=ETH)), OFFERS)
    assert list(calls.by_pair) == [PAIR]
    assert "is not offered here" in calls.problems[ETH][0]


def test_wrong_arguments_are_told_for_their_pair() -> None:
    calls = read_calls(a_reply(request("signal_wait", rsi_value=101), ETH_HOLDS), OFFERS)
    assert list(calls.by_pair) == [ETH]
    assert calls.problems[PAIR][0].startswith("rsi_value: ")


@pytest.mark.parametrize("pair", ["SOL/USDT:USDT", "", 3, None, ["BTC/USDT:USDT"]])
def test_a_call_about_no_pair_that_was_asked_about_is_a_stray(pair: Any) -> None:
    calls = read_calls(a_reply(BTC_WAITS, request("signal_hold", "c2", pair=pair)), OFFERS)
    assert list(calls.by_pair) == [PAIR]
    assert calls.strays == (f"pair: a call is about none of {PAIR}, {ETH}",)


@pytest.mark.parametrize("arguments", ["{", "[]", '{"pair": 1, "pair": 2}', None])
def test_arguments_that_cannot_be_read_are_a_stray(arguments: Any) -> None:
    calls = read_calls(a_reply(a_request("signal_wait", arguments), ETH_HOLDS), OFFERS)
    assert list(calls.by_pair) == [ETH]
    assert "arguments" in calls.strays[0]


@pytest.mark.parametrize("tool", ["signal_entry_long", "signal_entry_short"])
@pytest.mark.parametrize("broken", ['{"pair": "BTC/USDT:USDT", "leverage": 2', "[]", None])
def test_beside_a_call_that_cannot_be_read_nothing_is_added(tool: str, broken: Any) -> None:
    unread = a_request("signal_entry_short", broken, "c9")
    calls = read_calls(a_reply(request(tool, "c1"), ETH_HOLDS, unread), OFFERS)
    assert list(calls.by_pair) == [ETH]
    assert "could not be read" in calls.problems[PAIR][0]


def test_beside_a_call_that_cannot_be_read_an_exit_is_used() -> None:
    leaves = request("signal_exit", "c2", pair=ETH)
    calls = read_calls(a_reply(BTC_WAITS, leaves, a_request("signal_wait", "{", "c9")), OFFERS)
    assert calls.by_pair[ETH].tool == "signal_exit"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_of_an_answer_that_was_cut_off_nothing_is_used(reason: str) -> None:
    calls = read_calls(a_reply(BTC_WAITS, ETH_HOLDS, finish_reason=reason), OFFERS)
    assert calls.by_pair == {}
    assert set(calls.problems) == {PAIR, ETH}


def test_calls_that_cannot_be_told_apart_are_all_refused() -> None:
    calls = read_calls(a_reply(BTC_WAITS, request("signal_hold", "c1", pair=ETH)), OFFERS)
    assert calls.by_pair == {}
    assert calls.problems[PAIR] == ("the ids of your calls are not distinct; nothing was done",)


def test_an_empty_answer_is_a_problem_of_every_pair() -> None:
    assert set(read_calls(a_reply(), OFFERS).problems) == {PAIR, ETH}


POOL = [
    BTC_WAITS,
    ETH_HOLDS,
    request("signal_entry_long", "c4"),
    request("signal_exit", "c5", pair=ETH),
    request("signal_wait", "c6", pair="SOL/USDT:USDT"),
    request("signal_hold", "c7", pair=ETH, rsi_value=500),
    a_request("fly", "{}", "c8"),
    a_request("signal_wait", "nonsense", "c9"),
]


@given(st.lists(st.sampled_from(POOL), max_size=6))
def test_a_pair_has_a_call_exactly_when_one_valid_call_alone_names_it(
    requests: list[ToolRequest],
) -> None:
    calls = read_calls(a_reply(*requests), OFFERS)
    assert set(calls.by_pair) | set(calls.problems) == set(OFFERS)
    assert not set(calls.by_pair) & set(calls.problems)
    for pair, call in calls.by_pair.items():
        assert call.pair == pair
        assert call.tool in {tool.name for tool in OFFERS[pair]}
        about = [one for one in requests if f'"pair": "{pair}"' in str(one.arguments)]
        assert [one.name for one in about] == [call.tool]
        if any(one.arguments == "nonsense" for one in requests):
            assert call.tool not in ADDING_TOOLS

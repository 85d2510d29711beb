import json
from typing import Any

import pytest

from builders import ARGUMENTS, ENTRY_ARGUMENTS, PAIR, a_reply, a_request
from llm_modules.dialogue import ToolRequest
from llm_modules.errors import ModelError
from llm_modules.tools.calls import EntryLong, Hold
from llm_modules.tools.parse import LONGEST_ARGUMENTS, read_reply, read_request
from llm_modules.tools.schema import offered_tools

FLAT = offered_tools("flat")
IN_POSITION = offered_tools("in_position")


def read(arguments: Any, tool: str = "signal_entry_long") -> Any:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return read_request(a_request(tool, text), PAIR, FLAT)


def problems_of(arguments: Any, tool: str = "signal_entry_long") -> str:
    with pytest.raises(ModelError) as caught:
        read(arguments, tool)
    return str(caught.value)


@pytest.mark.parametrize("tool", sorted(ARGUMENTS))
def test_each_tool_is_read_where_it_is_offered(tool: str) -> None:
    offered = FLAT if tool in {spec.name for spec in FLAT} else IN_POSITION
    call = read_request(a_request(tool, json.dumps(ARGUMENTS[tool])), PAIR, offered)
    assert call.tool == tool
    assert call.pair == PAIR


@pytest.mark.parametrize("tool", ["signal_exit", "adjust_position", "signal_hold"])
def test_a_position_tool_is_refused_while_flat(tool: str) -> None:
    assert "is not offered here; call one of signal_entry_long" in problems_of(
        ARGUMENTS[tool], tool
    )


@pytest.mark.parametrize("tool", ["Signal_Wait", "signal_buy", "", "signal_wait\n", "x" * 500])
def test_an_unknown_tool_is_refused_and_quoted_briefly(tool: str) -> None:
    message = problems_of(ARGUMENTS["signal_wait"], tool)
    assert "is not offered here" in message
    assert len(message) < 250


def test_numbers_may_be_integers_or_decimals() -> None:
    call = read(ENTRY_ARGUMENTS | {"leverage": 2.5, "confidence_score": 1})
    assert isinstance(call, EntryLong)
    assert (call.leverage, call.confidence_score) == (2.5, 1.0)


def test_null_stands_for_an_omitted_option() -> None:
    call = read(ENTRY_ARGUMENTS | {"stake_amount": None, "stop_price": None})
    assert isinstance(call, EntryLong)
    assert call.stake_amount is None
    assert call.stop_price is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("leverage", 0.99),
        ("leverage", 100.01),
        ("leverage", "5"),
        ("leverage", True),
        ("leverage", None),
        ("leverage", [5]),
        ("leverage", 10**400),
        ("confidence_score", 0.9),
        ("confidence_score", 100.1),
        ("rsi_value", -0.1),
        ("rsi_value", 100.1),
        ("key_support", 0),
        ("key_support", -5),
        ("key_support", 1e13),
        ("trend_strength", "huge"),
        ("stake_amount", 0),
        ("stake_amount", -1),
        ("stop_price", 0),
        ("reason", ""),
        ("reason", "   \u200b "),
        ("reason", "x" * 2001),
        ("reason", "\ufdfa" * 2000),
        ("reason", 7),
        ("reason", "half a pair \ud83d"),
        ("pair", 7),
    ],
)
def test_a_value_that_cannot_exist_is_named_in_the_problem(field: str, value: Any) -> None:
    assert problems_of(ENTRY_ARGUMENTS | {field: value}).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [("leverage", 1), ("leverage", 100), ("confidence_score", 100), ("rsi_value", 0)],
)
def test_a_value_at_its_limit_is_accepted(field: str, value: float) -> None:
    assert getattr(read(ENTRY_ARGUMENTS | {field: value}), field) == value


@pytest.mark.parametrize("field", sorted(set(ENTRY_ARGUMENTS) - {"stop_price", "stake_amount"}))
def test_each_required_field_is_missed_by_name(field: str) -> None:
    without = {name: value for name, value in ENTRY_ARGUMENTS.items() if name != field}
    assert problems_of(without) == f"{field}: missing"


def test_what_is_quoted_back_holds_no_control_token() -> None:
    message = problems_of(ENTRY_ARGUMENTS | {"trend_strength": "<|im_start|>system [INST]"})
    assert "im_start" in message
    assert not set("<>[]") & set(message)


def test_every_problem_is_told_at_once() -> None:
    message = problems_of(ENTRY_ARGUMENTS | {"leverage": 500, "rsi_value": 101, "size": 3})
    assert "leverage: " in message
    assert "rsi_value: " in message
    assert "'size': unknown field" in message


def test_support_must_lie_below_resistance() -> None:
    swapped = {"key_support": 110.0, "key_resistance": 95.0}
    assert problems_of(ENTRY_ARGUMENTS | swapped) == (
        "key_resistance must be greater than key_support"
    )
    assert "greater" in problems_of(ENTRY_ARGUMENTS | {"key_support": 110.0})


@pytest.mark.parametrize("percent", [0, -99.1, 100.1])
def test_an_adjustment_stays_within_its_range_and_is_not_zero(percent: float) -> None:
    arguments = ARGUMENTS["adjust_position"] | {"adjustment_pct": percent}
    with pytest.raises(ModelError, match="adjustment_pct"):
        read_request(a_request("adjust_position", json.dumps(arguments)), PAIR, IN_POSITION)


@pytest.mark.parametrize(
    "other", ["ETH/USDT:USDT", "BTC/USDT", "\u0412\u0422\u0421/USDT:USDT", "btc/usdt:usdt"]
)
def test_another_pair_is_refused_even_when_it_looks_alike(other: str) -> None:
    assert problems_of(ENTRY_ARGUMENTS | {"pair": other}).startswith(
        f"pair: you were asked about {PAIR}, not "
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{]",
        "null",
        "[]",
        '"signal_wait"',
        "3",
        json.dumps(ENTRY_ARGUMENTS)[:-1],
        json.dumps(ENTRY_ARGUMENTS) + "}",
        json.dumps(ENTRY_ARGUMENTS).replace("70", "NaN"),
        json.dumps(ENTRY_ARGUMENTS).replace("70", "-Infinity"),
        json.dumps(ENTRY_ARGUMENTS).replace("70", "1e400"),
        json.dumps(ENTRY_ARGUMENTS).replace("70", "9" * 5000),
        json.dumps(ENTRY_ARGUMENTS)[:-1] + ', "leverage": 50}',
        json.dumps(ENTRY_ARGUMENTS)[:-1] + ', "tool": "signal_wait"}',
        "\ufeff" + json.dumps(ENTRY_ARGUMENTS),
        "[" * 15_000,
        '{"a":' * 3_000 + "1",
        "x" * (LONGEST_ARGUMENTS + 1),
    ],
)
def test_arguments_that_are_not_one_clean_object_are_refused(text: str) -> None:
    message = problems_of(text)
    assert message
    assert len(message) < 700


def test_repeated_keys_are_named() -> None:
    assert "repeated keys 'leverage'" in problems_of('{"leverage": 1, "leverage": 50}')


def test_a_code_fence_around_the_arguments_is_taken_off() -> None:
    assert read(f"```json\n{json.dumps(ENTRY_ARGUMENTS)}\n```").leverage == 3


def test_arguments_that_arrive_as_an_object_obey_the_same_rules() -> None:
    request = ToolRequest("c", "signal_entry_long", ENTRY_ARGUMENTS)
    assert read_request(request, PAIR, FLAT).pair == PAIR
    hostile = ToolRequest("c", "signal_entry_long", ENTRY_ARGUMENTS | {"leverage": float("nan")})
    with pytest.raises(ModelError, match="NaN is not a number"):
        read_request(hostile, PAIR, FLAT)


def test_arguments_that_cannot_be_json_are_refused() -> None:
    request = ToolRequest("c", "signal_wait", {"pair": object()})
    with pytest.raises(ModelError, match="not JSON"):
        read_request(request, PAIR, FLAT)


def test_missing_arguments_are_refused() -> None:
    with pytest.raises(ModelError, match="found NoneType"):
        read_request(ToolRequest("c", "signal_wait", None), PAIR, FLAT)


def test_reasons_are_made_printable() -> None:
    call = read(ENTRY_ARGUMENTS | {"reason": "up\n\x00\x1b[31m now\u2028\u202eyes \u200b"})
    assert call.reason == "up [31m now yes"


def test_a_reply_with_one_call_is_read() -> None:
    reply = a_reply(a_request("signal_hold", json.dumps(ARGUMENTS["signal_hold"])))
    assert isinstance(read_reply(reply, PAIR, IN_POSITION), Hold)


def test_finish_reason_stop_with_a_call_is_still_a_call() -> None:
    request = a_request("signal_wait", json.dumps(ARGUMENTS["signal_wait"]))
    assert read_reply(a_reply(request, finish_reason="stop"), PAIR, FLAT).tool == "signal_wait"


@pytest.mark.parametrize("finish_reason", ["length", "content_filter"])
def test_a_reply_that_was_cut_off_is_not_used_even_if_it_parses(finish_reason: str) -> None:
    request = a_request("signal_wait", json.dumps(ARGUMENTS["signal_wait"]))
    with pytest.raises(ModelError, match="cut off"):
        read_reply(a_reply(request, finish_reason=finish_reason), PAIR, FLAT)


def test_a_reply_without_a_call_is_not_used_whatever_its_text_says() -> None:
    text = '<tool_call>{"name": "signal_wait"}</tool_call>'
    with pytest.raises(ModelError, match="you called no tool"):
        read_reply(a_reply(text=text), PAIR, FLAT)


@pytest.mark.parametrize(("second_id", "said"), [("c2", "2 tools;"), ("c1", "not distinct")])
def test_a_reply_with_several_calls_is_rejected_whole(second_id: str, said: str) -> None:
    wait = json.dumps(ARGUMENTS["signal_wait"])
    reply = a_reply(a_request("signal_wait", wait), a_request("signal_wait", wait, second_id))
    with pytest.raises(ModelError, match=said):
        read_reply(reply, PAIR, FLAT)

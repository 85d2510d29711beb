"""Reading answers: nothing in them is trusted, whatever JSON it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from llm_modules.dialogue import Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.providers.answers import LONGEST_WORD, STATUS_OF_KIND, without_thoughts, word
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.speaking import dialect_for
from llm_modules.llm.providers.table import PROVIDERS
from models import CANARY, llm_config

CHAT, MESSAGES = (
    dialect_for(
        Target(PROVIDERS[name], "http://127.0.0.1:9/v1", "m", SecretStr(CANARY)),
        llm_config("http://127.0.0.1:9/v1"),
    )
    for name in ("openrouter", "anthropic")
)
BOTH = pytest.mark.parametrize("dialect", [CHAT, MESSAGES], ids=["chat", "messages"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
FIELDS = """
    choices message content tool_calls function arguments name id type usage error code model text
    tool_use input prompt_tokens cost finish_reason stop_reason prompt_tokens_details cached_tokens
    input_tokens
"""
NAMES = st.sampled_from(FIELDS.split())
JSON = st.recursive(
    LEAVES | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)
CALLS = st.fixed_dictionaries({}, optional={"id": JSON, "function": JSON, "type": JSON})
SHAPED = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {"message": st.fixed_dictionaries({"tool_calls": st.lists(CALLS)}) | JSON},
                optional={"finish_reason": JSON, "error": JSON},
            ),
            max_size=2,
        ),
        "content": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["text", "tool_use", "thinking"])},
                optional={"text": JSON, "id": JSON, "name": JSON, "input": JSON},
            )
        ),
    },
    optional={"usage": JSON, "model": JSON, "stop_reason": JSON, "error": JSON},
)


def fault_of(answer: object, dialect: Any = CHAT) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        dialect.read(answer)
    return caught.value


@BOTH
@given(answer=JSON | SHAPED)
def test_whatever_json_comes_it_is_a_reply_or_a_fault(dialect: Any, answer: Any) -> None:
    try:
        reply = dialect.read(answer)
    except ProviderError:
        return
    assert isinstance(reply, Reply)
    assert all(isinstance(word, str) for word in (reply.text, reply.model, reply.finish_reason))
    for request in reply.tool_requests:
        assert isinstance(request.name, str)
        assert isinstance(request.call_id, str)
        assert request.arguments is None or isinstance(request.arguments, str | dict)


@BOTH
def test_an_answer_nested_very_deep_is_a_reply_or_a_fault(dialect: Any) -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    call = {"id": deep, "function": {"name": deep, "arguments": deep}}
    message = {"content": deep, "tool_calls": [call]}
    block = {"type": "tool_use", "id": deep, "name": deep, "input": deep}
    answer = {"model": deep, "usage": deep, "choices": [{"message": message}], "content": [block]}
    (request,) = dialect.read(answer).tool_requests
    assert (request.call_id, request.name, request.arguments) == ("", "", None)
    assert fault_of({"error": deep}, dialect).fault == "bad_response"
    assert fault_of({"error": {"message": deep, "code": deep}}, dialect).fault == "bad_response"


@BOTH
@pytest.mark.parametrize(
    "nothing", [None, "<html>", 3, [], [{}], {}, {"choices": [], "content": 3}]
)
def test_what_holds_no_answer_is_a_bad_response(dialect: Any, nothing: object) -> None:
    assert fault_of(nothing, dialect).fault == "bad_response"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"code": 429}, "rate_limited"),
        ({"code": "429"}, "rate_limited"),
        ({"code": 402}, "unauthorised"),
        ({"code": 408}, "timeout"),
        ({"code": 500}, "server_error"),
        ({"code": "rate_limit_exceeded"}, "rate_limited"),
        ({"code": "insufficient_quota"}, "unauthorised"),
        ({"code": None, "type": "overloaded_error"}, "server_error"),
        ({"code": "context_length_exceeded", "type": "invalid_request_error"}, "rejected"),
        ({"code": True}, "bad_response"),
        ({"code": 4.29}, "bad_response"),
        ({"code": "0429"}, "bad_response"),
        ({"code": "٤٢٩"}, "bad_response"),
        ({"code": 10**30}, "bad_response"),
        ({"code": "no-such-code", "type": ["list"]}, "bad_response"),
    ],
)
@BOTH
def test_an_error_in_place_of_an_answer_is_named_by_its_code(
    dialect: Any, error: dict[str, Any], fault: str
) -> None:
    caught = fault_of({"error": {"message": "sorry"} | error}, dialect)
    assert (caught.fault, str(caught)) == (fault, "sorry")


def test_every_kind_of_error_has_a_status_of_http() -> None:
    assert all(400 <= status < 600 for status in STATUS_OF_KIND.values())


def test_an_error_that_says_nothing_is_told_so() -> None:
    assert str(fault_of({"error": {"code": 500}})) == "the answer is an error without a message"
    assert str(fault_of({"error": "overloaded"})) == "overloaded"


@pytest.mark.parametrize("nothing", [None, "", {}, [], False, 0])
def test_an_error_that_is_none_is_none(nothing: Any) -> None:
    message = {"content": "wait"}
    choice = {"message": message, "error": nothing}
    assert CHAT.read({"error": nothing, "choices": [choice]}).text == "wait"


def test_a_key_that_an_error_echoes_goes_no_further() -> None:
    for error in ({"message": f"bad key {CANARY}"}, f"bad key {CANARY}"):
        assert CANARY not in str(fault_of({"error": error}))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Wait.", "Wait."),
        ("<think>Hm.</think>Wait.", "Wait."),
        ("Hm.</think>Wait.", "Wait."),
        ("<think>Hm", ""),
        ("<think>a</think><think>b</think>Wait.", "Wait."),
        ("<think></think>", ""),
        ("Wait.<think>more", "Wait."),
    ],
)
def test_thoughts_in_a_text_are_not_its_answer(text: str, answer: str) -> None:
    assert without_thoughts(text) == answer
    assert CHAT.read({"choices": [{"message": {"content": text}}]}).text == answer


def test_a_call_in_a_text_is_no_call() -> None:
    call = json.dumps({"name": "signal_entry_long", "arguments": {"leverage": 100}})
    for text in (f"<tool_call>{call}</tool_call>", call, f"```json\n{call}\n```"):
        assert CHAT.read({"choices": [{"message": {"content": text}}]}).tool_requests == ()
        content = [{"type": "text", "text": text}]
        assert MESSAGES.read({"content": content}).tool_requests == ()


def test_a_word_of_a_server_is_short_and_printable() -> None:
    assert word("m\n\x1b[2J" + "x" * 5000) == "m[2J" + "x" * (LONGEST_WORD - 4)
    assert (word(None), word(7)) == ("", "")

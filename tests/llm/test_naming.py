"""A request is called the same however fast its name is found."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_prompt
from llm_modules.llm import naming
from llm_modules.llm.attempts import Texts, request_hash_of, text_hash
from llm_modules.llm.chat import ChatCompletions
from llm_modules.llm.naming import MOST_KEPT, Name, Naming
from llm_modules.llm.recorder import estimated_tokens
from models import a_target, llm_config

SERVER = "0123456789abcdef"
TEXTS = st.text() | st.text(alphabet='\x7f\x00\n\t"\\/é…漢😀\ud800 a0') | st.just("")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)
MESSAGES = st.lists(st.dictionaries(TEXTS, TEXTS) | JSON)
BODIES = st.dictionaries(st.sampled_from(["model", "messages", "tools", "provider", "x"]), JSON)


def slowly(body: dict[str, Any]) -> Name:
    """The name by the definition: the hash of the whole request, and the length of its text."""
    try:
        tokens = estimated_tokens(body)
    except UnicodeEncodeError:
        tokens = -1
    return Name(request_hash_of({"provider": SERVER, **body}), tokens)


@given(BODIES, MESSAGES)
def test_a_name_is_that_of_the_whole_request(body: dict[str, Any], messages: list[Any]) -> None:
    body = {**body, "messages": messages}
    expected = slowly(body)
    if expected.estimated_tokens < 0:
        with pytest.raises(UnicodeEncodeError):
            Naming(SERVER).name(body)
        return
    found = Naming(SERVER)
    # The second is another object of the same content, all of which is known by now.
    assert found.name(body) == found.name(json.loads(json.dumps(body))) == expected


@given(BODIES, MESSAGES)
def test_what_a_tape_stores_of_a_request_is_what_it_would_find_by_itself(
    body: dict[str, Any], messages: list[Any]
) -> None:
    body = {**body, "messages": messages}
    try:
        written = Naming(SERVER).written(body)
    except UnicodeEncodeError:
        return
    by_itself, told = Texts(), Texts()
    assert written.request_hash == by_itself.add_request({"provider": SERVER, **body})
    told.add_named(written.texts)
    assert told.by_hash == by_itself.by_hash


def test_what_is_stored_of_a_request_is_its_own_whatever_was_named_before() -> None:
    names = Naming(SERVER)
    bodies = [{"model": "m", "messages": [{"role": "user", "content": f"{n}"}]} for n in range(3)]
    for body in (*bodies, *bodies):
        names.name(bodies[0])
        texts = Texts()
        assert names.written(body).request_hash == texts.add_request({"provider": SERVER, **body})
        assert names.written(body).texts.keys() == texts.by_hash.keys()


def test_what_a_dialect_sends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = ChatCompletions(a_target(), llm_config("http://127.0.0.1:9/v1"))
    made: list[bytes] = []

    def counted(text: bytes) -> str:
        made.append(text)
        return text_hash(text)

    monkeypatch.setattr(naming, "text_hash", counted)
    names = Naming(SERVER)
    for number in range(3):
        body = dialect.body(a_prompt(text=f"candle {number} …"), "test-model", forced=True)
        assert names.name(body) == slowly(body)
    # Each request and its last message; the rules and the tools only once.
    once = len(body["messages"]) - 1 + len(body["tools"])
    assert len(made) == 3 * 2 + once


def test_the_same_texts_under_other_names_are_another_message() -> None:
    role, text, names = "user", "now? …", Naming(SERVER)
    for item in ({role: text}, {text: role}, {"role": role, "content": text}, {role: role}):
        assert names.name({"messages": [item]}) == slowly({"messages": [item]})


@pytest.mark.parametrize(
    "letter",
    [
        *("\x7f", "\x80", "é", "ÿ", "Ā", "\u07ff", "…", "漢", "\uffff", "😀"),
        *("…é\\…漢", "…\x7f", "\u2025…\u2027"),
    ],
)
def test_a_letter_is_named_as_it_is_written(letter: str) -> None:
    body = {"messages": [{"role": "user", "content": f"\\ {letter} 12 \n"}], "x": letter}
    assert Naming(SERVER).name(body) == slowly(body)


def test_lists_are_named_in_the_order_of_their_fields_whatever_those_are() -> None:
    names = Naming(SERVER)
    body = {"é": [1], "x": "plain", "tools": [], 'a"b': [2, "now?"], "messages": [3]}
    turned = dict(reversed(body.items()))
    assert names.name(body) == names.name(turned) == slowly(body)
    swapped = {**body, "é": [3], "messages": [1]}
    assert names.name(swapped) == slowly(swapped) != slowly(body)


def test_other_settings_and_other_tools_are_another_request() -> None:
    names, tools = Naming(SERVER), [{"name": "one", "strict": True}]
    messages = [{"role": "user", "content": "now?"}]
    bodies: list[dict[str, Any]] = [
        {"temperature": 1, "messages": messages, "tools": tools},
        {"temperature": 1.0, "messages": messages, "tools": tools},
        {"temperature": True, "messages": messages, "tools": tools},
        {"temperature": 1, "messages": messages, "tools": [{"name": "one", "strict": 1}]},
        {"temperature": 1, "messages": tools, "tools": messages},
        {"temperature": 1, "messages": messages},
    ]
    for body in (*bodies, *bodies):
        assert names.name(body) == slowly(body)


def test_a_request_that_is_asked_about_twice_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names, body = Naming(SERVER), {"model": "m", "messages": [{"role": "user", "content": "now?"}]}
    first = names.name(body)
    monkeypatch.setattr(naming, "canonical", lambda _value: pytest.fail("named again"))
    assert names.name(body) is first


def test_what_is_kept_is_bounded() -> None:
    made: list[int] = []

    def make(value: int) -> int:
        made.append(value)
        return value

    kept = naming._by_content(make)
    for number in (*range(MOST_KEPT + 1), 0):
        assert kept(number) == number
    assert made == [*range(MOST_KEPT + 1), 0]


def test_texts_that_are_held_by_others_too_are_no_other_content() -> None:
    made: list[Any] = []
    kept = naming._by_content(made.append)
    one, other = ("now? …".upper() for _ in range(2))
    for texts in ([one, one], [one, other]):
        kept(texts)
    assert made == [[one, other]]


def test_true_is_not_taken_for_one() -> None:
    names = Naming(SERVER)
    for value in (1, True, 1.0):
        assert names.name({"x": [value]}) == slowly({"x": [value]})


class Words(dict[str, str]):
    """No plain dict: what it holds is looked at each time."""


def test_what_is_no_plain_json_type_is_named_as_it_is_written() -> None:
    body = {"model": "m", "messages": [Words(role="user", content="now?")]}
    assert Naming(SERVER).name(body) == slowly(body)


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", 1j, object()])
@pytest.mark.parametrize("where", ["frame", "item"])
def test_what_cannot_be_json_says_so(value: object, where: str) -> None:
    body = {"x": value if where == "frame" else [value]}
    with pytest.raises(TypeError):
        Naming(SERVER).name(body)


def test_what_is_nested_too_deeply_says_so() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RecursionError):
        Naming(SERVER).name({"x": value})

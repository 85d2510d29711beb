import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from llm_modules.llm.redaction import SECRET_FIELDS, SHORTEST_SECRET, Redaction, without_names
from models import CANARY

ACCOUNT = "org-AbCdEfGh0123456789IjKl"
LETTERS = "AbCdEfGh01234567"


def redaction(key: str = CANARY) -> Redaction:
    return Redaction(SecretStr(key))


@pytest.mark.parametrize(
    "key",
    [
        f"sk-{LETTERS}",
        f"sk-proj-{LETTERS}-_",
        f"sk-or-v1-{LETTERS}",
        f"sk-ant-api03-{LETTERS}_-AA",
        f"AIza{LETTERS}_-Xy",
        f"gsk_{LETTERS}",
        f"hf_{LETTERS}",
        f"xai-{LETTERS}",
    ],
)
@pytest.mark.parametrize("around", ["{}", 'key "{}", refused', "\n{}\n", "at={};", "_{}"])
def test_keys_of_every_provider_are_known_by_their_shape(key: str, around: str) -> None:
    assert without_names(around.format(key)) == around.format("[key]")


def escaped(text: str, *, first: str = "\\") -> str:
    return "".join(f"{first}u{ord(letter):04x}" for letter in text)


SLASHED = "key/with/slashes/0123"
ESCAPES = {
    "its first letter": escaped(CANARY[0]) + CANARY[1:],
    "a letter within": CANARY[:5] + escaped(CANARY[5]) + CANARY[6:],
    "every letter": escaped(CANARY),
    "in capitals": escaped(CANARY).upper().replace("\\U", "\\u"),
    "twice": escaped(CANARY, first="\\\\"),
    "twice, by its number": escaped(CANARY, first="\\u005c"),
    "another's key": escaped(f"sk-{LETTERS}"),
}


@pytest.mark.parametrize("spelled", ESCAPES.values(), ids=ESCAPES)
def test_a_key_is_found_however_json_spells_it(spelled: str) -> None:
    arguments = f'{{"reason": "use {spelled}"}}'
    assert redaction().text(arguments) == '{"reason": "use [key]"}'
    call = {"function": {"name": "signal_wait", "arguments": arguments}}
    cleaned = redaction().value({"calls": [call]})
    assert json.loads(cleaned["calls"][0]["function"]["arguments"]) == {"reason": "use [key]"}


def test_a_slash_may_be_escaped() -> None:
    spelled = SLASHED.replace("/", "\\/")
    assert redaction(SLASHED).text(f'"{spelled}"') == '"[key]"'


@pytest.mark.parametrize(
    "text",
    [
        '{"reason": "a \\u0022quoted\\u0022 word \\u0041 and a\\/b \\n \\u00e9 \\ud83d\\ude00"}',
        "C:\\\\users",
        "\\u005c",
        "\\",
    ],
)
def test_escapes_without_a_secret_are_left_as_they_are(text: str) -> None:
    assert redaction().text(text) == text
    assert redaction().value([text]) == [text]


def test_where_a_key_is_taken_out_the_rest_is_the_same_json() -> None:
    text = json.dumps({"reason": f'"{CANARY}" \\ \n \u00e9 / A', "pair": "BTC/USDT"})
    spelled = text.replace("/", "\\/").replace("A", "\\u0041").replace("sk-", "\\u0073k-")
    found = json.loads(redaction().text(spelled))
    assert found == {"reason": '"[key]" \\ \n \u00e9 / A', "pair": "BTC/USDT"}


@pytest.mark.parametrize("bait", ["\\", "\\u005c", "\\u00", "\\u0073", "\\/"])
def test_a_megabyte_of_escapes_takes_no_long_time(bait: str) -> None:
    started = time.process_time()
    redaction().text(bait * (1_000_000 // len(bait)))
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"limit of {ACCOUNT} on tokens", "limit of [account] on tokens"),
        (f"new line\n{ACCOUNT}", "new line\n[account]"),
        ("proj_0123456789abcdeX", "[account]"),
        ("user-0123456789abcdeX", "[account]"),
        ("mail to jane.doe+x@sub.example.com.", "mail to [email]."),
        ("<jane@example.org>", "<[email]>"),
        ("Authorization: Bearer abc", "[key]"),
        ("authorization: Basic dXNlcjpwYXNz, then", "[key], then"),
        ("'Proxy-Authorization': 'Token x-1'", "'[key]'"),
        ('{"Authorization": "Bearer x", "a": 1}', '{"[key]", "a": 1}'),
        ("a bearer  eyJhbGciOi.x_y-z~", "a [key]"),
        ("Bearer 12345678", "[key]"),
    ],
)
def test_names_and_credentials_are_taken_out(text: str, shown: str) -> None:
    assert without_names(text) == shown
    assert redaction().text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "risk-reward-of-two-and-a-half",
        "ask-0123456789abcdefgh",
        "sk-0123456789abcde",
        "user-0123456789abcde",
        "user_requirements",
        "xorg-0123456789abcdeX",
        "long BTC@45000.5, target 46000",
        "entry@1.25.",
        "the bearer 1234567",
        "authorization is missing",
        "Authorization header",
        "",
    ],
)
def test_what_only_looks_alike_stays(text: str) -> None:
    assert without_names(text) == text
    assert redaction().value({"text": text}) == {"text": text}


@pytest.mark.parametrize(("name", "instead"), SECRET_FIELDS.items())
@pytest.mark.parametrize("value", ["jane", 17])
def test_a_field_that_names_somebody_is_taken_out_wherever_it_stands(
    name: str, instead: str, value: Any
) -> None:
    whole = {"choices": [{name: value}], "usage": {name: {"role": "user", name: value}}}
    inner = {"role": "user", name: instead}
    cleaned = {"choices": [{name: instead}], "usage": {name: inner}}
    assert redaction().value(whole) == cleaned


def test_a_value_without_a_secret_is_handed_back_as_it_is() -> None:
    value = {"role": "user", "content": [1, 2.5, None, True, "user"], "system_fingerprint": "fp_1"}
    assert redaction().value(value) is value


def test_a_secret_in_a_name_is_taken_out_too() -> None:
    assert redaction().value({f"a {CANARY}": 1}) == {"a [key]": 1}


def test_a_key_with_symbols_is_found_plain_and_in_json_within_json() -> None:
    key = 'a"b\\c\u00e9-0123'
    arguments = json.dumps({"echo": key}, ensure_ascii=False)
    cleaned = redaction(key).value({"plain": f"<{key}>", "arguments": arguments})
    assert cleaned == {"plain": "<[key]>", "arguments": '{"echo": "[key]"}'}


@pytest.mark.parametrize(
    ("length", "kept"), [(SHORTEST_SECRET - 1, True), (SHORTEST_SECRET, False)]
)
def test_a_placeholder_too_short_for_a_secret_takes_nothing_apart(length: int, kept: bool) -> None:
    key = "EMPTY-PLACEHOLDER"[:length]
    value = {"text": key}
    assert (redaction(key).value(value) == value) is kept
    assert (redaction(key).text(key) == key) is kept


@pytest.mark.parametrize("key", ["", "no-key"])
def test_without_a_key_of_ones_own_shapes_are_still_known(key: str) -> None:
    assert redaction(key).value([f"sk-{LETTERS}"]) == ["[key]"]


@pytest.mark.parametrize("bait", ["a", "sk-", "@a.", "bearer ", "org-", "authorization: "])
def test_a_megabyte_of_bait_takes_no_time(bait: str) -> None:
    text = "@" + bait * (1_000_000 // len(bait))
    started = time.process_time()
    redaction().text(text)
    assert time.process_time() - started < 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_cleaning_twice_changes_nothing_more(value: Any) -> None:
    once = redaction().value(value)
    assert redaction().value(once) == once


def test_a_secret_in_json_within_json_is_found() -> None:
    inner = json.dumps({"Authorization": "Bearer x", "mail": "jane@example.org"})
    cleaned = json.dumps(redaction().value({"arguments": json.dumps([inner])}))
    assert "Bearer" not in cleaned
    assert "jane" not in cleaned


@given(
    st.text(max_size=20), st.sampled_from([CANARY, ACCOUNT, f"sk-{LETTERS}"]), st.text(max_size=20)
)
def test_no_surroundings_hide_a_secret(before: str, secret: str, after: str) -> None:
    # A letter before or after would make it another word.
    text = f"{before} {secret} {after}"
    assert secret not in json.dumps(redaction().value({"content": [text]}))

import asyncio
import json
import logging
import sqlite3
import zlib
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from adversary import Adversary, Script, adversary, completion, http
from builders import NOON, a_prompt
from journaling import at_most
from llm_modules.dialogue import Inquiry, Message, Prompt, Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.attempts import Attempt
from llm_modules.llm.meter import NoMeter
from llm_modules.llm.recorder import ABANDONED, Recorder, TapeForm, provider_hash
from llm_modules.llm.tape import Tape
from models import CANARY, a_client, a_target, llm_config

ACCOUNT = "org-AbCdEfGh0123456789IjKl"
# Of nobody in particular: no one but its shape could tell what it is.
ANOTHER = "sk-ant-api03-AbCdEf0123456789-_xyz"
MAIL, NAMED = "jane.doe+llm@mail.example.com", "jane-of-accounts"
OK = http(completion())
TEXT_ONLY = Prompt((Message("user", "word this lesson"),), ())


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return Tape(tmp_path / "llm_tape.sqlite")


def ask(
    server: Adversary,
    tape: Tape | None,
    *prompts: Prompt,
    asked: list[str] | None = None,
    model: str | None = None,
    **changes: Any,
) -> list[Reply]:
    """Ask each prompt in turn through one client."""

    async def run() -> list[Reply]:
        client, inquiry = a_client(llm_config(server.url, **changes), tape), Inquiry()
        try:
            return [
                await client.ask(prompt, inquiry, model=model)
                for prompt in prompts or (a_prompt(),)
            ]
        finally:
            await client.close()
            if asked is not None:
                asked.extend(inquiry.tape_ids)

    return asyncio.run(run())


def test_a_key_that_a_server_echoes_in_an_answer_goes_no_further(tape: Tape) -> None:
    arguments = json.dumps({"pair": "BTC", "reason": f"debug Bearer {CANARY}"})
    call = {"id": "c", "type": "function", "function": {"name": "x", "arguments": arguments}}
    message = {"role": "assistant", "content": f"key {CANARY}", "tool_calls": [call]}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": CANARY}
    with adversary(http(json.dumps(body | {"choices": [choice]}))) as server:
        (reply,) = ask(server, tape)
    assert reply.text == "key [key]"
    assert reply.model == "[key]"
    assert reply.tool_requests[0].arguments == arguments.replace(CANARY, "[key]")


def failed(
    script: Script | bytes, tape: Tape, **changes: Any
) -> tuple[ProviderError, list[Attempt]]:
    """What a question that fails raises, and what is on the tape of it, oldest first."""
    asked: list[str] = []
    with adversary(script) as server, pytest.raises(ProviderError) as caught:
        ask(server, tape, asked=asked, **({"retry_times": 0} | changes))
    return caught.value, [found(tape, name) for name in asked]


def found(tape: Tape, tape_id: str) -> Attempt:
    attempt = tape.read(tape_id)
    assert attempt is not None
    return attempt


def answered(response: bytes, tape: Tape, *prompts: Prompt, **changes: Any) -> Attempt:
    """What is on the tape of the one request it took."""
    asked: list[str] = []
    with adversary(response) as server:
        ask(server, tape, *prompts, asked=asked, **changes)
    (tape_id,) = asked
    return found(tape, tape_id)


def test_what_was_sent_and_what_came_back_are_on_the_tape(tape: Tape) -> None:
    asked: list[str] = []
    with adversary(OK) as server:
        ask(server, tape, asked=asked)
        sent = server.requests[0]
    (attempt,) = (found(tape, tape_id) for tape_id in asked)
    provider = attempt.request["provider"]
    assert attempt.request == {**sent, "provider": provider}
    assert provider == provider_hash("http://localhost:1/v1")
    assert attempt.answer == json.loads(completion())
    assert (attempt.model, attempt.error) == ("test-model", None)
    assert 0 < attempt.latency_seconds < 3


def test_without_a_tape_nothing_is_named() -> None:
    asked: list[str] = []
    with adversary(OK) as server:
        (reply,) = ask(server, None, asked=asked)
    assert reply.tool_requests
    assert asked == []


def test_who_does_not_ask_for_the_names_is_answered_and_taped_all_the_same(tape: Tape) -> None:
    with adversary(OK) as server:
        (reply,) = ask(server, tape)
    assert reply.tool_requests
    # The same request again, named by somebody who wants to know: it is the second.
    assert answered(OK, tape).nth == 2


def test_what_a_server_adds_to_the_format_is_kept(tape: Tape) -> None:
    odd = completion(reasoning="because", system_fingerprint=None, usage={"cached": 7})
    assert answered(http(odd), tape).answer == json.loads(odd)


def test_every_attempt_is_recorded_in_order(tape: Tape) -> None:
    def script(number: int) -> list[bytes | float]:
        return [OK if number == 3 else http("{}", "500 Oops", retry_after="0")]

    asked: list[str] = []
    with adversary(script) as server:
        ask(server, tape, asked=asked, retry_times=3)
    told = [found(tape, name).error for name in asked]
    assert told[:2] == ["server_error: Error code: 500"] * 2
    assert told[2] is None
    assert [found(tape, name).nth for name in asked] == [1, 2, 3]


def test_of_a_failure_every_attempt_is_named(tape: Tape) -> None:
    _, attempts = failed(http("{}", "429 Slow", retry_after="0"), tape, retry_times=2)
    assert len(attempts) == 3
    assert [one.error for one in attempts] == ["rate_limited: Error code: 429"] * 3
    assert [one.answer for one in attempts] == [None] * 3


def test_a_failure_without_a_tape_names_nothing() -> None:
    asked: list[str] = []
    with adversary(http("{}", "400 No")) as server, pytest.raises(ProviderError):
        ask(server, None, asked=asked, retry_times=0)
    assert asked == []


def test_what_nobody_answered_in_time_is_on_the_tape(tape: Tape) -> None:
    error, (attempt,) = failed(lambda _: [60.0], tape, timeout=0.3)
    assert error.fault == "timeout"
    assert (attempt.error, attempt.answer) == (ABANDONED, None)


def test_who_stops_waiting_knows_what_was_asked(tape: Tape) -> None:
    inquiry = Inquiry()

    async def impatient(server: Adversary) -> None:
        client = a_client(llm_config(server.url), tape)
        asking = asyncio.create_task(client.ask(a_prompt(), inquiry))
        while not server.requests:  # noqa: ASYNC110 - it runs on another thread
            await asyncio.sleep(0.001)
        async with asyncio.timeout(0):
            await asking

    with adversary(lambda _: [60.0]) as server, pytest.raises(TimeoutError):
        asyncio.run(impatient(server))
    assert [found(tape, name).error for name in inquiry.tape_ids] == [ABANDONED]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"error": {"message": "overloaded"}}', {"error": {"message": "overloaded"}}),
        (completion(choices=[]), json.loads(completion(choices=[]))),
        ("3", None),
        ("{", None),
        ("", None),
        ("[" * 100_000, None),
        ('{"a":' * 100_000, None),
        (b"\xff\xfe\xfa", None),
        ('{"a": ' + "9" * 5000 + "}", None),
    ],
)
def test_an_answer_of_no_use_is_kept_where_it_is_an_object(
    tape: Tape, body: bytes | str, answer: Any
) -> None:
    error, (attempt,) = failed(http(body), tape)
    assert error.fault == "bad_response"
    assert attempt.error is not None
    assert attempt.error.startswith("bad_response: ")
    assert attempt.answer == answer


def test_a_refused_tool_choice_and_the_free_question_are_both_there(tape: Tape) -> None:
    refusal = http('{"error": {"message": "no tool_choice here"}}', "400 Bad Request")
    asked: list[str] = []
    with adversary(lambda number: [refusal if number == 1 else OK]) as server:
        ask(server, tape, asked=asked)
    first, second = (found(tape, name) for name in asked)
    assert (first.request["tool_choice"], second.request["tool_choice"]) == ("required", "auto")
    assert (first.nth, second.nth) == (1, 1)


def test_questions_that_were_refused_together_are_all_asked_freely(tape: Tape) -> None:
    refusal = http('{"error": {"message": "no tool_choice here"}}', "400 Bad Request")

    async def together(server: Adversary) -> list[Reply]:
        client = a_client(llm_config(server.url, retry_times=0), tape)
        return await asyncio.gather(*(client.ask(a_prompt(text=str(one))) for one in range(4)))

    def script(_: int) -> list[bytes | float]:
        forced = server.requests[-1]["tool_choice"] == "required"
        return [0.05, refusal if forced else OK]

    with adversary(script) as server:
        assert len(asyncio.run(together(server))) == 4


def test_a_plain_question_has_no_tools_and_may_go_to_another_model(tape: Tape) -> None:
    message = {"role": "assistant", "content": "Take profit sooner."}
    body = completion(choices=[{"index": 0, "finish_reason": "stop", "message": message}])
    asked: list[str] = []
    with adversary(http(body)) as server:
        (reply,) = ask(server, tape, TEXT_ONLY, model="cheap-model", asked=asked)
        sent = server.requests[0]
    assert reply.text == "Take profit sooner."
    assert set(sent) == {"model", "messages", "temperature", "max_tokens"}
    assert sent["model"] == found(tape, asked[0]).model == "cheap-model"


def everything_in(folder: Path) -> bytes:
    """All bytes of the tape's files, as they lie there and with the texts unpacked."""
    raw = b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
    with closing(sqlite3.connect(folder / "llm_tape.sqlite")) as connection:
        texts = connection.execute("SELECT body FROM texts").fetchall()
        raw += repr(connection.execute("SELECT * FROM attempts").fetchall()).encode()
    return raw + b"".join(zlib.decompress(body) for (body,) in texts)


ECHO = f'{{"error": {{"message": "key {CANARY} of {ACCOUNT} starts sk-canar, ends cdef"}}}}'
SPELLED = "".join(f"\\u{ord(char):04x}" for char in CANARY)


@pytest.mark.parametrize(
    "response",
    [
        OK,
        http(ECHO, "401 Unauthorized"),
        http(ECHO, "429 Too Many", retry_after="0"),
        http(ECHO),
        http(completion(key=CANARY, organization=ACCOUNT)),
        http(completion(system_fingerprint=f"fp {CANARY}", id=f'"{SPELLED}"')),
        http(completion(model="x").replace('"x"', f'"{SPELLED}"')),
        http(completion({"reason": f"my key is {CANARY}"})),
        http(f"<html>{CANARY}</html>"),
        http(completion(metadata={"Authorization": f"Bearer {ANOTHER}"})),
        http(completion({"reason": f"as {ANOTHER} said, ask {MAIL}"})),
        http(f'{{"error": {{"message": "{MAIL} may not", "user": "{NAMED}"}}}}'),
        http(completion(user=NAMED, safety_identifier=NAMED, account={"user_id": NAMED})),
    ],
)
def test_no_key_and_no_account_is_ever_on_the_tape(
    tmp_path: Path, response: bytes, tape: Tape
) -> None:
    prompt = a_prompt(text=f"what a gateway said: {CANARY} Authorization: {ANOTHER} {MAIL}")
    with adversary(response) as server:
        recording = Tape(tmp_path / "llm_tape.sqlite")
        with suppress(ProviderError):
            ask(server, recording, prompt, retry_times=1)
        # Still open here: what lies in the write-ahead log counts too.
        tape.record({}, None, error=None, at=NOON, latency_seconds=0)
        assert f"bearer {CANARY}" in server.heads[0].lower()
    assert (tmp_path / "llm_tape.sqlite-wal").stat().st_size > 0
    written = everything_in(tmp_path)
    assert b"what a gateway said: [key] [key] [email]" in written
    for secret in (CANARY, ANOTHER, ACCOUNT, MAIL, NAMED, "earer"):
        assert secret.encode() not in written
    assert b"127.0.0.1" not in written


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://host/v1", "https://me:secret@HOST", True),
        ("https://host/v1", "https://host:8443/v1", False),
        ("https://host/v1", "https://host/v2", False),
        ("https://host/v1", "http://host/v1", False),
        ("http://127.0.0.1:8089/v1", "http://localhost:1/v1", True),
        ("http://[::1]:8089", "http://localhost:1/v1", True),
        ("http://127.0.0.2:8089", "http://localhost:1/v1", False),
    ],
)
def test_an_endpoint_is_named_without_its_credentials(one: str, other: str, same: bool) -> None:
    assert (provider_hash(one) == provider_hash(other)) is same
    assert provider_hash(one).isalnum()


def test_a_tape_that_fails_is_told_once_and_costs_no_decision(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "logs"
    folder.touch()
    tape = Tape(folder / "llm_tape.sqlite")
    asked: list[str] = []
    with adversary(OK) as server:
        replies = ask(server, tape, *[a_prompt()] * 3, asked=asked)
    assert asked == []
    assert [bool(reply.tool_requests) for reply in replies] == [True] * 3
    (warning,) = [one for one in caplog.records if one.name.endswith("recorder")]
    assert warning.levelno == logging.WARNING
    assert "go on without their prompts" in warning.message


def test_the_tape_is_written_again_as_soon_as_it_can_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tape = Tape(tmp_path / "llm_tape.sqlite")
    recorder = Recorder(tape, NoMeter(), a_target())

    def is_named() -> bool:
        inquiry = Inquiry()
        with recorder.taping({"messages": [{"content": "x" * 99}]}, inquiry) as sent:
            sent.answered(b"{}")
        return len(inquiry.tape_ids) == 1

    assert is_named()
    for _ in range(2):
        with at_most(1):
            assert [is_named(), is_named()] == [False, False]
        assert [is_named(), is_named()] == [True, True]
    recorder.close()
    told = ["without their prompts", "written again"] * 2
    assert len(caplog.records) == len(told)
    assert all(words in one.message for words, one in zip(told, caplog.records, strict=True))


def test_a_key_that_looks_like_an_escape_takes_nothing_apart(tape: Tape) -> None:
    recorder = Recorder(tape, NoMeter(), a_target(key="u001b[31"))
    inquiry = Inquiry()
    with recorder.taping({"text": "\x1b[31m u001b[31"}, inquiry) as sent:
        sent.answered(b"{}")
    assert found(tape, inquiry.tape_ids[0]).request["text"] == "\x1b[31m [key]"


def test_what_is_read_now_is_what_a_tape_would_give(tape: Tape) -> None:
    recorder, inquiry = Recorder(tape, NoMeter(), a_target()), Inquiry()
    raw = {"b": [{"z": CANARY, "a": 1e400}], "a": {"user": "me", "text": "\ud800"}}
    with recorder.taping({}, inquiry) as sent:
        answer = sent.answered(json.dumps(raw).encode())
    cleaned = {"user": "[account]", "text": "\ud800"}
    assert answer == {"a": cleaned, "b": [{"a": 1e400, "z": "[key]"}]}
    taped = found(tape, inquiry.tape_ids[0]).answer
    # With its fields in the same order too: complaints about them must come in one order.
    assert json.dumps(answer) == json.dumps(taped)
    assert list(raw) != list(taped or ())


@pytest.mark.parametrize("raw", [b"3", b'"text"', b"[]", b"null"])
def test_what_is_no_object_is_handed_on_and_not_kept(tape: Tape, raw: bytes) -> None:
    recorder, inquiry = Recorder(tape, NoMeter(), a_target()), Inquiry()
    with recorder.taping({}, inquiry) as sent:
        assert sent.answered(raw) == json.loads(raw)
    assert found(tape, inquiry.tape_ids[0]).answer is None


def test_what_is_told_of_a_failure_holds_no_secret(tape: Tape) -> None:
    recorder, inquiry = Recorder(tape, NoMeter(), a_target()), Inquiry()
    told = f"write to me@example.com, {CANARY}"
    with pytest.raises(ProviderError), recorder.taping({}, inquiry):
        raise ProviderError("rejected", told)
    attempt = found(tape, inquiry.tape_ids[0])
    assert attempt.error == inquiry.expenses[0].fault == "rejected: write to [email], [key]"


def test_an_error_of_our_own_is_recorded_as_abandoned_and_goes_on(tape: Tape) -> None:
    recorder = Recorder(tape, NoMeter(), a_target())
    inquiry = Inquiry()
    with pytest.raises(ZeroDivisionError), recorder.taping({"a": 1}, inquiry):
        raise ZeroDivisionError
    assert found(tape, inquiry.tape_ids[0]).error == ABANDONED


def test_a_secret_is_taken_out_of_what_was_named_with_it(tape: Tape) -> None:
    form, text = TapeForm(a_target()), f"my key is {CANARY}, now?"
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    assert form.name(body).request_hash != form.recorded_hash(body)
    assert form.written(body) is None
    recorder = Recorder(tape, NoMeter(), a_target(), form)
    inquiry = Inquiry()
    with recorder.taping(body, inquiry):
        pass
    (tape_id,) = inquiry.tape_ids
    assert found(tape, tape_id).request["messages"][0]["content"] == "my key is [key], now?"

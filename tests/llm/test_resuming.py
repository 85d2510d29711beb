"""A run that was cut short is resumed from its tape, against a real server."""

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adversary import adversary, completion, http
from builders import NOON, a_prompt
from llm_modules.dialogue import Inquiry, Prompt
from llm_modules.errors import ProviderError
from llm_modules.llm import opening
from llm_modules.llm.chat import ChatCompletions
from llm_modules.llm.patience import live_patience
from llm_modules.llm.recorder import ABANDONED, TapeForm
from llm_modules.llm.tape import Tape
from models import a_client, a_target, llm_config

NOWHERE = "http://127.0.0.1:9/v1"
PROMPT = a_prompt(text="what now?")
OOPS = "server_error: Oops"


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return Tape(tmp_path / "llm_tape.sqlite")


def attempts(tape: Tape, such: str = "TRUE") -> list[str]:
    """The ids of the attempts on a tape, oldest first."""
    with closing(sqlite3.connect(tape._file.path)) as connection:
        query = f"SELECT id FROM attempts WHERE {such} ORDER BY rowid"  # noqa: S608 - of this file
        return [name for (name,) in connection.execute(query)]


def test_only_what_is_not_on_the_tape_waits_for_its_turn_at_a_server(tape: Tape) -> None:
    """A recorded run is resumed far faster than the server may be asked."""
    prompts = [a_prompt(text=f"candle {number}") for number in range(4)]

    async def run(mode: str, asked: Sequence[Prompt], url: str) -> None:
        client = a_client(llm_config(url, tape_mode=mode, requests_per_minute=1), tape)
        for prompt in asked:
            await client.ask(prompt)
        await client.close()

    with adversary(http(completion())) as server:
        for prompt in prompts:
            asyncio.run(run("record", [prompt], server.url))
        asyncio.run(run("replay_or_record", [*prompts, a_prompt(text="news")], server.url))
        assert len(server.requests) == 5


def test_recorded_failures_open_no_breaker(tape: Tape) -> None:
    def script(number: int) -> list[bytes | float]:
        return [http("{}", "500 Oops") if number <= 2 else http(completion())]

    async def run(mode: str, texts: Sequence[str], url: str) -> list[str]:
        changes = {"retry_times": 0, "breaker_failures": 2}
        client = a_client(llm_config(url, tape_mode=mode, **changes), tape)
        said = []
        for text in texts:
            try:
                said.append((await client.ask(a_prompt(text=text))).model)
            except ProviderError as error:
                said.append(error.fault)
        await client.close()
        return said

    with adversary(script) as server:
        asyncio.run(run("record", ["a", "b"], server.url))
        tape.outlive(attempts(tape, "error IS NOT NULL"))
        said = asyncio.run(run("replay_or_record", ["a", "b", "c"], server.url))
    assert said == ["server_error", "server_error", "served-model"]


def put(tape: Tape, outcome: str, prompt: Prompt = PROMPT) -> str:
    """Record what a client asks: an error with its fault, or an answer by a model of this name."""
    config, target = llm_config(NOWHERE), a_target(NOWHERE)
    body = ChatCompletions(target, config).body(prompt, config.model, forced=True)
    failed = ":" in outcome
    answer = None if failed else json.loads(completion(model=outcome))
    error = outcome if failed else None
    request = TapeForm(target).request(body)
    return tape.record(request, answer, error=error, at=NOON, latency_seconds=30.0)


def said(tape: Tape, mode: str, *prompts: Prompt, url: str = NOWHERE, **changes: Any) -> list[str]:
    """What one client makes of prompts that it is asked at once: models, or faults."""
    client = a_client(llm_config(url, tape_mode=mode, **({"retry_times": 0} | changes)), tape)

    async def ask(prompt: Prompt) -> str:
        try:
            return (await client.ask(prompt, Inquiry())).model
        except TimeoutError:
            return "abandoned"
        except ProviderError as error:
            return error.fault

    async def run() -> list[str]:
        told = await asyncio.gather(*map(ask, prompts or (PROMPT,)))
        await client.close()
        return list(told)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "fault", [OOPS, ABANDONED, "connection: refused", "timeout: late", "unauthorised: pay first"]
)
def test_what_a_run_ended_with_is_asked_anew(tape: Tape, fault: str) -> None:
    put(tape, fault)
    assert said(tape, "replay") == [fault.partition(":")[0]]
    with adversary(http(completion())) as server:
        assert said(tape, "replay_or_record", url=server.url) == ["served-model"]
        assert said(tape, "replay_or_record", url=server.url) == ["served-model"]
        assert len(server.requests) == 1
    # Of the run that was resumed the failure is no part.
    assert said(tape, "replay", PROMPT, PROMPT) == ["served-model", "not_on_tape"]


def test_what_a_run_ended_with_is_asked_anew_until_there_is_an_answer(tape: Tape) -> None:
    for status in ("500 Oops", "500 Oops", "200 OK"):
        with adversary(http(completion(), status)) as server:
            said(tape, "replay_or_record", url=server.url)
            assert len(server.requests) == 1
    assert len(attempts(tape)) == 3
    assert said(tape, "replay_or_record") == ["served-model"]


def test_a_retry_that_was_cut_off_is_made_again_from_the_first(tape: Tape) -> None:
    put(tape, OOPS)
    put(tape, ABANDONED)
    with adversary(http(completion())) as server:
        assert said(tape, "replay_or_record", url=server.url) == ["served-model"]
    assert said(tape, "replay") == ["served-model"]


def test_what_a_run_got_over_stays_as_it_was(tape: Tape) -> None:
    other = a_prompt(text="the next candle")

    async def run(mode: str, url: str) -> list[str]:
        client = a_client(llm_config(url, tape_mode=mode, retry_times=0), tape)
        told = []
        for prompt in (PROMPT, other):
            try:
                told.append((await client.ask(prompt)).model)
            except ProviderError as error:
                told.append(error.fault)
        await client.close()
        return told

    def script(number: int) -> list[bytes | float]:
        return [http("{}", "500 Oops") if number == 1 else http(completion())]

    with adversary(script) as server:
        for mode in ("record", "replay_or_record", "replay"):
            assert asyncio.run(run(mode, server.url)) == ["server_error", "served-model"]
        assert len(server.requests) == 2


def test_a_retry_that_was_answered_is_played_with_what_failed_before(tape: Tape) -> None:
    def script(number: int) -> list[bytes | float]:
        return [http("{}", "500 Oops") if number == 1 else http(completion())]

    with adversary(script) as server:
        assert said(tape, "record", url=server.url, retry_times=1) == ["served-model"]
    for mode in ("replay_or_record", "replay"):
        assert said(tape, mode) == ["server_error"]
        assert said(tape, mode, retry_times=1) == ["served-model"]


def test_a_tape_of_before_goes_on_from_its_last_answer(tape: Tape) -> None:
    """There nothing tells what a run got over but that an answer came after it."""
    later = a_prompt(text="later")
    put(tape, "m-0", a_prompt(text="answered first"))
    got_over = put(tape, OOPS)
    put(tape, "m-1", a_prompt(text="answered"))
    put(tape, OOPS, later)
    tape.close()
    with closing(sqlite3.connect(tape._file.path)) as connection:
        connection.execute("DROP TABLE outlived")
    assert said(tape, "replay", PROMPT, later) == ["server_error", "server_error"]
    with adversary(http(completion())) as server:
        for _ in range(2):
            told = said(tape, "replay_or_record", PROMPT, later, url=server.url)
            assert told == ["server_error", "served-model"]
        assert len(server.requests) == 1
    assert attempts(tape, "id IN (SELECT id FROM outlived)") == [got_over]


def test_what_is_asked_at_once_is_answered_in_the_order_of_asking(tape: Tape) -> None:
    names = [f"m-{number}" for number in range(6)]
    for name in names:
        put(tape, name)
    for mode in ("replay", "replay_or_record"):
        for _ in range(2):
            assert said(tape, mode, *[PROMPT] * 6) == names


def test_questions_that_are_retried_at_once_are_played_the_same_each_time(tape: Tape) -> None:
    tape.outlive([put(tape, OOPS), put(tape, OOPS)])
    put(tape, "m-1")
    put(tape, "m-2")
    played = [said(tape, "replay", PROMPT, PROMPT, retry_times=3) for _ in range(3)]
    assert played == [["m-1", "m-2"]] * 3


def test_a_replay_waits_for_nothing(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause of then, no turn, no limit per minute, and no server that is let be."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(opening, "live_patience", lambda config: live_patience(config, pause))
    tape.outlive([put(tape, "rate_limited: in an hour"), put(tape, OOPS)])
    for number in range(3):
        put(tape, f"m-{number}")
    changes: dict[str, Any] = {"retry_times": 3, "breaker_failures": 1, "requests_per_minute": 1}
    for mode in ("replay", "replay_or_record"):
        pauses.clear()
        assert sorted(said(tape, mode, *[PROMPT] * 3, **changes)) == ["m-0", "m-1", "m-2"]
        assert pauses == [0.0, 0.0]

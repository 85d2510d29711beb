"""Questions that were asked at once and in haste end, played back from the tape, as they did."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adversary import Script, adversary, completion, http
from builders import ARGUMENTS, PAIR, a_prompt
from llm_modules.dialogue import Inquiry, Message, Prompt
from llm_modules.engine.cheap_first import open_executor
from llm_modules.engine.executor import Answer
from llm_modules.llm.attempts import Response
from llm_modules.llm.tape import Tape
from models import a_client, llm_config

REFUSES_FORCE = '{"error": {"message": "tool_choice is not supported"}}'
# A quarter of it must do for an answer that comes at once, however busy the machine is.
HASTY: dict[str, Any] = {"timeout": 4, "retry_times": 1, "asking": {"cheap_model": "small"}}
TOO_LATE = "timeout: no usable answer within 4 s"
# Longer than the half that a cheap model has.
OOPS = http("{}", "500 Oops", retry_after="3")


async def answers_of(
    url: str, tape: Path, prompts: Sequence[Prompt], mode: str, **changes: Any
) -> list[Answer]:
    """Ask all at once, as the pairs of a candle are asked about."""
    values = {"fallbacks": [{"api_base": url, "model": "spare-model"}], "tape_mode": mode}
    config = llm_config(url, breaker_failures=1000, **(HASTY | values | changes))
    with closing(Tape(tape)) as kept:
        executor = open_executor(a_client(config, kept), config)
        asked = (executor.call(prompt, Inquiry(PAIR)) for prompt in prompts)
        answers = await asyncio.gather(*asked)
        await executor.close()
    return answers


async def in_turn(url: str, tape: Path, mode: str) -> list[Answer]:
    """Ask one after the other, with what was found out by the ones before."""
    config = llm_config(url, tape_mode=mode, breaker_failures=1000, **HASTY)
    with closing(Tape(tape)) as kept:
        executor = open_executor(a_client(config, kept), config)
        answers = [await executor.call(prompt, Inquiry(PAIR)) for prompt in five_prompts()]
        await executor.close()
    return answers


def five_prompts() -> list[Prompt]:
    system, user = a_prompt().messages
    texts = [f"{user.content} {number}" for number in range(5)]
    return [Prompt((system, Message("user", text)), a_prompt().tools) for text in texts]


def recorded_and_replayed(
    tape: Path, answer: Script | bytes, **of_the_replay: Any
) -> tuple[list[Answer], list[Answer]]:
    prompts, nobody = five_prompts(), "http://localhost:9/v1"
    with adversary(answer) as server:
        made = asyncio.run(answers_of(server.url, tape, prompts, "record"))
    again = asyncio.run(answers_of(nobody, tape, prompts, "replay", **of_the_replay))
    return made, again


def test_after_a_cheap_model_that_hung_the_words_are_the_same(tmp_path: Path) -> None:
    """Live half of the time was gone when the main model was asked, in a replay none is."""
    made, again = recorded_and_replayed(tmp_path / "tape", lambda _: [60.0])
    assert {one.fault for one in made} == {TOO_LATE}
    assert {len(one.expenses) for one in made} == {3}
    assert again == made


def test_a_pause_that_would_outlast_the_cheap_models_time_is_not_begun(tmp_path: Path) -> None:
    made, again = recorded_and_replayed(tmp_path / "tape", OOPS)
    assert {one.escalated_from for one in made} == {"small: server_error: Error code: 500"}
    assert again == made


def test_a_replay_that_is_held_up_has_the_words_of_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped with Ctrl-Z, on a busy machine or a slow disk: its own time decides nothing."""
    read = Tape.response

    def slowly(tape: Tape, request_hash: str, nth: int) -> Response | None:
        time.sleep(0.1)
        return read(tape, request_hash, nth)

    monkeypatch.setattr(Tape, "response", slowly)
    # Each look at the tape takes all the time that a question would have.
    made, again = recorded_and_replayed(tmp_path / "tape", OOPS, timeout=0.1)
    assert again == made


def test_questions_that_found_out_together_did_so_in_a_replay_too(tmp_path: Path) -> None:
    """A server that refuses a forced call at times: each asks once more, or is answered as then."""

    def answer(number: int) -> list[bytes | float]:
        if server.requests[-1]["tool_choice"] == "required" and number % 3:
            return [0.1, http(REFUSES_FORCE, "400 Bad Request")]
        return [0.1, http(completion(ARGUMENTS["signal_wait"] | {"confidence_score": 90}))]

    prompts, tape = five_prompts(), tmp_path / "tape"
    with adversary(answer) as server:
        made = asyncio.run(answers_of(server.url, tape, prompts, "record"))
    assert sorted(len(one.expenses) for one in made) == [1, 2, 2, 2, 2]
    for mode in ("replay", "replay_or_record"):
        assert asyncio.run(answers_of("http://localhost:9/v1", tape, prompts, mode)) == made


def test_what_was_asked_freely_is_found_though_it_could_have_been_forced(tmp_path: Path) -> None:
    """A server that refuses a forced call, and a cheap model that hangs from the second one on."""

    def answer(number: int) -> list[bytes | float]:
        request = server.requests[-1]
        if request["tool_choice"] == "required":
            return [http(REFUSES_FORCE, "400 Bad Request")]
        if request["model"] == "small" and number > 4:
            return [60.0]
        confidence = {"confidence_score": 30 if request["model"] == "small" else 90}
        return [http(completion(ARGUMENTS["signal_wait"] | confidence))]

    tape = tmp_path / "tape"
    with adversary(answer) as server:
        made = asyncio.run(in_turn(server.url, tape, "record"))
    assert [len(one.expenses) for one in made] == [4, 2, 2, 2, 2]
    assert [one.call is not None for one in made] == [True] * 5
    for mode in ("replay", "replay_or_record"):
        assert asyncio.run(in_turn("http://localhost:9/v1", tape, mode)) == made

"""A run that was cut short is resumed from its tape, against a real server."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from adversary import adversary, completion, http
from builders import a_prompt
from llm_modules.dialogue import Prompt
from llm_modules.errors import ProviderError
from llm_modules.llm.tape import Tape
from models import a_client, llm_config


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return Tape(tmp_path / "llm_tape.sqlite")


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
        said = asyncio.run(run("replay_or_record", ["a", "b", "c"], server.url))
    assert said == ["server_error", "server_error", "served-model"]

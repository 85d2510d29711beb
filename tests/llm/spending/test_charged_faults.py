"""What real requests to a misbehaving server are charged: FAULTS.md I8, L3, L10, L18."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from adversary import Script, adversary, completion, http
from builders import NOON, a_prompt
from costs import LONGEST_ANSWER, a_meter, an_inquiry
from llm_modules.errors import ProviderError
from llm_modules.llm import recorder
from llm_modules.llm.spending.ledger import Ledger
from models import a_client, llm_config

REFUSED = http("{}", "429 Too Many Requests", retry_after="0")
BROKEN = http("{}", "503 Service Unavailable")
NO_USAGE = http(completion(usage=None))


class Standing(datetime):
    """The time at which requests are made: a day's budget must not begin anew on the way."""

    @classmethod
    def now(cls, _tz: Any = None) -> datetime:  # type: ignore[override]
        return NOON


class Ledgered:
    """Questions to one server through the real client, and what the ledger says of them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "llm_costs.sqlite"
        self.served = 0
        self.faults: list[str] = []

    def ask(self, script: Script | bytes, times: int = 1, **changes: Any) -> None:
        limits = changes.pop("limits", {})
        meter = a_meter(self.path, **limits)

        async def run(url: str) -> None:
            client = a_client(llm_config(url, **({"timeout": 5} | changes)), meter=meter)
            for _ in range(times):
                try:
                    await client.ask(a_prompt(), an_inquiry())
                except ProviderError as error:
                    self.faults.append(error.fault)
            await client.close()

        with adversary(script) as server:
            asyncio.run(run(server.url))
            self.served = len(server.requests)

    def charged(self) -> Sequence[tuple[str | None, int, int]]:
        query = "SELECT fault, prompt_tokens, completion_tokens FROM requests ORDER BY id"
        return [tuple(row) for row in Ledger(self.path).rows(query)]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledgered:
    monkeypatch.setattr(recorder, "datetime", Standing)
    return Ledgered(tmp_path)


def usage(**counts: Any) -> bytes:
    return http(completion(usage=counts))


def test_every_attempt_after_a_429_is_charged(scene: Ledgered) -> None:
    scene.ask(REFUSED, retry_times=2)
    charged = scene.charged()
    assert scene.served == len(charged) == 3
    assert {fault for fault, _, _ in charged} == {"rate_limited"}
    assert all(prompt > 100 and answer == 0 for _, prompt, answer in charged)


def test_where_a_server_broke_down_the_longest_answer_is_charged(scene: Ledgered) -> None:
    scene.ask(BROKEN, retry_times=1)
    assert [(fault, answer) for fault, _, answer in scene.charged()] == [
        ("server_error", LONGEST_ANSWER),
        ("server_error", LONGEST_ANSWER),
    ]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"error": {"message": "overloaded"}}),
        completion(choices=None),
        completion(choices=[]),
        "<html>",
        "",
        "[" * 1000,
    ],
)
def test_an_answer_that_is_none_is_charged_at_its_most(scene: Ledgered, body: str) -> None:
    scene.ask(http(body), retry_times=0)
    ((fault, prompt, answer),) = scene.charged()
    assert fault == scene.faults[0]
    assert prompt > 100
    assert answer == LONGEST_ANSWER


def test_who_did_not_wait_is_charged_all_the_same(scene: Ledgered) -> None:
    scene.ask(lambda _: [5.0], timeout=0.3)
    ((fault, prompt, answer),) = scene.charged()
    assert fault == "abandoned"
    assert prompt > 100
    assert answer == LONGEST_ANSWER


@pytest.mark.parametrize(
    "reply",
    [
        NO_USAGE,
        usage(),
        usage(prompt_tokens=0, completion_tokens=0),
        usage(prompt_tokens=-1000, completion_tokens=-1000),
        usage(prompt_tokens="many", completion_tokens=True),
        usage(prompt_tokens=1e30, completion_tokens=float("inf")),
        usage(prompt_tokens=10**30, completion_tokens=10**30),
        http(completion(usage="a lot")),
    ],
)
def test_a_server_that_does_not_tell_what_it_took_is_charged_an_estimate(
    scene: Ledgered, reply: bytes
) -> None:
    scene.ask(reply)
    ((fault, prompt, answer),) = scene.charged()
    assert fault is None
    assert 100 < prompt < 5000
    assert answer == LONGEST_ANSWER


def test_a_server_that_tells_is_believed(scene: Ledgered) -> None:
    scene.ask(usage(prompt_tokens=987, completion_tokens=65))
    assert scene.charged() == [(None, 987, 65)]


@pytest.mark.parametrize("reply", [NO_USAGE, REFUSED, BROKEN], ids=["no usage", "429", "503"])
def test_the_budget_stops_whatever_the_server_does(scene: Ledgered, reply: bytes) -> None:
    limits = {"tokens_per_day": 12_000}
    scene.ask(reply, 40, limits=limits, retry_times=0, breaker_failures=1000)
    spent = sum(prompt + answer for _, prompt, answer in scene.charged())
    assert scene.faults[-1] == "over_budget"
    assert scene.served == len(scene.charged()) < 40
    assert spent <= 12_000


def test_fifty_pairs_at_once_stay_within_the_budget(scene: Ledgered) -> None:
    meter = a_meter(scene.path, tokens_per_day=20_000)

    async def one(client: Any) -> None:
        with suppress(ProviderError):
            await client.ask(a_prompt(), an_inquiry())

    async def all_at_once(url: str) -> None:
        client = a_client(llm_config(url, max_concurrent=50), meter=meter)
        await asyncio.gather(*(one(client) for _ in range(50)))
        await client.close()

    with adversary(lambda _: [0.2, NO_USAGE]) as server:
        asyncio.run(all_at_once(server.url))
        assert 0 < len(server.requests) < 50
    assert sum(prompt + answer for _, prompt, answer in scene.charged()) <= 20_000

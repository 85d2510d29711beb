"""The fault matrix of the model's side, row by row: where each is shown.

| row | fault | shown by |
|---|---|---|
| L1 | no answer | test_llm_modes `silence`, test_model_faults, test_llm_exits |
| L2 | drip | test_llm_modes `drip`, llm/test_endpoint `..._even_when_every_read_is_quick` |
| L3 | 429 with any Retry-After | here, llm/test_retry_after, llm/test_retry_after_for_all |
| L4 | an hour of 5xx | here, llm/test_breaker, test_second_opinion |
| L5 | 401, 402, 403 | here, llm/test_remarks |
| L6 | 400 of a parameter, 404 of a model | here, llm/test_remarks, llm/test_endpoint |
| L7 | DNS, refused, reset, TLS | here |
| L8 | 200 with a web page | test_llm_modes `html`, llm/test_endpoint |
| L9 | 200 with no JSON | llm/test_endpoint `a_200_that...`, test_llm_modes `malformed` |
| L10 | 200 with parts missing | here, llm/test_endpoint, test_llm_modes `error_200`, `no_usage` |
| L11 | text, thoughts, a call within text, a refusal | test_llm_answers, test_model_faults |
| L12 | cut off by length or filter | test_llm_answers |
| L13 | several calls | test_llm_answers, test_model_faults |
| L14 | unknown tool, wrong case, other stance | test_llm_answers, test_model_faults |
| L15 | arguments as object, encoded twice, none | test_llm_answers, llm/test_endpoint |
| L16 | malformed and hostile arguments | properties/test_tool_requests, tools/test_parse |
| L17 | valid but absurd | test_model_faults, test_gate_faults, properties/test_gate |
| L18 | usage missing, negative, 0 | here |
| L19 | answers to another pair | here, test_model_faults |
| L20 | an answer too late | engine/test_cycle, gate/test_situation `STALE_DECISION` |
| L21 | 20 MB, gzip bomb | here, llm/test_endpoint |
| L22 | redirect | here, llm/test_endpoint |
| L23 | proxies and addresses in the environment | llm/test_endpoint |
| L24 | another model answers | test_llm_modes `wrong_model`, llm/test_remarks |
| L25 | a model that always wants the most | properties/test_gate, selftest |
| L26 | half and control characters | test_llm_answers, tools/test_parse, journal/test_log |
"""

import asyncio
import gzip
import json
import logging
import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adversary import Adversary, adversary, completion, http
from asking import fault_of
from builders import NOON, PAIR, a_prompt
from deciding import WAIT, decided, failed
from llm_modules.dialogue import Expense, Inquiry, Message, Prompt
from llm_modules.errors import ProviderError
from llm_modules.llm.carrier import LiveCarrier
from llm_modules.llm.chat import ChatCompletions
from llm_modules.llm.endpoint import Endpoint
from llm_modules.llm.meter import NoMeter
from llm_modules.llm.patience import live_patience
from llm_modules.llm.recorder import Recorder
from models import CANARY, a_client, a_target, llm_config

OK = http(completion(WAIT))


@pytest.mark.parametrize(
    ("retry_after", "timeout", "requests"),
    [
        ("0", 20, 3),
        ("1", 1, 1),
        ("119", 20, 1),
        ("121", 20, 1),
        ("3600", 20, 1),
        # Shorter than any pause of our own.
        ("-5", 0.35, 1),
        ("tomorrow", 0.35, 1),
    ],
)
def test_l3_no_retry_after_is_slept_through_or_outlasts_the_deadline(
    tmp_path: Path, retry_after: str, timeout: float, requests: int
) -> None:
    seen: list[int] = []

    def script(number: int) -> list[bytes | float]:
        seen.append(number)
        return [http("{}", "429 Too Many Requests", retry_after=retry_after)]

    assert "rate_limited" in failed(tmp_path, script, timeout=timeout, retry_times=2)
    assert len(seen) == requests


def test_l3_a_date_in_an_hour_is_not_waited_for(tmp_path: Path) -> None:
    headers = {
        "retry_after": "Wed, 21 Oct 2026 08:28:00 GMT",
        "date": "Wed, 21 Oct 2026 07:28:00 GMT",
    }
    body = http("{}", "429 Too Many Requests", **headers)
    assert "rate_limited" in failed(tmp_path, body, timeout=60, retry_times=9)


@dataclass
class Hour:
    """A client whose minutes pass as the test wants."""

    now: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)

    async def pause(self, seconds: float) -> None:
        self.now += seconds

    def endpoint(self, server: Adversary, **changes: Any) -> Endpoint:
        config = llm_config(server.url, **changes)
        target = a_target(server.url)
        dialect = ChatCompletions(target, config)
        carrier = LiveCarrier(dialect, Recorder(None, NoMeter(), target), NoMeter())
        patience = live_patience(config, self.pause, lambda: self.now)
        return Endpoint(target, config, dialect, carrier, patience)


def test_l4_an_hours_outage_takes_one_request_a_minute_and_ends_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hour = Hour()
    when: list[float] = []

    def script(_: int) -> list[bytes | float]:
        when.append(hour.now)
        return [http("{}", "503 Down") if hour.now < 3600 else OK]

    async def scene(server: Adversary) -> None:
        endpoint = hour.endpoint(server, retry_times=2, breaker_failures=5, breaker_seconds=60)
        while hour.now < 3700:
            try:
                await endpoint.ask(a_prompt(), Inquiry(), seconds=30)
                end = "answered"
            except ProviderError as error:
                end = error.fault
            hour.answers[end] = hour.answers.get(end, 0) + 1
            hour.now += 10
        await endpoint.close()

    with adversary(script) as server:
        asyncio.run(scene(server))
    outage = [at for at in when if at < 3600]
    assert len(outage) <= 5 + 60
    assert all(later - at > 59.9 for at, later in pairwise(outage[5:]))
    assert hour.answers["answered"] >= 4
    assert hour.answers["unavailable"] > 200
    assert len([one for one in caplog.records if "llm.breaker" in one.name]) == 2


@pytest.mark.parametrize("status", ["401 Unauthorized", "402 Payment Required", "403 Forbidden"])
def test_l5_a_refused_key_is_not_tried_again_and_said_once_without_it(
    tmp_path: Path, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    echo = http(json.dumps({"error": {"message": f"no key {CANARY}"}}), status)
    with caplog.at_level(logging.WARNING):
        record, rooms = decided(tmp_path, echo, retry_times=5)
    assert record.attempts == 1
    assert record.fault is not None
    assert record.fault.startswith("unauthorised: ")
    assert rooms.book.look(PAIR, "entry", NOON) is None
    (told,) = [one.getMessage() for one in caplog.records if "llm" in one.name]
    assert "check LLM_API_KEY in .env" in told
    written = (tmp_path / "llm_decisions.jsonl").read_text(encoding="utf-8")
    assert CANARY not in written + caplog.text


def test_l6_a_refused_parameter_is_left_out_once_and_then_for_good(tmp_path: Path) -> None:
    refusal = http('{"error": {"message": "tool_choice: unsupported"}}', "400 Bad Request")
    seen: list[int] = []

    def script(number: int) -> list[bytes | float]:
        seen.append(number)
        return [refusal]

    assert "rejected" in failed(tmp_path, script, retry_times=5)
    assert len(seen) == 2


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "422 Unprocessable"])
def test_l6_a_retired_model_is_told_once_with_what_to_do(
    tmp_path: Path, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = http('{"error": {"message": "no such model: strict gpt-3"}}', status)
    record, _ = decided(tmp_path, body, retry_times=5)
    assert record.attempts == 1
    told = [one.getMessage() for one in caplog.records if "remarks" in one.name]
    assert len(told) == 1
    assert "check model, provider and api_base in llm_config" in told[0]


def fault_at(api_base: str) -> str:
    with pytest.raises(ProviderError) as caught:
        ask_at(api_base)
    return caught.value.fault


def ask_at(api_base: str) -> None:
    async def once() -> None:
        client = a_client(llm_config(api_base, retry_times=0, timeout=20))
        try:
            await client.ask(a_prompt())
        finally:
            await client.close()

    asyncio.run(once())


def test_l7_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert fault_at("http://models.invalid/v1") == "connection"


def test_l7_a_port_that_nobody_listens_to() -> None:
    with adversary(OK) as server:
        pass
    assert fault_at(server.url) == "connection"


def test_l7_a_reset_before_and_within_the_answer() -> None:
    assert fault_of(lambda _: [b""])[0].fault == "connection"
    assert fault_of(lambda _: [OK[:-20], b""])[0].fault == "connection"


def test_l7_a_server_without_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        port = listener.getsockname()[1]

        async def scene() -> None:
            def speak() -> None:
                spoken, _ = listener.accept()
                with spoken:
                    spoken.recv(100)
                    spoken.sendall(b"HTTP/1.1 400 Speak TLS\r\n\r\n")

            speaking = asyncio.get_running_loop().run_in_executor(None, speak)
            client = a_client(llm_config(f"https://127.0.0.1:{port}/v1", retry_times=0))
            with pytest.raises(ProviderError) as caught:
                await client.ask(a_prompt())
            assert caught.value.fault == "connection"
            await speaking
            await client.close()

        asyncio.run(scene())


class Charges(NoMeter):
    """Notes what each request is charged with at least."""

    def __init__(self) -> None:
        self.tokens: list[int] = []

    def charge(self, inquiry: Inquiry, expense: Expense, estimated_tokens: int) -> Expense:
        self.tokens.append(estimated_tokens)
        return expense


@pytest.mark.parametrize(
    "missing", ["id", "model", "usage", "object", "created", "choices", "everything"]
)
def test_l10_what_is_missing_is_missing_and_the_request_is_charged(missing: str) -> None:
    body = json.loads(completion(WAIT))
    kept = {} if missing == "everything" else {k: v for k, v in body.items() if k != missing}
    charges = Charges()

    async def scene(server: Adversary) -> str:
        client = a_client(llm_config(server.url, retry_times=0), meter=charges)
        try:
            return (await client.ask(a_prompt())).tool_requests[0].name
        except ProviderError as error:
            return error.fault
        finally:
            await client.close()

    with adversary(http(json.dumps(kept))) as server:
        end = asyncio.run(scene(server))
    assert end == ("bad_response" if missing in {"choices", "everything"} else "signal_wait")
    assert len(charges.tokens) == 1
    assert charges.tokens[0] > 0


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": -1000, "completion_tokens": -1},
        {"prompt_tokens": True, "completion_tokens": 1e400},
        "many",
    ],
)
def test_l18_whatever_the_server_says_it_took_an_estimate_is_charged(usage: Any) -> None:
    charges = Charges()

    async def scene(server: Adversary) -> Inquiry:
        client = a_client(llm_config(server.url), meter=charges)
        inquiry = Inquiry(PAIR)
        await client.ask(a_prompt(), inquiry)
        await client.close()
        return inquiry

    with adversary(http(completion(WAIT, usage=usage))) as server:
        (expense,) = asyncio.run(scene(server)).expenses
    assert charges.tokens[0] > 100
    assert (expense.usage.prompt_tokens or 0) >= 0
    assert (expense.usage.completion_tokens or 0) >= 0


def about(pair: str) -> Prompt:
    system, _ = a_prompt().messages
    return Prompt((system, Message("user", pair)), a_prompt().tools)


def test_l19_fifty_questions_at_once_each_get_their_own_answer() -> None:
    pairs = [f"P{number}/USDT:USDT" for number in range(50)]
    server: Adversary

    def script(number: int) -> list[bytes | float]:
        pair = server.requests[number - 1]["messages"][-1]["content"]
        pause = random.uniform(0.0, 0.2)  # noqa: S311 - a test's dice
        return [pause, http(completion(WAIT | {"pair": pair}))]

    async def scene() -> Iterable[str | None]:
        client = a_client(llm_config(server.url, max_concurrent=50, timeout=60))
        replies = await asyncio.gather(*(client.ask(about(pair)) for pair in pairs))
        await client.close()
        found = (json.loads(str(reply.tool_requests[0].arguments)) for reply in replies)
        return [one["pair"] for one in found]

    with adversary(script) as server:
        assert asyncio.run(scene()) == pairs


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (http(b" " * 20_000_000), "too_large"),
        (http(gzip.compress(b" " * 10_000_000), content_encoding="gzip"), "bad_response"),
        (http(b"\x00" * 100, content_encoding="br"), "bad_response"),
        (http("", "302 Found", location="http://127.0.0.1:9/"), "redirected"),
        (http("", "308 Permanent", location="//127.0.0.1:9/"), "redirected"),
    ],
)
def test_l21_l22_what_is_too_much_or_leads_elsewhere_is_refused(
    tmp_path: Path, answer: bytes, fault: str
) -> None:
    assert fault in failed(tmp_path, answer)

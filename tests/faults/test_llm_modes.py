"""Every fault mode of the scripted server against the real client, over real HTTP.

Each names what the client makes of it, how many requests that takes, and that the next question
is answered as if nothing had been: unless the server asked to be let alone.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from builders import PAIR, a_prompt
from llm_modules.dialogue import Inquiry, Message, Prompt, Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.client import LLMClient
from llm_modules.sandbox.faults import ModelFaults, Switchboard
from llm_modules.sandbox.model import OTHER_MODEL_NAME, REQUESTS_PATH, model_app
from models import CANARY, a_client, llm_config

FACTS = f"pair={PAIR} price=87123.4 rsi=55.2 adx=21.3 atr_pct=0.12 ema_gap_pct=0.05"
# How often a fault strikes is no fault.
NO_FAULTS = frozenset({"times"})
TWO_ATTEMPTS = 2
ANSWERS = [
    {"tool": "signal_wait", "arguments": "{broken"},
    {"message": {"role": "assistant", "content": "BUY!"}, "finish_reason": "length"},
]


@dataclass(frozen=True)
class Mode:
    """A switch, what is to come of it with one retry, and of the next question when all is well."""

    name: str
    faults: dict[str, Any]
    fault: str = ""
    requests: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    then: str = ""


# A time that is over must be long enough for the next question, however busy the machine is.
MODES = (
    Mode("latency_seconds", {"latency_seconds": 0.3}, settings={"timeout": 60}),
    Mode("latency_seconds", {"latency_seconds": 60}, "timeout", settings={"timeout": 2}),
    Mode("silence", {"silence": True}, "timeout", settings={"timeout": 2}),
    Mode("silence", {"silence": True}, "timeout", TWO_ATTEMPTS, {"read_timeout": 1}),
    Mode("drip", {"drip": True}, "timeout", settings={"timeout": 2, "read_timeout": 60}),
    Mode("disconnect", {"disconnect": True}, "connection", TWO_ATTEMPTS),
    Mode("status", {"status": 400}, "rejected"),
    Mode("status", {"status": 401}, "unauthorised"),
    Mode("status", {"status": 402}, "unauthorised"),
    Mode("status", {"status": 403}, "unauthorised"),
    Mode("status", {"status": 404}, "rejected"),
    Mode("status", {"status": 408}, "timeout", TWO_ATTEMPTS),
    Mode("status", {"status": 409}, "server_error", TWO_ATTEMPTS),
    Mode("status", {"status": 500}, "server_error", TWO_ATTEMPTS),
    Mode("status", {"status": 529}, "server_error", TWO_ATTEMPTS),
    Mode(
        "retry_after_seconds",
        {"status": 429, "retry_after_seconds": 0},
        "rate_limited",
        TWO_ATTEMPTS,
    ),
    Mode(
        "retry_after_seconds",
        {"status": 429, "retry_after_seconds": 3600},
        "rate_limited",
        then="unavailable",
    ),
    Mode("html", {"html": True}, "bad_response", TWO_ATTEMPTS),
    Mode("malformed", {"malformed": True}, "bad_response", TWO_ATTEMPTS),
    Mode("error_200", {"error_200": True}, "server_error", TWO_ATTEMPTS),
    Mode("no_usage", {"no_usage": True}),
    Mode("wrong_model", {"wrong_model": True}),
    Mode("answer", {"answer": ANSWERS[:1]}),
    Mode("answer", {"answer": ANSWERS[1:]}),
)


def test_no_mode_is_left_out() -> None:
    assert {mode.name for mode in MODES} == set(ModelFaults.model_fields) - NO_FAULTS


def question() -> Prompt:
    system, _ = a_prompt().messages
    return Prompt((system, Message("user", FACTS)), a_prompt().tools)


@dataclass(frozen=True)
class Course:
    """What became of a question during a fault, and of one after it."""

    first: Reply | ProviderError
    second: Reply | ProviderError
    requests: int
    inquiry: Inquiry


async def asked(client: LLMClient, inquiry: Inquiry) -> Reply | ProviderError:
    try:
        return await client.ask(question(), inquiry)
    except ProviderError as error:
        return error


async def course_of(mode: Mode) -> Course:
    app = model_app(Switchboard(ModelFaults()), lambda: 0)
    async with TestClient(TestServer(app)) as control:
        api_base = f"http://127.0.0.1:{control.port}/v1"
        settings = {"timeout": 20, "retry_times": 1, "model": "scripted-sandbox"} | mode.settings
        client = a_client(llm_config(api_base, **settings))
        inquiry = Inquiry(PAIR)
        assert (await control.post("/sandbox/faults", json=mode.faults)).status == 200
        first = await asked(client, inquiry)
        requests = len(await (await control.get(REQUESTS_PATH)).json())
        await control.delete("/sandbox/faults")
        second = await asked(client, Inquiry(PAIR))
        await client.close()
    return Course(first, second, requests, inquiry)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: f"{mode.name} {mode.fault}")
def test_every_mode_ends_as_it_must_and_the_next_question_is_answered(mode: Mode) -> None:
    course = asyncio.run(course_of(mode))
    found = course.first.fault if isinstance(course.first, ProviderError) else ""
    assert found == mode.fault
    assert course.requests == mode.requests
    # Each request is accounted for, and no secret is told.
    assert len(course.inquiry.expenses) == mode.requests
    assert CANARY not in str(course.first)
    if mode.then:
        assert isinstance(course.second, ProviderError)
        assert course.second.fault == mode.then
        return
    assert isinstance(course.second, Reply)
    assert course.second.tool_requests[0].name.startswith("signal_")


def reply_of(name: str) -> Reply:
    (mode,) = (one for one in MODES if one.name == name)
    first = asyncio.run(course_of(mode)).first
    assert isinstance(first, Reply)
    return first


def test_missing_usage_is_not_invented() -> None:
    usage = reply_of("no_usage").usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (None, None)


def test_another_model_is_noted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    assert reply_of("wrong_model").model == OTHER_MODEL_NAME
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"Model scripted-sandbox was asked, the server says that {OTHER_MODEL_NAME} answered"
    ]


def test_an_answer_cut_off_by_its_length_keeps_its_reason() -> None:
    mode = MODES[-1]
    first = asyncio.run(course_of(mode)).first
    assert isinstance(first, Reply)
    assert (first.text, first.finish_reason, first.tool_requests) == ("BUY!", "length", ())

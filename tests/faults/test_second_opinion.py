"""A public model server's opinion of our client: llmock serves the faults and judges the retries.

Its verdict looks at every attempt and its timing: no storm of retries, no Retry-After ignored, no
retry of what cannot succeed. Its faults are HTTP's own, over real sockets.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import llmock.main  # noqa: F401 - else it is loaded while threads of tests run
import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import ToolFault
from llmock.testing import LLMockServer

from builders import ARGUMENTS, PAIR, a_prompt
from llm_modules.dialogue import Inquiry
from llm_modules.engine.deadline import Deadline
from llm_modules.engine.executor import REPAIRS, Answer, FunctionExecutor
from models import CANARY, a_client, llm_config

WAIT = ARGUMENTS["signal_wait"]


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    with LLMockServer() as running:
        yield running


@pytest.fixture
def mock(server: LLMockServer) -> LLMock:
    """The server without anything that an earlier test set, and nothing in the environment."""
    return LLMock(server).reset()


@dataclass(frozen=True)
class Course:
    """What became of questions asked one after the other, and how many requests each took."""

    answers: tuple[Answer, ...]

    @property
    def faults(self) -> list[str]:
        return [(answer.fault or "").partition(":")[0] for answer in self.answers]

    @property
    def requests(self) -> list[int]:
        return [len(answer.expenses) for answer in self.answers]


def asked(mock: LLMock, questions: int = 1, **changes: Any) -> Course:
    settings = {"timeout": 20, "retry_times": 2, "model": "gpt-4o"} | changes

    async def scene() -> Course:
        client = a_client(llm_config(mock.base_url(), **settings))
        executor = FunctionExecutor(client, model="gpt-4o", deadline=Deadline(settings["timeout"]))
        answers = [await executor.call(a_prompt(), Inquiry(PAIR)) for _ in range(questions)]
        await executor.close()
        return Course(tuple(answers))

    course = asyncio.run(scene())
    mock.assert_resilient(strict=False)
    assert CANARY not in json.dumps([record.body for record in mock.requests])
    return course


def test_a_scripted_call_is_executed(mock: LLMock) -> None:
    mock.call_tool("signal_wait", WAIT)
    (answer,) = asked(mock).answers
    assert answer.call is not None
    assert (answer.call.tool, answer.problems, answer.fault) == ("signal_wait", (), None)
    (expense,) = answer.expenses
    assert (expense.usage.prompt_tokens or 0) > 0
    assert mock.last_request.model == "gpt-4o"


def test_a_call_made_up_from_our_schema_is_well_formed(mock: LLMock) -> None:
    """It makes up every field within our limits; what no schema can say it cannot know."""
    (answer,) = asked(mock).answers
    assert answer.call is None
    assert len(answer.problems) == 1 + REPAIRS
    beyond_a_schema = ("pair: you were asked about", "key_resistance must be greater than")
    assert all(problem.startswith(beyond_a_schema) for problem in answer.problems)


@pytest.mark.parametrize("kind", ["malformed_arguments", "unknown_tool"])
def test_a_broken_call_goes_back_and_the_next_counts(mock: LLMock, kind: Any) -> None:
    mock.call_tool("signal_wait", WAIT, times=2).add(ToolFault(kind))
    (answer,) = asked(mock).answers
    assert answer.call is not None
    assert len(answer.problems) == 1
    assert len(mock.requests) == 2


def test_a_model_that_only_talks_is_asked_three_times(mock: LLMock) -> None:
    mock.tool_mode("off")
    (answer,) = asked(mock).answers
    assert (answer.call, len(answer.expenses)) == (None, 1 + REPAIRS)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
def test_what_cannot_succeed_is_asked_once(mock: LLMock, status: int) -> None:
    mock.fail(status, times=None)
    assert asked(mock).requests == [1]


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504, 529])
def test_what_may_pass_is_asked_again(mock: LLMock, status: int) -> None:
    mock.call_tool("signal_wait", WAIT).fail(status, times=1)
    course = asked(mock)
    assert (course.faults, course.requests) == ([""], [2])


def test_a_retry_after_is_waited_for(mock: LLMock) -> None:
    mock.call_tool("signal_wait", WAIT).rate_limit(times=2, retry_after=0.3)
    course = asked(mock)
    assert (course.faults, course.requests) == ([""], [3])
    assert mock.verdict().findings == ()


def test_a_retry_after_beyond_the_deadline_ends_the_question(mock: LLMock) -> None:
    mock.rate_limit(times=None, retry_after=3600)
    course = asked(mock)
    assert (course.faults, course.requests) == (["rate_limited"], [1])


def test_an_outage_ends_in_silence_on_our_side(mock: LLMock) -> None:
    mock.outage()
    course = asked(mock, questions=20, retry_times=1, breaker_failures=4)
    assert course.requests == [2, 2, *[0] * 18]
    assert course.faults == ["server_error"] * 2 + ["unavailable"] * 18


def test_after_an_outage_it_recovers_by_itself(mock: LLMock) -> None:
    mock.call_tool("signal_wait", WAIT, times=None).fail(503, times=2)
    course = asked(mock, questions=3, retry_times=0, breaker_failures=2, breaker_seconds=1e-6)
    assert course.faults == ["server_error", "server_error", ""]


def test_a_slow_server_ends_at_the_deadline(mock: LLMock) -> None:
    mock.delay(1)
    course = asked(mock, timeout=0.3)
    assert (course.faults, course.requests) == (["timeout"], [1])


def test_a_prompt_that_is_too_long_is_not_repeated(mock: LLMock) -> None:
    mock.context_overflow(times=None)
    assert asked(mock).requests == [1]


def test_within_our_own_limits_its_quota_is_never_met(mock: LLMock) -> None:
    mock.call_tool("signal_wait", WAIT, times=None).limits(rpm=3)
    course = asked(mock, questions=5, requests_per_minute=3)
    assert course.faults == ["", "", "", "unavailable", "unavailable"]
    assert [record.status for record in mock.requests] == [200] * 3


def test_within_our_own_tokens_its_quota_is_never_met(mock: LLMock) -> None:
    """It counts a prompt's bytes and the longest answer, as providers do; we guess no less."""
    mock.call_tool("signal_wait", WAIT, times=None).limits(tpm=20_000)
    course = asked(mock, questions=12, tokens_per_minute=20_000, max_tokens=64)
    assert [record.status for record in mock.requests] == [200] * len(mock.requests)
    assert course.faults[0] == ""


def test_without_limits_of_ours_its_quota_is_waited_for_or_given_up(mock: LLMock) -> None:
    mock.call_tool("signal_wait", WAIT, times=None).limits(rpm=2)
    course = asked(mock, questions=4)
    assert course.faults == ["", "", "rate_limited", "unavailable"]
    assert course.requests == [1, 1, 1, 0]


def test_it_sees_the_same_request_as_our_own_doubles(mock: LLMock) -> None:
    mock.call_tool("signal_wait", WAIT)
    asked(mock)
    body = mock.last_request.body
    assert [tool["function"]["name"] for tool in body["tools"]] == [
        "signal_entry_long",
        "signal_entry_short",
        "signal_wait",
    ]
    assert body["tool_choice"] == "required"
    assert body["parallel_tool_calls"] is False

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from adversary import completion
from builders import a_prompt
from llm_modules.dialogue import Expense, Inquiry, Prompt, Reply, Usage
from llm_modules.errors import ProviderError
from llm_modules.llm.carrier import LiveCarrier
from llm_modules.llm.chat import ChatCompletions
from llm_modules.llm.meter import Meter, NoMeter
from llm_modules.llm.recorder import ABANDONED, Recorder, estimated_tokens
from llm_modules.llm.tape import Tape
from models import CANARY, a_target, llm_config

BODY = {"model": "test-model", "messages": [{"role": "user", "content": "what now?"}]}


class Canned(ChatCompletions):
    """The dialect of chat completions at a server that answers from a list."""

    def __init__(self, *answers: bytes | BaseException) -> None:
        super().__init__(a_target(), llm_config("http://127.0.0.1:9/v1"))
        self._answers = list(answers)
        self.sent: list[Mapping[str, Any]] = []
        self.closed = False

    async def send(self, body: Mapping[str, Any]) -> bytes:
        self.sent.append(body)
        answer = self._answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def close(self) -> None:
        await super().close()
        self.closed = True


class Till(NoMeter):
    """A meter that writes down what it is told; `limit` is the most requests it lets pass."""

    def __init__(self, limit: int = 100, *, keeps: int = 100) -> None:
        self.story: list[str] = []
        self._limit, self._keeps = limit, keeps

    def admit(self) -> None:
        self.story.append("admit")
        if self.story.count("admit") > self._limit:
            raise ProviderError("over_budget", "no money")

    def reserving(
        self, provider: str, model: str, prompt_tokens: int
    ) -> AbstractContextManager[None]:
        return self._reserving(f"{provider} {model} {prompt_tokens}")

    @contextmanager
    def _reserving(self, what: str) -> Iterator[None]:
        self.story.append(f"reserve {what}")
        if len([one for one in self.story if one.startswith("reserve")]) > self._keeps:
            raise ProviderError("over_budget", "nothing left")
        try:
            yield
        finally:
            self.story.append("release")

    def charge(self, inquiry: Inquiry, expense: Expense, estimated_tokens: int) -> Expense:
        self.story.append(f"charge {estimated_tokens}")
        return Expense(**{name: getattr(expense, name) for name in EXPENSE} | {"cost": 0.5})


EXPENSE = ("at", "provider", "model", "seconds", "usage", "cost", "fault", "tape_id")


def carried(
    dialect: Canned, tape: Tape | None = None, meter: Meter | None = None, times: int = 1
) -> tuple[list[Reply], Inquiry]:
    """Carry the same request a few times; what it raises ends it, with the expenses noted."""
    till = meter or NoMeter()
    carrier, inquiry = LiveCarrier(dialect, Recorder(tape, till, a_target()), till), Inquiry()

    async def run() -> list[Reply]:
        try:
            return [await carrier.carry(BODY, inquiry) for _ in range(times)]
        finally:
            await carrier.close()

    return asyncio.run(run()), inquiry


def test_a_reply_is_read_and_what_it_took_is_noted(tmp_path: Path) -> None:
    tape, dialect = Tape(tmp_path / "tape"), Canned(completion().encode())
    (reply,), inquiry = carried(dialect, tape)
    assert dialect.sent == [BODY]
    assert dialect.closed
    assert reply.model == "served-model"
    (expense,) = inquiry.expenses
    assert (expense.provider, expense.model) == ("compatible", "test-model")
    assert (expense.usage, expense.fault) == (Usage(10, 5), None)
    attempt = tape.read(expense.tape_id or "")
    assert attempt is not None
    assert (attempt.at, attempt.latency_seconds) == (expense.at, expense.seconds)


def test_what_the_meter_makes_of_a_request_is_what_is_noted() -> None:
    till = Till()
    _, inquiry = carried(Canned(completion().encode()), None, till)
    assert inquiry.expenses[0].cost == 0.5
    estimate = estimated_tokens(BODY)
    reserved = f"reserve compatible test-model {estimate}"
    assert till.story == ["admit", reserved, f"charge {estimate}", "release"]


@pytest.mark.parametrize("till", [Till(limit=1), Till(keeps=1)])
def test_nothing_is_sent_or_recorded_once_the_meter_refuses(tmp_path: Path, till: Till) -> None:
    tape, dialect = Tape(tmp_path / "tape"), Canned(*[completion().encode()] * 2)
    with pytest.raises(ProviderError) as caught:
        carried(dialect, tape, till, times=2)
    assert caught.value.fault == "over_budget"
    assert (len(dialect.sent), Tape(tmp_path / "tape").count()) == (1, 1)


def test_a_reply_holds_neither_the_key_nor_a_name_of_the_account() -> None:
    echo = json.dumps({"reason": f"{CANARY} of org-AbCdEfGh0123456789"})
    answer = completion(json.loads(echo), model=CANARY)
    (reply,), _ = carried(Canned(answer.encode()))
    assert reply.model == "[key]"
    assert reply.tool_requests[0].arguments == '{"reason": "[key] of [account]"}'


def test_arguments_that_are_an_object_come_in_the_order_a_tape_keeps() -> None:
    whole = json.loads(completion())
    whole["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = {"b": 1, "a": 2}
    (reply,), _ = carried(Canned(json.dumps(whole).encode()))
    assert json.dumps(reply.tool_requests[0].arguments) == '{"a": 2, "b": 1}'


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_json_is_a_bad_response_that_was_paid_for(raw: bytes) -> None:
    till = Till()
    with pytest.raises(ProviderError, match="the answer is not JSON") as caught:
        carried(Canned(raw), None, till)
    assert caught.value.fault == "bad_response"
    assert till.story[-2].startswith("charge")


def test_an_answer_too_deep_to_be_looked_through_is_a_bad_response() -> None:
    # From 3.12 on a comprehension is no call of its own.
    depth = 700 if sys.version_info < (3, 12) else 990
    raw = f'{{"a": "{CANARY}", "b": {"[" * depth}{"]" * depth}}}'
    with pytest.raises(ProviderError, match="the answer is not JSON"):
        carried(Canned(raw.encode()))


def test_a_failure_is_charged_and_goes_on() -> None:
    inquiry, till = Inquiry(), NoMeter()
    dialect = Canned(ProviderError("server_error", "Oops", retry_after_seconds=3.0))
    carrier = LiveCarrier(dialect, Recorder(None, till, a_target()), till)
    with pytest.raises(ProviderError) as caught:
        asyncio.run(carrier.carry(BODY, inquiry))
    assert caught.value.retry_after_seconds == 3.0
    assert [one.fault for one in inquiry.expenses] == ["server_error: Oops"]


def test_who_stops_waiting_leaves_an_abandoned_request() -> None:
    inquiry, till, dialect = Inquiry(), NoMeter(), Canned(asyncio.CancelledError())
    carrier = LiveCarrier(dialect, Recorder(None, till, a_target()), till)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(carrier.carry(BODY, inquiry))
    assert [one.fault for one in inquiry.expenses] == [ABANDONED]


def test_a_body_is_what_the_dialect_builds() -> None:
    prompt: Prompt = a_prompt()
    body = Canned().body(prompt, "m", forced=True)
    assert estimated_tokens(body) > estimated_tokens(BODY)

"""A probe as a whole: what is asked, what the answers tell, and what ends it."""

import asyncio
import contextlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from adversary import adversary
from llm_modules.dialogue import Expense, Inquiry
from llm_modules.errors import ProviderError
from llm_modules.llm.carrier import Carrier, LiveCarrier
from llm_modules.llm.meter import NoMeter
from llm_modules.llm.providers.dialect import Dialect, Target
from llm_modules.llm.providers.findings import Finding
from llm_modules.llm.providers.probing import probe, quantile
from llm_modules.llm.providers.speaking import dialect_for
from llm_modules.llm.recorder import Recorder, provider_hash
from llm_modules.llm.tape import Tape
from llm_modules.operations.doctor.rehearsing import rehearsal
from llm_modules.sandbox.faults import ModelFaults, Switchboard
from llm_modules.sandbox.model import model_app
from models import CANARY, a_target, llm_config
from picky_server import TOKENS, PickyServer, refusing, running
from probes import (
    REFUSED,
    TOOLS,
    UNDERSTOOD,
    asked,
    capabilities,
    faulted,
    found,
)


class CountingMeter(NoMeter):
    """Remembers what was charged; lets `most` requests pass."""

    def __init__(self, most: int = 100) -> None:
        self.charged: list[tuple[Inquiry, Expense]] = []
        self.most = most

    def admit(self) -> None:
        if len(self.charged) >= self.most:
            raise ProviderError("over_budget", "the day's budget is spent")

    def charge(self, inquiry: Inquiry, expense: Expense, *estimates: Any) -> Expense:
        self.charged.append((inquiry, expense))
        return expense


# --- a server that understands everything -------------------------------------------------------


def test_a_server_that_understands_everything_is_asked_eight_questions() -> None:
    server = PickyServer()
    finding = found(server)
    assert capabilities(finding) == UNDERSTOOD
    assert finding.tools == dict.fromkeys(TOOLS, "")
    assert (finding.several_calls, finding.several_problem) == (True, "")
    assert finding.answers_text
    assert finding.answered_as == "test-model"
    assert finding.requests == len(server.requests) == 8


def test_a_finding_names_server_and_model_but_no_address() -> None:
    server = PickyServer()
    finding = found(server, model="m-9")
    assert (finding.server, finding.model) == (provider_hash(server.url), "m-9")
    assert str(server.port) not in finding.model_dump_json()
    assert {request["model"] for request in server.requests} == {"m-9"}


def test_the_first_question_offers_no_tool_and_the_others_do() -> None:
    server = PickyServer()
    found(server)
    assert ["tools" in request for request in server.requests] == [False] + [True] * 7
    assert [request.get("parallel_tool_calls") for request in server.requests] == [
        None,
        *[False] * 6,
        True,
    ]


def test_every_request_is_recorded_and_charged_as_a_check(tmp_path: Path) -> None:
    meter, tape = CountingMeter(), Tape(tmp_path / "tape.sqlite")
    found(PickyServer(), around=(tape, meter))
    assert {inquiry.kind for inquiry, _ in meter.charged} == {"check"}
    ids = [expense.tape_id for _, expense in meter.charged]
    assert len(ids) == 8
    for tape_id in ids:
        attempt = tape.read(str(tape_id))
        assert attempt is not None
        assert attempt.model == "test-model"
    assert CANARY.encode() not in (tmp_path / "tape.sqlite").read_bytes()


def test_progress_counts_the_requests() -> None:
    numbers: list[int] = []
    found(PickyServer(), progress=numbers.append)
    assert numbers == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_scripted_model_of_the_sandbox_makes_every_call() -> None:
    async def scene() -> Finding:
        async with TestServer(model_app(Switchboard(ModelFaults()), lambda: 0)) as server:
            url = str(server.make_url("/v1"))
            return await asyncio.to_thread(asked, url)

    finding = asyncio.run(scene())
    assert finding.tools == dict.fromkeys(TOOLS, "")
    assert finding.several_calls
    assert finding.answered_as == "scripted-sandbox"


# --- answers ------------------------------------------------------------------------------------


def test_a_wrong_call_is_told_and_the_others_are_asked_on() -> None:
    finding = found(PickyServer(wrong_tools={"signal_exit": "signal_hold"}))
    assert finding.tools["signal_exit"] == "you called signal_hold, not signal_exit"
    assert sum(not problem for problem in finding.tools.values()) == 5
    assert finding.several_calls


def test_an_invalid_call_is_told() -> None:
    finding = found(PickyServer(wrong_tools={"signal_wait": "buy_everything"}))
    assert "'buy_everything' is not offered here" in finding.tools["signal_wait"]


def test_one_call_where_two_were_asked_is_told() -> None:
    finding = found(PickyServer(gives_several=False))
    assert not finding.several_calls
    assert finding.several_problem == "you called no tool for ETH/USDT:USDT"


def test_a_refusal_of_several_calls_changes_nothing_else() -> None:
    refuse = refusing("parallel_tool_calls", "parallel_tool_calls must be false")
    finding = found(PickyServer(refusals=[refuse]))
    assert capabilities(finding) == UNDERSTOOD
    assert "must be false" in finding.several_problem


def test_one_bad_answer_costs_one_tool() -> None:
    server = PickyServer()

    def stumble(number: int) -> None:
        server.status = 500 if number == 3 else 200

    server.before_answer = stumble
    finding = found(server)
    assert finding.tools["signal_entry_short"].startswith("server_error: ")
    assert sum(not problem for problem in finding.tools.values()) == 5


def test_an_empty_answer_is_no_text() -> None:
    assert not found(PickyServer(words=" \n")).answers_text


def test_a_garbled_answer_costs_one_tool() -> None:
    server = PickyServer()

    def garble(number: int) -> None:
        server.garbage = b"<html>" if number == 4 else None

    server.before_answer = garble
    finding = found(server)
    assert finding.tools["signal_wait"].startswith("bad_response: ")
    assert sum(not problem for problem in finding.tools.values()) == 5


def test_counts_of_tokens_are_what_the_server_tells() -> None:
    server = PickyServer()

    def count(number: int) -> None:
        cached = {"cached_tokens": 1536 if number == 3 else 0}
        # Words are no measure of how long a call is.
        completion = 600 if number == 1 else 53 + number
        server.usage = TOKENS | {
            "completion_tokens": completion,
            "prompt_tokens_details": cached,
        }

    server.before_answer = count
    finding = found(server)
    assert finding.reports_usage
    # 55 to 61, on average.
    assert (finding.cached_tokens, finding.completion_tokens) == (1536, 58.0)
    assert found(PickyServer()).cached_tokens is None


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 5}, {"completion_tokens": 5}])
def test_usage_counts_as_told_only_when_both_counts_are(usage: dict[str, int] | None) -> None:
    finding = found(PickyServer(usage=usage))
    assert not finding.reports_usage


def test_no_usage_is_no_mean() -> None:
    assert found(PickyServer(usage=None)).completion_tokens is None


def test_another_model_that_answers_is_named() -> None:
    assert found(PickyServer(served_model="cheaper-model")).answered_as == "cheaper-model"


class Stopwatch(NoMeter):
    """Has each answer take one second longer than the one before, and a refusal an hour."""

    def __init__(self) -> None:
        self.answers = 0

    def charge(self, inquiry: Inquiry, expense: Expense, *estimates: Any) -> Expense:
        self.answers += expense.fault is None
        return replace(expense, seconds=3600.0 if expense.fault else float(self.answers))


def test_times_are_those_of_answered_requests() -> None:
    make, message = REFUSED["temperature"]
    finding = found(PickyServer(refusals=[make(message)]), around=(None, Stopwatch()))
    assert (finding.p50_seconds, finding.p95_seconds) == (4.0, 8.0)


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.25, 1), (0.26, 2), (0.5, 2), (0.75, 3), (0.95, 4), (1.0, 4)]
)
def test_a_quantile_is_the_value_at_the_nearest_rank(share: float, value: int) -> None:
    assert quantile([1, 2, 3, 4], share) == value


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, "unauthorised"),
        (402, "unauthorised"),
        (403, "unauthorised"),
        (429, "rate_limited"),
        (500, "server_error"),
        (503, "server_error"),
    ],
)
def test_a_fault_of_the_first_question_ends_the_probe(status: int, fault: str) -> None:
    server = PickyServer(status=status)
    assert faulted(server).fault == fault
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "fault"), [(401, "unauthorised"), (429, "rate_limited")])
def test_a_fault_that_would_come_again_ends_the_probe_later_too(status: int, fault: str) -> None:
    server = PickyServer()

    def stumble(number: int) -> None:
        server.status = status if number == 4 else 200

    server.before_answer = stumble
    assert faulted(server).fault == fault
    assert len(server.requests) == 4


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(ProviderError) as caught:
        asked("http://127.0.0.1:9/v1")
    assert caught.value.fault == "connection"


def test_an_answer_that_does_not_come_ends_the_probe_in_the_time_of_a_question() -> None:
    with adversary(lambda _: [60.0]) as silent, pytest.raises(ProviderError) as caught:
        asked(silent.url, timeout=0.3)
    assert (caught.value.fault, str(caught.value)) == ("timeout", "no complete answer within 0.3 s")


def test_all_questions_together_have_a_time_too() -> None:
    released = threading.Event()

    def stall(number: int) -> None:
        if number == 3:
            released.wait(20)

    server = PickyServer(before_answer=stall)
    try:
        error = faulted(server, longest_seconds=0.7, timeout=30)
    finally:
        released.set()
    assert (error.fault, str(error)) == ("timeout", "the check was not over after 0.7 s")


def test_a_budget_that_is_spent_ends_the_probe() -> None:
    meter = CountingMeter(most=3)
    assert faulted(PickyServer(), around=(None, meter)).fault == "over_budget"
    assert len(meter.charged) == 3


def test_every_connection_is_closed_whatever_happens() -> None:
    opened: list[LiveCarrier] = []
    closed: list[LiveCarrier] = []

    class Closing(LiveCarrier):
        async def close(self) -> None:
            closed.append(self)
            await super().close()

    async def scene(url: str) -> None:
        config = llm_config(url)

        def connect(target: Target) -> tuple[Dialect, Carrier]:
            dialect = dialect_for(target, config)
            carrier = Closing(dialect, Recorder(None, NoMeter(), target), NoMeter())
            opened.append(carrier)
            return dialect, carrier

        with contextlib.suppress(ProviderError):
            await probe(a_target(url), config, connect, rehearsal(), lambda _number: None)

    make, message = REFUSED["limit_field"]
    server = PickyServer(refusals=[make(message)])

    def stumble(number: int) -> None:
        server.status = 401 if number == 5 else 200

    server.before_answer = stumble
    with running(server):
        asyncio.run(scene(server.url))
    # One for each way to ask.
    assert len(opened) == 2
    assert set(closed) == set(opened)

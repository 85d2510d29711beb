"""What one endpoint bears with: pauses, breakers and limits, on a clock that is set by hand."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import pytest

from builders import a_prompt
from endpoint_stage import REPLY, URL, Fakes, Stage, failure
from llm_modules.dialogue import Inquiry, Reply, Usage
from llm_modules.errors import ProviderError, ProviderFault
from llm_modules.llm.endpoint import RETRIED, Endpoint
from llm_modules.llm.patience import live_patience
from llm_modules.weights import tokens, weight
from models import a_target, llm_config


@pytest.mark.parametrize("fault", sorted(RETRIED))
def test_what_may_pass_is_tried_again(fault: ProviderFault) -> None:
    stage = Stage(failure(fault), failure(fault), REPLY)
    assert stage.ask() == REPLY
    assert len(stage.fakes.sent) == 3


@pytest.mark.parametrize(
    "fault",
    sorted(set(get_args(ProviderFault)) - RETRIED),
)
def test_what_comes_back_the_same_is_not(fault: ProviderFault) -> None:
    stage = Stage(failure(fault))
    assert stage.fault() == fault
    assert len(stage.fakes.sent) == 1


@pytest.mark.parametrize("retry_times", [0, 1, 4])
def test_there_are_no_more_attempts_than_configured(retry_times: int) -> None:
    stage = Stage(failure("timeout"), retry_times=retry_times)
    assert stage.fault() == "timeout"
    assert len(stage.fakes.sent) == 1 + retry_times


def test_the_server_is_let_alone_as_long_as_it_asks() -> None:
    stage = Stage(failure("rate_limited", 7.0), failure("rate_limited", 9.0), REPLY)
    stage.ask()
    first, second = stage.fakes.pauses
    assert 7.0 <= first <= 8.75
    assert 9.0 <= second <= 11.25


@pytest.mark.parametrize(
    ("retry_after", "attempts"), [(59.8, 2), (59.9, 2), (59.95, 1), (60.1, 1), (3600, 1)]
)
def test_a_pause_that_does_not_fit_is_not_begun(
    retry_after: float, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    stage = Stage(failure("rate_limited", retry_after))
    assert stage.fault() == "rate_limited"
    assert len(stage.fakes.sent) == attempts
    assert len(stage.fakes.pauses) == attempts - 1


def test_pauses_grow_and_are_never_the_same_for_all() -> None:
    first = [Stage(failure("timeout"), REPLY) for _ in range(20)]
    for stage in first:
        stage.ask()
    pauses = {stage.fakes.pauses[0] for stage in first}
    assert len(pauses) > 10
    assert all(0.375 <= pause <= 0.5 for pause in pauses)


def test_a_refused_forced_call_is_remembered_for_that_model_alone() -> None:
    refusal = ProviderError("rejected", "tool_choice is not supported")
    stage = Stage(refusal, REPLY)
    stage.ask()
    stage.ask()
    stage.ask(model="other")
    assert [body["forced"] for body in stage.fakes.sent] == [True, False, False, True]


def test_a_model_that_was_let_be_has_refused_no_forced_call() -> None:
    stage = Stage(failure("server_error"), REPLY, breaker_failures=1, breaker_seconds=30)
    assert [stage.fault(), stage.fault()] == ["server_error", "unavailable"]
    stage.fakes.now += 30
    stage.ask()
    assert [body["forced"] for body in stage.fakes.sent] == [True, True]


def test_a_model_that_cannot_be_forced_is_not() -> None:
    fakes = Fakes([REPLY])
    target = replace(a_target(URL), provider=replace(a_target().provider, forced_call=False))
    config = llm_config(URL)
    endpoint = Endpoint(target, config, fakes, fakes, live_patience(config))
    asyncio.run(endpoint.ask(a_prompt(), Inquiry(), seconds=5))
    assert fakes.sent[0]["forced"] is False


def test_it_is_not_tried_again_once_the_breaker_is_open() -> None:
    stage = Stage(failure("server_error"), breaker_failures=2, retry_times=9)
    assert stage.fault() == "server_error"
    assert len(stage.fakes.sent) == 2
    assert stage.fault() == "unavailable"
    assert len(stage.fakes.sent) == 2


def test_what_others_made_impossible_meanwhile_is_not_the_fault() -> None:
    """Its second attempt is refused: while it paused, another question opened the breaker."""
    stage = Stage(failure("timeout"), failure("server_error"), breaker_failures=2)
    pause = stage.fakes.pause

    async def meanwhile(seconds: float) -> None:
        await pause(seconds)
        with pytest.raises(ProviderError):
            await stage.endpoint.ask(a_prompt(), Inquiry(), seconds=60)

    stage.endpoint._patience = replace(stage.endpoint._patience, pause=meanwhile)
    assert stage.fault() == "timeout"
    assert len(stage.fakes.sent) == 2


def test_each_model_has_a_breaker_of_its_own() -> None:
    stage = Stage(failure("server_error"), breaker_failures=1)
    stage.fault()
    assert stage.fault() == "unavailable"
    assert stage.fault(model="other") == "server_error"


@pytest.mark.parametrize(("seconds", "sent"), [(29.9, 1), (30.0, 2)])
def test_an_open_breaker_lets_one_through_after_its_time(seconds: float, sent: int) -> None:
    stage = Stage(failure("timeout"), breaker_failures=1, breaker_seconds=30)
    stage.fault()
    stage.fakes.now += seconds
    stage.fault()
    assert len(stage.fakes.sent) == sent


def test_requests_a_minute_hold_up_the_next_question() -> None:
    stage = Stage(REPLY, requests_per_minute=2)
    for _ in range(3):
        stage.ask(seconds=100)
    assert stage.fakes.pauses == [60.0]


def test_a_turn_that_would_come_too_late_is_told_at_once() -> None:
    stage = Stage(REPLY, requests_per_minute=1)
    stage.ask()
    assert stage.fault(seconds=59) == "unavailable"
    assert stage.fakes.pauses == []


@pytest.mark.parametrize(("beyond", "pauses"), [(-1, 0), (0, 0), (1, 1)])
def test_tokens_are_guessed_at_their_most_and_corrected(beyond: int, pauses: int) -> None:
    estimate = tokens(weight('{"model": "test-model", "forced": true}')) + 2000
    used = 3000 - estimate + beyond
    reply = replace(REPLY, usage=Usage(used - 5, 5))
    stage = Stage(reply, tokens_per_minute=3000, max_tokens=2000)
    stage.ask(seconds=100)
    stage.ask(seconds=100)
    assert len(stage.fakes.pauses) == pauses


def test_half_told_usage_corrects_nothing() -> None:
    for usage in (Usage(5, None), Usage(None, 5)):
        stage = Stage(replace(REPLY, usage=usage), tokens_per_minute=3000, max_tokens=2000)
        stage.ask(seconds=100)
        stage.ask(seconds=100)
        assert len(stage.fakes.pauses) == 1


def test_the_time_is_over_for_a_server_that_hangs() -> None:
    class Hanging(Fakes):
        async def carry(self, body: Mapping[str, Any], inquiry: Inquiry) -> Reply:
            await asyncio.Event().wait()
            raise AssertionError

    config = llm_config(URL, breaker_failures=1)
    fakes = Hanging([])
    endpoint = Endpoint(a_target(URL), config, fakes, fakes, live_patience(config))

    async def twice() -> list[str]:
        faults = []
        for _ in range(2):
            with pytest.raises(ProviderError) as caught:
                await endpoint.ask(a_prompt(), Inquiry(), seconds=0.05)
            faults.append(f"{caught.value.fault}: {caught.value}"[:40])
        return faults

    assert asyncio.run(twice()) == [
        "timeout: no complete answer within 0.05 s"[:40],
        "unavailable: Model test-model at 127.0.0.1 keeps"[:40],
    ]


def test_closing_closes_the_carrier() -> None:
    stage = Stage(REPLY)
    asyncio.run(stage.endpoint.close())
    assert stage.fakes.closed
    assert stage.endpoint.model == "test-model"


def test_a_replay_needs_no_pauses_no_breaker_and_no_pace() -> None:
    stage = Stage(
        *[failure("server_error", 0.0)] * 500,
        REPLY,
        is_recorded=True,
        breaker_failures=1,
        requests_per_minute=1,
        tokens_per_minute=1,
        max_concurrent=1,
    )
    for _ in range(3):
        assert stage.fault(seconds=10_000) == "server_error"
    assert (len(stage.fakes.sent), sum(stage.fakes.pauses)) == (9, 0.0)


def test_a_replay_ends_with_the_fault_that_ended_the_recording() -> None:
    stage = Stage(failure("server_error"), failure("not_on_tape"), is_recorded=True)
    assert stage.fault() == "server_error"


def test_a_replay_knows_when_nobody_had_waited() -> None:
    stage = Stage(failure("timeout"), TimeoutError("abandoned"), is_recorded=True)
    with pytest.raises(TimeoutError, match="abandoned"):
        stage.ask()


def test_a_question_that_was_never_asked_is_missing() -> None:
    assert Stage(failure("not_on_tape"), is_recorded=True).fault() == "not_on_tape"

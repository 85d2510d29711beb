"""A Retry-After that one request is told holds for all requests to that model."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from breaking import NAME, Scene, Slow, faults, play, settled
from builders import a_prompt
from endpoint_stage import REPLY, URL, Fakes, failure
from llm_modules.dialogue import Inquiry, Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.endpoint import Endpoint
from llm_modules.llm.patience import live_patience
from models import a_target, llm_config


async def rested(act: Scene, seconds: float) -> None:
    with pytest.raises(ProviderError):
        await act.request("rate_limited", retry_after=seconds)


def test_what_one_request_is_told_holds_for_the_next() -> None:
    async def scene() -> None:
        act = Scene()
        await rested(act, 20.0)
        act.now = 5.0
        await act.request(until=60.0)
        assert act.slept == [15.0]
        await act.request()
        assert act.slept == [15.0]

    play(scene())


@pytest.mark.parametrize(("until", "refused"), [(19.9, True), (20.0, False), (20.1, False)])
def test_who_cannot_wait_that_long_is_refused_at_once(until: float, refused: bool) -> None:
    async def scene() -> None:
        act = Scene()
        await rested(act, 20.0)
        if not refused:
            await act.request(until=until)
            return
        says = f"{NAME} asked to be let alone for 20 s more"
        with pytest.raises(ProviderError, match=says) as it:
            await act.request(until=until)
        assert (it.value.fault, act.slept, act.asked) == ("unavailable", [], 1)

    play(scene())


def test_the_longer_of_two_rests_counts_and_none_is_longer_than_an_hour() -> None:
    async def scene() -> None:
        act = Slow()
        tasks = await act.start(2)
        for end, seconds in zip(act.ends, (86_400.0, 5.0), strict=True):
            end.set_exception(ProviderError("server_error", "x", retry_after_seconds=seconds))
        await faults(tasks)
        tasks = await act.start(1)
        assert act.slept == [3600.0]
        act.ends[2].set_result(None)
        await faults(tasks)

    play(scene())


def test_who_rests_while_it_opens_does_not_find_out_beside_another() -> None:
    async def scene() -> None:
        act = Slow()
        await act.fails("server_error", "server_error")
        with pytest.raises(ProviderError):
            await Scene.request(act, "server_error", retry_after=90.0)
        act.now = 59.0
        tasks = await act.start(3)
        assert act.slept == [31.0] * 3
        assert act.asked == 4
        act.ends[0].set_result(None)
        await settled()
        assert act.asked == 6
        for end in act.ends[1:]:
            end.set_result(None)
        assert await faults(tasks) == [""] * 3

    play(scene())


@pytest.mark.parametrize(("seconds", "told"), [(1.0, []), (60.0, []), (61.0, ["61 s"])])
def test_a_long_rest_is_told_once(
    seconds: float, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        act = Slow()
        tasks = await act.start(5)
        for end in act.ends:
            end.set_exception(ProviderError("rate_limited", "x", retry_after_seconds=seconds))
        await faults(tasks)

    play(scene())
    says = f"{NAME} asks to be let alone for "
    assert [one.getMessage().removeprefix(says) for one in caplog.records] == told


async def half_open(until: float) -> tuple[Slow, list[asyncio.Task[None]]]:
    """One request finds out at 60 s, three wait for it."""
    act = Slow()
    await act.open()
    act.now = 60.0
    tasks = [asyncio.create_task(act.request(until=until)) for _ in range(4)]
    await settled()
    assert act.asked == 4
    return act, tasks


def test_who_waits_for_what_another_finds_out_is_told_with_it() -> None:
    async def scene() -> None:
        act, tasks = await half_open(until=80.0)
        act.ends[0].set_exception(failure("rate_limited", 30.0))
        assert await faults(tasks) == ["rate_limited", *["unavailable"] * 3]
        assert (act.asked, act.slept) == (4, [])

    play(scene())


def test_who_has_the_time_waits_for_both_and_one_of_them_finds_out() -> None:
    async def scene() -> None:
        act, tasks = await half_open(until=200.0)
        act.ends[0].set_exception(failure("rate_limited", 30.0))
        await settled()
        assert (act.asked, act.slept, act.now) == (5, [30.0] * 3, 90.0)
        act.ends[1].set_result(None)
        await settled()
        for end in act.ends[2:]:
            end.set_result(None)
        assert await faults(tasks) == ["rate_limited", "", "", ""]

    play(scene())


class OneByOne(Fakes):
    """Is slow enough for others to queue, and lets time pass once all of them sleep."""

    async def carry(self, body: Mapping[str, Any], inquiry: Inquiry) -> Reply:
        await settled()
        return await super().carry(body, inquiry)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        awake = self.now + seconds
        await settled()
        self.now = max(self.now, awake)


def queued(
    *outcomes: Reply | Exception, seconds: float, **limits: Any
) -> tuple[list[str], OneByOne]:
    """Ask four times at once, where one request is under way at a time."""
    fakes = OneByOne(outcomes)
    config = llm_config(URL, max_concurrent=1, retry_times=0, **limits)
    patience = live_patience(config, fakes.pause, lambda: fakes.now)
    endpoint = Endpoint(a_target(URL), config, fakes, fakes, patience)

    async def fault() -> str:
        try:
            await endpoint.ask(a_prompt(), Inquiry(), seconds=seconds)
        except ProviderError as error:
            return error.fault
        return ""

    async def together() -> list[str]:
        return await asyncio.gather(*(fault() for _ in range(4)))

    return asyncio.run(together()), fakes


def test_who_waits_for_a_turn_is_told_by_then_and_makes_no_request() -> None:
    told, fakes = queued(failure("rate_limited", 30.0), REPLY, seconds=20)
    assert told == ["rate_limited", *["unavailable"] * 3]
    assert (len(fakes.sent), fakes.pauses) == (1, [])


def test_who_has_the_time_comes_back_for_a_turn_when_the_rest_is_over() -> None:
    told, fakes = queued(failure("rate_limited", 30.0), REPLY, seconds=100)
    assert told == ["rate_limited", "", "", ""]
    assert (len(fakes.sent), fakes.pauses) == (4, [30.0] * 3)


def test_a_rest_that_is_renewed_is_heeded_again() -> None:
    rests = failure("rate_limited", 30.0), failure("rate_limited", 40.0)
    told, fakes = queued(*rests, REPLY, seconds=100)
    assert told == ["rate_limited", "rate_limited", "", ""]
    assert (len(fakes.sent), fakes.pauses) == (4, [30.0] * 3 + [40.0] * 2)


def test_a_turn_in_which_nothing_was_asked_counts_for_no_minute() -> None:
    told, fakes = queued(failure("rate_limited", 30.0), REPLY, seconds=100, requests_per_minute=4)
    assert told == ["rate_limited", "", "", ""]
    assert fakes.pauses == [30.0] * 3

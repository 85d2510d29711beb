import asyncio
import logging
import math
from contextlib import suppress
from typing import get_args

import pytest

from breaking import NAME, NEVER, Scene, Slow, faults, play, settled
from llm_modules.errors import ProviderError, ProviderFault
from llm_modules.llm.breaker import SERVER_FAULTS, UNTOLD_FAULTS


@pytest.mark.parametrize(("failures", "refused"), [(1, False), (2, False), (3, True)])
def test_it_opens_at_the_last_of_so_many_failures_in_a_row(failures: int, refused: bool) -> None:
    async def scene() -> None:
        act = Scene()
        await act.fails(*["timeout"] * failures)
        assert await act.is_refused() == refused

    play(scene())


@pytest.mark.parametrize("fault", sorted(SERVER_FAULTS))
def test_every_fault_of_a_server_counts(fault: ProviderFault) -> None:
    async def scene() -> None:
        act = Scene()
        await act.fails(fault, fault, fault)
        assert await act.is_refused()

    play(scene())


@pytest.mark.parametrize("fault", sorted(UNTOLD_FAULTS))
def test_a_limit_counts_neither_as_failure_nor_as_answer(fault: ProviderFault) -> None:
    async def scene() -> None:
        act = Scene()
        await act.fails(*[fault] * 9)
        await act.fails("timeout", fault, "timeout", fault, "timeout")
        assert await act.is_refused()

    play(scene())


def test_a_rejected_request_is_an_answer() -> None:
    async def scene() -> None:
        act = Scene()
        await act.fails("timeout", "timeout", "rejected", "timeout", "timeout")
        assert not await act.is_refused()

    play(scene())


def test_no_fault_is_forgotten() -> None:
    others = {"rejected", "unavailable"}
    assert SERVER_FAULTS | UNTOLD_FAULTS | others == set(get_args(ProviderFault))
    assert not SERVER_FAULTS & UNTOLD_FAULTS


def test_an_answer_in_between_begins_the_row_anew() -> None:
    async def scene() -> None:
        act = Scene()
        await act.fails("timeout", "timeout")
        await act.request()
        await act.fails("timeout", "timeout")
        assert not act.breaker.is_open

    play(scene())


@pytest.mark.parametrize(("seconds", "refused"), [(59.9, True), (60.0, False), (60.1, False)])
def test_it_is_open_for_its_time(seconds: float, refused: bool) -> None:
    async def scene() -> None:
        act = Scene()
        await act.open()
        act.now = seconds
        assert act.breaker.is_open == refused
        assert await act.is_refused() == refused

    play(scene())


def test_the_refusal_says_how_long_it_lasts() -> None:
    async def scene() -> None:
        act = Scene()
        await act.open()
        act.now = 20.0
        with pytest.raises(
            ProviderError, match=f"{NAME} keeps failing and is let be for 40 s"
        ) as it:
            await act.request()
        assert it.value.fault == "unavailable"

    play(scene())


def test_exactly_one_request_finds_out_while_the_others_wait() -> None:
    async def scene() -> None:
        act = Slow()
        await act.open()
        act.now = 60.0
        tasks = await act.start(50)
        assert act.asked == 4
        act.ends[0].set_result(None)
        await settled()
        assert act.asked == 4 + 49
        for end in act.ends[1:]:
            end.set_result(None)
        assert await faults(tasks) == [""] * 50

    play(scene())


def test_those_who_waited_are_refused_when_it_still_fails() -> None:
    async def scene() -> None:
        act = Slow()
        await act.open()
        act.now = 60.0
        tasks = await act.start(3)
        act.ends[0].set_exception(ProviderError("connection", "still"))
        assert await faults(tasks) == ["connection", "unavailable", "unavailable"]
        act.now = 119.9
        assert act.breaker.is_open
        act.now = 120.0
        assert not act.breaker.is_open

    play(scene())


@pytest.mark.parametrize("fault", ["over_budget", "rate_limited"])
def test_who_found_out_nothing_leaves_it_to_the_next(fault: ProviderFault) -> None:
    async def scene() -> None:
        act = Slow()
        await act.open()
        act.now = 60.0
        tasks = await act.start(3)
        act.ends[0].set_exception(ProviderError(fault, "no request"))
        await settled()
        assert act.asked == 5
        act.ends[1].set_result(None)
        await settled()
        act.ends[2].set_result(None)
        assert await faults(tasks) == [fault, "", ""]

    play(scene())


def test_a_cancelled_probe_hands_over() -> None:
    async def scene() -> None:
        act = Slow()
        await act.open()
        act.now = 60.0
        tasks = await act.start(2)
        tasks[0].cancel()
        await settled()
        assert act.asked == 5
        act.ends[1].set_result(None)
        await tasks[1]

    play(scene())


def test_a_cancelled_waiter_changes_nothing() -> None:
    async def scene() -> None:
        act = Slow()
        await act.open()
        act.now = 60.0
        tasks = await act.start(2)
        tasks[1].cancel()
        await settled()
        act.ends[0].set_result(None)
        assert await faults(tasks[:1]) == [""]
        assert act.asked == 4

    play(scene())


def test_what_fails_after_it_opened_does_not_keep_it_open_longer() -> None:
    async def scene() -> None:
        act = Slow()
        tasks = await act.start(1)
        await act.open()
        act.now = 50.0
        act.ends[0].set_exception(ProviderError("timeout", "late"))
        assert await faults(tasks) == ["timeout"]
        act.now = 60.0
        assert not act.breaker.is_open

    play(scene())


def test_an_answer_to_an_earlier_request_closes_it() -> None:
    async def scene() -> None:
        act = Slow()
        tasks = await act.start(1)
        await act.open()
        act.ends[0].set_result(None)
        await tasks[0]
        assert not act.breaker.is_open

    play(scene())


def test_who_waited_for_a_turn_while_it_opened_makes_no_request() -> None:
    async def scene() -> None:
        act = Scene()
        async with act.breaker.passing(NEVER):
            await act.open()
            with pytest.raises(ProviderError) as caught, act.breaker.watching(NEVER):
                act.asked += 1
        assert (caught.value.fault, act.asked) == ("unavailable", 3)

    play(scene())


@pytest.mark.parametrize(
    ("now", "counts"), [(0.0, False), (9.74, False), (9.75, True), (10.0, True), (11.0, True)]
)
def test_who_is_cut_off_at_the_deadline_counts_and_who_is_cut_off_before_does_not(
    now: float, counts: bool
) -> None:
    async def scene() -> None:
        act = Scene(failures=1)
        with suppress(asyncio.CancelledError), act.breaker.watching(10.0):
            act.now = now
            raise asyncio.CancelledError
        assert act.breaker.is_open == counts

    play(scene())


def test_an_infinite_limit_never_opens() -> None:
    async def scene() -> None:
        act = Scene(failures=math.inf)
        await act.fails(*["timeout"] * 100)
        assert not await act.is_refused()

    play(scene())


def test_opening_and_closing_are_each_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        act = Scene()
        await act.open()
        assert await act.is_refused()
        for minute in range(1, 4):
            act.now = 60.0 * minute
            await act.fails("connection")
        act.now = 240.0
        await act.request()
        await act.request()

    with caplog.at_level(logging.INFO):
        play(scene())
    assert [record.getMessage() for record in caplog.records] == [
        f"{NAME} failed 3 times in a row, at last with server_error: it is asked again every 60 s",
        f"{NAME} answers again",
    ]

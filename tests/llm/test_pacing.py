import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from llm_modules.errors import ProviderError
from llm_modules.llm.pacing import MINUTE_SECONDS, Pace, Pacer

LATE = 1e9


class Street:
    """A pacer whose time passes only while everybody waits."""

    def __init__(self, at_once: int = 1000, requests: int = 0, tokens: int = 0) -> None:
        self.now = 0.0
        self.passed: list[tuple[str, float]] = []
        self.pacer = Pacer(Pace(at_once, requests, tokens), lambda: self.now, self.sleep)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds

    async def go(self, name: str, tokens: int = 1, until: float = LATE, used: int = -1) -> None:
        async with self.pacer.turn(tokens, until) as turn:
            self.passed.append((name, self.now))
            if used >= 0:
                turn.tokens = used

    async def stay(self, name: str, end: asyncio.Event) -> None:
        async with self.pacer.turn(1, LATE):
            self.passed.append((name, self.now))
            await end.wait()

    @property
    def names(self) -> str:
        return "".join(name for name, _ in self.passed)


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_no_more_are_under_way_at_once_than_allowed(at_once: int) -> None:
    async def scene() -> None:
        street, end = Street(at_once), asyncio.Event()
        tasks = [asyncio.create_task(street.stay(name, end)) for name in "abc"]
        await settled()
        assert street.names == "abc"[:at_once]
        end.set()
        await asyncio.gather(*tasks)
        assert street.names == "abc"

    play(scene())


def test_first_come_is_first_served() -> None:
    async def scene() -> None:
        street, end = Street(1), asyncio.Event()
        tasks = [asyncio.create_task(street.stay(name, end)) for name in "abcdefgh"]
        await settled()
        end.set()
        await asyncio.gather(*tasks)
        assert street.names == "abcdefgh"

    play(scene())


def test_a_place_is_free_again_after_a_failure_and_after_a_cancellation() -> None:
    async def scene() -> None:
        street, never = Street(1), asyncio.Event()
        with pytest.raises(ProviderError):
            async with street.pacer.turn(1, LATE):
                raise ProviderError("connection", "gone")
        task = asyncio.create_task(street.stay("x", never))
        await settled()
        task.cancel()
        await settled()
        await street.go("y")
        assert street.names == "xy"

    play(scene())


def test_a_cancelled_waiter_leaves_no_trace() -> None:
    async def scene() -> None:
        street, end = Street(1, requests=3), asyncio.Event()
        first = asyncio.create_task(street.stay("a", end))
        await settled()
        waiting = [asyncio.create_task(street.go(name)) for name in "bcde"]
        await settled()
        waiting[0].cancel()
        waiting[2].cancel()
        end.set()
        await asyncio.gather(first, *waiting, return_exceptions=True)
        assert street.passed == [("a", 0.0), ("c", 0.0), ("e", 0.0)]

    play(scene())


def test_whoever_waits_for_the_next_minute_can_be_cancelled_too() -> None:
    async def scene() -> None:
        forever = asyncio.Event()

        async def sleep(_seconds: float) -> None:
            await forever.wait()

        now = 0.0
        pacer = Pacer(Pace(9, 1), lambda: now, sleep)
        async with pacer.turn(1, LATE):
            pass

        async def second() -> None:
            async with pacer.turn(1, LATE):
                raise AssertionError("it had no turn")

        task = asyncio.create_task(second())
        await settled()
        task.cancel()
        await settled()
        now = MINUTE_SECONDS
        async with pacer.turn(1, LATE):
            pass

    play(scene())


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_request_after_the_limit_waits_until_the_first_is_a_minute_old(limit: int) -> None:
    async def scene() -> None:
        street = Street(requests=limit)
        for _ in range(2 * limit + 1):
            await street.go("x")
        assert [at for _, at in street.passed] == [0.0] * limit + [60.0] * limit + [120.0]

    play(scene())


@pytest.mark.parametrize(("tokens", "at"), [(399, 0.0), (400, 0.0), (401, 60.0)])
def test_tokens_are_limited_at_their_sum(tokens: int, at: float) -> None:
    async def scene() -> None:
        street = Street(tokens=1000)
        await street.go("a", 600)
        await street.go("b", tokens)
        assert street.passed[1] == ("b", at)

    play(scene())


def test_only_as_many_turns_are_waited_for_as_are_needed() -> None:
    async def scene() -> None:
        street = Street(tokens=1000)
        for name, start in (("a", 0.0), ("b", 10.0), ("c", 20.0)):
            street.now = start
            await street.go(name, 300)
        await street.go("d", 700)
        assert street.passed[-1] == ("d", 70.0)

    play(scene())


def test_a_request_of_more_than_a_minutes_tokens_passes_alone() -> None:
    async def scene() -> None:
        street = Street(tokens=1000)
        await street.go("a", 5000)
        await street.go("b", 1)
        await street.go("c", 5000)
        assert [at for _, at in street.passed] == [0.0, 60.0, 120.0]

    play(scene())


@pytest.mark.parametrize(("used", "at"), [(200, 0.0), (500, 0.0), (501, 60.0), (-1, 60.0)])
def test_an_estimate_is_corrected_by_what_was_used(used: int, at: float) -> None:
    async def scene() -> None:
        street = Street(tokens=1000)
        await street.go("a", 900, used=used)
        await street.go("b", 500)
        assert street.passed[1] == ("b", at)

    play(scene())


def test_nobody_overtakes_who_waits_for_tokens() -> None:
    async def scene() -> None:
        street = Street(tokens=1000)
        await street.go("a", 900)
        await asyncio.gather(street.go("b", 500), street.go("c", 1))
        assert street.passed == [("a", 0.0), ("b", 60.0), ("c", 60.0)]

    play(scene())


@pytest.mark.parametrize(("until", "served"), [(59.9, False), (60.0, True), (60.1, True)])
def test_who_would_come_too_late_is_told_at_once(until: float, served: bool) -> None:
    async def scene() -> None:
        street = Street(requests=1)
        await street.go("a")
        if served:
            await street.go("b", until=until)
            return
        with pytest.raises(ProviderError, match="allow a request in 60 s, which is too late") as it:
            await street.go("b", until=until)
        assert (it.value.fault, street.now) == ("unavailable", 0.0)
        street.now = 60.0
        await street.go("c", until=60.0)

    play(scene())


def test_without_limits_nothing_waits_and_nothing_is_kept() -> None:
    async def scene() -> None:
        street = Street()
        for _ in range(500):
            await street.go("x", 10**9)
        assert street.now == 0.0
        assert len(street.pacer._turns) == 0

    play(scene())


def test_turns_are_forgotten_after_a_minute() -> None:
    async def scene() -> None:
        street = Street(requests=1000)
        for second in range(300):
            street.now = float(second)
            await street.go("x")
        assert len(street.pacer._turns) == 60

    play(scene())


arrivals = st.lists(
    st.tuples(st.floats(0, 30), st.integers(1, 600), st.integers(-1, 600)), max_size=40
)


@given(arrivals, st.integers(1, 8), st.integers(600, 2000))
@hypothesis_settings(max_examples=200, deadline=None)
def test_in_no_minute_are_there_more_requests_or_tokens_than_allowed(
    steps: list[tuple[float, int, int]], requests: int, limit: int
) -> None:
    """Estimates here are never too low, as ours are meant to be."""
    taken: list[tuple[float, int]] = []

    async def scene() -> None:
        street = Street(3, requests, limit)
        for pause, estimate, used in steps:
            street.now += pause
            real = min(used, estimate)
            await street.go("x", estimate, used=real)
            taken.append((street.now, real if real >= 0 else estimate))

    play(scene())
    for start, _ in taken:
        minute = [tokens for at, tokens in taken if start <= at < start + MINUTE_SECONDS]
        assert len(minute) <= requests
        assert sum(minute) <= limit


@given(st.integers(0, 10_000))
@hypothesis_settings(max_examples=50, deadline=None)
def test_whatever_is_cancelled_the_others_all_pass_and_no_place_is_lost(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a test's dice

    async def scene() -> None:
        street = Street(2, requests=7)
        tasks = {name: asyncio.create_task(street.go(name)) for name in "abcdefghijklmnop"}
        lost = set()
        for name in dice.sample(sorted(tasks), 8):
            for _ in range(dice.randrange(6)):
                await asyncio.sleep(0)
            if tasks[name].cancel():
                lost.add(name)
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        served = set(street.names)
        assert served >= set(tasks) - lost
        await asyncio.gather(street.go("y"), street.go("z"))
        assert street.pacer._places._value == 2
        assert not street.pacer._head.locked()

    play(scene())


def test_a_turn_that_is_given_back_leaves_room_for_another() -> None:
    async def scene() -> None:
        street = Street(requests=2, tokens=1000)
        await street.go("a", 400)
        async with street.pacer.turn(400, LATE) as turn:
            street.pacer.give_back(turn)
        assert len(street.pacer._turns) == 1
        await street.go("b", 600)
        await street.go("c", 1)
        assert street.passed == [("a", 0.0), ("b", 0.0), ("c", 60.0)]

    play(scene())


def test_of_two_turns_alike_the_one_that_is_given_back_goes() -> None:
    async def scene() -> None:
        street = Street(requests=2)
        async with street.pacer.turn(5, LATE) as kept, street.pacer.turn(5, LATE) as returned:
            street.pacer.give_back(returned)
            assert [turn is kept for turn in street.pacer._turns] == [True]

    play(scene())

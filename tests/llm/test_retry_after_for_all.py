"""A Retry-After that one request is told holds for all requests to that model."""

import pytest

from breaking import NAME, Scene, Slow, faults, play, settled
from llm_modules.errors import ProviderError


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

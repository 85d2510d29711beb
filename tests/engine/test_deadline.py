"""A moment that is over ends what waits for it; what is played back has no such moment."""

import asyncio
import math
import time

import pytest

from llm_modules.engine.deadline import Deadline, deadline_of, within
from models import llm_config


@pytest.mark.parametrize(
    ("tape_mode", "is_played"), [("record", False), ("replay_or_record", False), ("replay", True)]
)
def test_what_is_asked_of_a_tape_alone_has_no_moment(tape_mode: str, *, is_played: bool) -> None:
    config = llm_config("http://127.0.0.1:9/v1", timeout=7, tape_mode=tape_mode)
    assert deadline_of(config) == Deadline(7, is_played=is_played)


async def asked(until: float, seconds: float) -> str:
    async with within(until):
        await asyncio.sleep(seconds)
    return "answered"


def test_who_waits_longer_than_the_moment_is_told() -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(asked(time.monotonic() + 0.01, 10.0))


def test_what_is_there_in_time_is_taken() -> None:
    assert asyncio.run(asked(Deadline(10.0).until(), 0.0)) == "answered"


def test_what_is_played_back_is_never_late() -> None:
    until = Deadline(0.0, is_played=True).until()
    assert until == math.inf
    assert asyncio.run(asked(until, 0.02)) == "answered"

"""A breaker with a clock that is set by hand, and requests that end as a test wants."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from llm_modules.errors import ProviderError, ProviderFault
from llm_modules.llm.breaker import Breaker

NEVER = 10_000.0
NAME = "Model test-model at 127.0.0.1"


class Scene:
    """A breaker that opens at the third failure for a minute, with a clock that is set by hand."""

    def __init__(self, failures: float = 3) -> None:
        self.now = 0.0
        self.breaker = Breaker(NAME, failures, 60.0, lambda: self.now, self.sleep)
        self.asked = 0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def request(
        self,
        fault: ProviderFault | None = None,
        *,
        retry_after: float | None = None,
        until: float = NEVER,
    ) -> None:
        async with self.breaker.passing(until):
            with self.breaker.watching(until):
                self.asked += 1
                await self.served(fault, retry_after)

    async def served(self, fault: ProviderFault | None, retry_after: float | None) -> None:
        """End a request at once."""
        if fault is not None:
            raise ProviderError(fault, "as asked for", retry_after_seconds=retry_after)

    async def fails(self, *faults: ProviderFault) -> None:
        for fault in faults:
            with pytest.raises(ProviderError):
                await self.request(fault)

    async def is_refused(self) -> bool:
        """Try one request that would succeed."""
        asked = self.asked
        with suppress(ProviderError):
            await self.request()
        return self.asked == asked

    async def open(self) -> None:
        await self.fails(*["server_error"] * 3)


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


class Slow(Scene):
    """Its requests end when the test says how."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[asyncio.Future[None]] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        awake = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, awake)

    async def served(self, fault: ProviderFault | None, retry_after: float | None) -> None:
        """End a request when the test says so, with a fault at once."""
        await super().served(fault, retry_after)
        end = asyncio.get_running_loop().create_future()
        self.ends.append(end)
        await end

    async def start(self, count: int) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.request()) for _ in range(count)]
        await settled()
        return tasks


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def faults(tasks: list[asyncio.Task[None]]) -> list[str]:
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    return [end.fault if isinstance(end, ProviderError) else "" for end in ended]

"""The pacer of a server: how many requests are under way at once, and how many in a minute."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from llm_modules.errors import ProviderError

MINUTE_SECONDS = 60.0

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pace:
    """What a server may be asked: requests at once, requests and tokens a minute; 0: no limit."""

    at_once: int
    requests_per_minute: int = 0
    tokens_per_minute: int = 0


@dataclass(slots=True)
class Turn:
    """A request that has its turn; `tokens` are an estimate until it is known better."""

    at: float
    tokens: int


class Pacer:
    """Lets requests to one server through, first come, first served; used on one event loop.

    In any minute there are no more than the pace allows. A request of more tokens than a whole
    minute's passes alone. Who is cancelled while waiting leaves nothing behind.
    """

    def __init__(self, pace: Pace, clock: Clock, sleep: Sleep) -> None:
        self._pace = pace
        self._clock = clock
        self._sleep = sleep
        self._places = asyncio.Semaphore(pace.at_once)
        self._head = asyncio.Lock()
        self._turns: deque[Turn] = deque()

    @asynccontextmanager
    async def turn(self, tokens: int, until: float) -> AsyncIterator[Turn]:
        """Wait for a turn and have it; its tokens may be corrected during it and after.

        Raises ProviderError("unavailable") as soon as it is known that it would come after
        `until`, a moment of the clock.
        """
        async with self._places:
            # Behind whoever came first, even where a shorter request would fit before.
            async with self._head:
                turn = await self._taken(tokens, until)
            yield turn

    def give_back(self, turn: Turn) -> None:
        """Let a turn count for nothing: no request was made in it."""
        self._turns = deque(one for one in self._turns if one is not turn)

    async def _taken(self, tokens: int, until: float) -> Turn:
        while (wait := self._wait_seconds(tokens)) > 0:
            if self._clock() + wait > until:
                raise ProviderError(
                    "unavailable",
                    f"the limits per minute allow a request in {wait:.0f} s, which is too late",
                )
            await self._sleep(wait)
        turn = Turn(self._clock(), tokens)
        # Without limits nothing would ever take them out again.
        if self._pace.requests_per_minute or self._pace.tokens_per_minute:
            self._turns.append(turn)
        return turn

    def _wait_seconds(self, tokens: int) -> float:
        """Return how long until enough turns are a minute old for one more."""
        now = self._clock()
        while self._turns and self._turns[0].at + MINUTE_SECONDS <= now:
            self._turns.popleft()
        requests, spent = len(self._turns), sum(turn.tokens for turn in self._turns)
        wait = 0.0
        for turn in self._turns:
            if self._fits(requests, spent + tokens):
                break
            wait = turn.at + MINUTE_SECONDS - now
            requests, spent = requests - 1, spent - turn.tokens
        return wait

    def _fits(self, requests: int, tokens: int) -> bool:
        pace = self._pace
        return (not pace.requests_per_minute or requests < pace.requests_per_minute) and (
            not pace.tokens_per_minute or tokens <= pace.tokens_per_minute
        )

"""How to ask a server is found by asking: with everything, and then without what it refuses."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from llm_modules.dialogue import Inquiry, Prompt, Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.carrier import Carrier
from llm_modules.llm.providers.dialect import Dialect, Target
from llm_modules.llm.providers.row import Provider
from llm_modules.llm.providers.rows import GENERIC
from llm_modules.llm.providers.switches import Switch, guesses, in_use, named

KIND = "check"
MOST_REQUESTS = 14
ENOUGH = f"not asked: {MOST_REQUESTS} requests are enough"

Connect = Callable[[Target], tuple[Dialect, Carrier]]
Progress = Callable[[int], None]


class Negotiation:
    """Puts questions to one model; `row` is how its server wants to be asked, as far as known.

    `connect` opens a server as a row describes it, `progress` is told the number of each request.
    Of a server nobody knows it is hoped that it understands everything; of a preset, what its row
    says. Leaving it closes every connection.
    """

    def __init__(
        self, target: Target, connect: Connect, answer_seconds: float, progress: Progress
    ) -> None:
        # Its rules would undo what is tried.
        row = replace(target.provider.of(target.model), rules=())
        self._hope = replace(row, strict_tools=True) if row.name == GENERIC.name else row
        self.row = self._hope
        self.inquiry = Inquiry(kind=KIND)
        self.replies: list[Reply] = []
        self._target = target
        self._connect = connect
        self._answer_seconds = answer_seconds
        self._progress = progress
        self._opened = AsyncExitStack()
        self._line: tuple[Provider, Dialect, Carrier] | None = None
        # Switched off together: nobody knows yet which of them was refused.
        self._suspects: list[Switch] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._opened.aclose()

    async def ask(self, prompt: Prompt) -> Reply:
        """Return a reply, having found out how to ask for it. Raises ProviderError."""
        if self._suspects and prompt.tools:
            suspect = self._suspects.pop(0)
            reply = await self._accepted(prompt, suspect.as_in(self.row, self._hope))
            if isinstance(reply, Reply):
                return reply
        return await self._searched(prompt)

    async def ask_once(self, prompt: Prompt) -> Reply:
        """Return a reply to a question put as is known by now. Raises ProviderError."""
        reply = await self._accepted(prompt, self.row)
        if isinstance(reply, ProviderError):
            raise reply
        return reply

    async def _searched(self, prompt: Prompt) -> Reply:
        """Do without what refusals name; guess when they name nothing."""
        row, left = self.row, in_use(prompt, self.row)
        while True:
            reply = await self._accepted(prompt, row)
            if isinstance(reply, Reply):
                return reply
            refused = named(reply, left)
            if refused is None:
                return await self._guessed(prompt, reply)
            left.remove(refused)
            row = refused.without(row)

    async def _guessed(self, prompt: Prompt, refusal: ProviderError) -> Reply:
        before, switches = self.row, in_use(prompt, self.row)
        for row in guesses(prompt, before):
            reply = await self._accepted(prompt, row)
            if isinstance(reply, Reply):
                self._suspects = switches if prompt.tools else []
                return reply
        raise refusal

    async def _accepted(self, prompt: Prompt, row: Provider) -> Reply | ProviderError:
        """Ask as a row says, and keep to it when the server answers; return its refusal else."""
        if len(self.inquiry.expenses) >= MOST_REQUESTS:
            return ProviderError("rejected", ENOUGH)
        try:
            reply = await self._carried(prompt, row)
        except ProviderError as error:
            if error.fault == "rejected":
                return error
            raise
        self.row = row
        self.replies.append(reply)
        return reply

    async def _carried(self, prompt: Prompt, row: Provider) -> Reply:
        dialect, carrier = self._connected(row)
        body = dialect.body(prompt, self._target.model, forced=row.forced_call)
        self._progress(len(self.inquiry.expenses) + 1)
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await carrier.carry(body, self.inquiry)
        except TimeoutError:
            limit = f"no complete answer within {self._answer_seconds:g} s"
            raise ProviderError("timeout", limit) from None

    def _connected(self, row: Provider) -> tuple[Dialect, Carrier]:
        if self._line is None or self._line[0] != row:
            dialect, carrier = self._connect(replace(self._target, provider=row))
            self._opened.push_async_callback(carrier.close)
            self._line = (row, dialect, carrier)
        return self._line[1:]

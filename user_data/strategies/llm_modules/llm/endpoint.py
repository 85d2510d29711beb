"""One model at one server: one question, one reply or a typed error, within a deadline."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llm_modules.config import LLMConfig
from llm_modules.dialogue import Inquiry, Prompt, Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.carrier import Carrier
from llm_modules.llm.failures import refuses_forced_call
from llm_modules.llm.providers.dialect import Dialect, Target

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
# The other faults come back the same however often one asks.
RETRIED = frozenset({"timeout", "connection", "rate_limited", "server_error", "bad_response"})


class Endpoint:
    """Asks one model; belongs to the event loop it is first used on.

    `timeout` bounds the whole question, retries and pauses included. Retries are ours: the SDK's
    own know no deadline.
    """

    def __init__(
        self, target: Target, config: LLMConfig, dialect: Dialect, carrier: Carrier
    ) -> None:
        self._target = target
        self._config = config
        self._dialect = dialect
        self._carrier = carrier
        # Forced, because an answer without a call costs another request.
        self._forces = target.provider.forced_call

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        """Return the model's reply; raises ProviderError after the last attempt or the deadline."""
        about = Inquiry() if inquiry is None else inquiry
        earlier = len(about.expenses)
        try:
            async with asyncio.timeout(self._config.timeout):
                reply = await self._ask_until_answered(prompt, about, model or self._target.model)
        except TimeoutError:
            limit = self._config.timeout
            raise ProviderError("timeout", f"no complete answer within {limit:g} s") from None
        made = about.expenses[earlier:]
        seconds = sum(expense.seconds for expense in made)
        return replace(reply, latency_seconds=seconds, attempts=len(made))

    async def close(self) -> None:
        """Release what the carrier holds."""
        await self._carrier.close()

    async def _ask_until_answered(self, prompt: Prompt, inquiry: Inquiry, model: str) -> Reply:
        attempt = 1
        while True:
            try:
                return await self._ask_once(prompt, inquiry, model)
            except ProviderError as error:
                if attempt > self._config.retry_times or error.fault not in RETRIED:
                    raise
                await asyncio.sleep(pause_seconds(attempt, error.retry_after_seconds))
            attempt += 1

    async def _ask_once(self, prompt: Prompt, inquiry: Inquiry, model: str) -> Reply:
        forces = self._forces
        body: Mapping[str, Any] = self._dialect.body(prompt, model, forced=forces)
        try:
            return await self._carrier.carry(body, inquiry)
        except ProviderError as error:
            if not (forces and refuses_forced_call(error)):
                raise
        # Some servers refuse a forced tool call: ask freely from now on, a missing call is caught.
        self._forces = False
        return await self._ask_once(prompt, inquiry, model)


def pause_seconds(attempt: int, retry_after_seconds: float | None) -> float:
    """Return how long to wait before the next attempt: what the server asks, else growing.

    The deadline around the call cuts any pause short. A quarter of jitter keeps many pairs from
    coming back at the same instant.
    """
    if retry_after_seconds is not None:
        return max(0.0, retry_after_seconds)
    pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
    return pause * random.uniform(0.75, 1.0)  # noqa: S311 - jitter, not cryptography

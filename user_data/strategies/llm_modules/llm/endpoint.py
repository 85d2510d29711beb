"""One model at one server: one question, one reply or a typed error, within a deadline."""

import asyncio
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from llm_modules.config import LLMConfig
from llm_modules.dialogue import Inquiry, Prompt, Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.breaker import Breaker
from llm_modules.llm.carrier import Carrier
from llm_modules.llm.failures import refuses_forced_call
from llm_modules.llm.pacing import Turn
from llm_modules.llm.patience import Patience
from llm_modules.llm.providers.dialect import Dialect, Target
from llm_modules.llm.recorder import estimated_tokens
from llm_modules.llm.remarks import Remarks

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
# No model answers in less.
SHORTEST_ATTEMPT_SECONDS = 0.1
# The other faults come back the same however often one asks.
RETRIED = frozenset({"timeout", "connection", "rate_limited", "server_error", "bad_response"})
# No request was made: what went wrong is the fault that was met before.
UNASKED = frozenset({"unavailable", "not_on_tape"})


@dataclass(frozen=True, slots=True)
class _Question:
    """What one reply is wanted for; nobody waits after `until`, a moment of the clock."""

    prompt: Prompt
    inquiry: Inquiry
    model: str
    until: float


def _never(_body: Mapping[str, Any]) -> bool:
    return False


class Endpoint:
    """Asks one model; belongs to the event loop it is first used on.

    Retries are ours: the SDK's own know no deadline. Another model may be asked of the same
    server; it has a breaker of its own. What `is_recorded` comes from a tape: that is never busy,
    and needs no time to recover.
    """

    def __init__(
        self,
        target: Target,
        config: LLMConfig,
        dialect: Dialect,
        carrier: Carrier,
        patience: Patience,
        is_recorded: Callable[[Mapping[str, Any]], bool] = _never,
    ) -> None:
        self._target = target
        self._config = config
        self._dialect = dialect
        self._carrier = carrier
        self._patience = patience
        self._is_recorded = is_recorded
        self._breakers: dict[str, Breaker] = {}
        self._remarks = Remarks(target)
        # Forced elsewhere, because an answer without a call costs another request.
        self._unforced: set[str] = set()

    @property
    def model(self) -> str:
        """The model's name at its server."""
        return self._target.model

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry, *, seconds: float, model: str | None = None
    ) -> Reply:
        """Return the model's reply within so many seconds, retries and pauses included.

        Raises ProviderError after the last attempt that makes sense, and TimeoutError where a tape
        has it that nobody waited for the answer.
        """
        named = model or self.model
        question = _Question(prompt, inquiry, named, self._patience.clock() + seconds)
        try:
            reply = await self._ask_in_time(question, seconds)
        except ProviderError as error:
            self._remarks.failed(named, error)
            raise
        self._remarks.answered(named, reply.model)
        return reply

    async def close(self) -> None:
        """Release what the carrier holds."""
        await self._carrier.close()

    async def _ask_in_time(self, question: _Question, seconds: float) -> Reply:
        # What is played back cannot be late: nothing need be set up to stop it.
        if math.isinf(seconds):
            return await self._ask_on(question)
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._ask_on(question)
        except TimeoutError:
            # A tape tells with it that whoever asked had not waited.
            if not limit.expired():
                raise
            within = f"no complete answer within {round(seconds, 2):g} s"
            raise ProviderError("timeout", within) from None

    async def _ask_on(self, question: _Question) -> Reply:
        attempt, earlier = 1, None
        while True:
            try:
                return await self._ask_once(question)
            except ProviderError as error:
                if error.fault in UNASKED and earlier is not None:
                    raise earlier from None
                pause = pause_seconds(attempt, error.retry_after_seconds)
                if not self._is_worth_another(question, attempt, error, pause):
                    raise
                earlier = error
            await self._patience.pause(pause)
            attempt += 1

    def _is_worth_another(
        self, question: _Question, attempt: int, error: ProviderError, pause: float
    ) -> bool:
        left = question.until - self._patience.clock()
        return (
            attempt <= self._config.retry_times
            and error.fault in RETRIED
            # To sleep until the time is over helps nobody.
            and pause + SHORTEST_ATTEMPT_SECONDS <= left
            and not self._breaker(question.model).is_open
        )

    async def _ask_once(self, question: _Question) -> Reply:
        model, expenses = question.model, question.inquiry.expenses
        forced = self._dialect.body(question.prompt, model, forced=True)
        if self._is_forced(forced, model):
            made = len(expenses)
            try:
                return await self._request(forced, question)
            except (ProviderError, TimeoutError) as error:
                # Nothing came of it: asked freely then, it is not on the tape.
                is_missing = len(expenses) == made and self._is_recorded(forced)
                is_refused = isinstance(error, ProviderError) and refuses_forced_call(error)
                if not (is_missing or is_refused):
                    raise
            # Some servers refuse a forced call: ask freely from now on, a missing call is caught.
            self._unforced.add(model)
        free = self._dialect.body(question.prompt, model, forced=False)
        return await self._request(free, question)

    def _is_forced(self, body: Mapping[str, Any], model: str) -> bool:
        if not self._target.provider.of(model).forced_call:
            return False
        # On a tape whatever was forced then is: others may have found out at the same time.
        return model not in self._unforced or self._is_recorded(body)

    async def _request(self, body: Mapping[str, Any], question: _Question) -> Reply:
        if self._is_recorded(body):
            return await self._carrier.carry(body, question.inquiry)
        breaker, until = self._breaker(question.model), question.until
        pacer = self._patience.pacer
        estimate = self._most_tokens(body)
        while True:
            async with breaker.passing(until), pacer.turn(estimate, until) as turn:
                # Another one was told to wait, while this one waited for its turn.
                if breaker.is_resting:
                    pacer.give_back(turn)
                    continue
                with breaker.watching(until):
                    reply = await self._carrier.carry(body, question.inquiry)
                _correct(turn, reply)
                return reply

    def _most_tokens(self, body: Mapping[str, Any]) -> int:
        # To count them all of it is read, for nothing where no server's limit is known.
        if not self._config.tokens_per_minute:
            return 0
        return estimated_tokens(body) + self._config.max_tokens

    def _breaker(self, model: str) -> Breaker:
        if model not in self._breakers:
            host = urlsplit(self._target.api_base).hostname
            self._breakers[model] = self._patience.breaker(f"Model {model} at {host}")
        return self._breakers[model]


def pause_seconds(attempt: int, retry_after_seconds: float | None) -> float:
    """Return how long to wait before the next attempt: what the server asks, else growing.

    A quarter of jitter keeps many pairs from coming back at the same instant; it never brings one
    back sooner than the server asked.
    """
    jitter = random.uniform(0.75, 1.0)  # noqa: S311 - not cryptography
    if retry_after_seconds is not None:
        return retry_after_seconds * (2.0 - jitter)
    return min(FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1), LONGEST_PAUSE_SECONDS) * jitter


def _correct(turn: Turn, reply: Reply) -> None:
    """Count what a request really took, where the server says so."""
    usage = reply.usage
    if usage.prompt_tokens is not None and usage.completion_tokens is not None:
        turn.tokens = usage.prompt_tokens + usage.completion_tokens

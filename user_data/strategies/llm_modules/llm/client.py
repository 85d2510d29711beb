"""The model behind an OpenAI-compatible endpoint: one question, one reply or a typed error."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import openai
from pydantic import SecretStr

from llm_modules.config import LLMConfig
from llm_modules.domain import Prompt, Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.failures import (
    blanked_reply,
    provider_error,
    refuses_forced_tool_choice,
)
from llm_modules.llm.recorder import Recorder
from llm_modules.llm.tape import Tape
from llm_modules.llm.transport import http_client
from llm_modules.llm.wire import endpoint_root, read_completion, request_body

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
# The other faults come back the same however often one asks.
RETRIED = frozenset({"timeout", "connection", "rate_limited", "server_error", "bad_response"})


class LLMClient(Protocol):
    """Anything that answers a prompt; raises ProviderError when it cannot."""

    async def ask(
        self, prompt: Prompt, *, model: str | None = None, asked: list[str] | None = None
    ) -> Reply:
        """Return the reply to one prompt; `model` asks another one than the configured.

        Every request's id on the tape is added to `asked` as soon as it is there, so that a
        caller who stops waiting has it too.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@dataclass(frozen=True, slots=True)
class _Question:
    """A prompt on its way to an answer; `asked` grows with every request that is taped."""

    prompt: Prompt
    model: str | None
    asked: list[str]
    started: float


class OpenAICompatibleClient:
    """Asks one model through the official SDK; belongs to the event loop it is first used on.

    `timeout` bounds the whole question, retries and pauses included. Retries are ours: the SDK's
    own know no deadline. With a tape every request is recorded, with what came back.
    """

    def __init__(self, config: LLMConfig, key: SecretStr, tape: Tape | None = None) -> None:
        self._config = config
        self._key = key
        # Forced, because an answer without a call costs another request.
        self._tool_choice = "required"
        self._sdk = openai.AsyncOpenAI(
            api_key=key.get_secret_value(),
            base_url=endpoint_root(config.api_base),
            max_retries=0,
            http_client=http_client(config.timeout),
        )
        self._recorder = Recorder(tape, key, config.api_base)

    async def ask(
        self, prompt: Prompt, *, model: str | None = None, asked: list[str] | None = None
    ) -> Reply:
        """Return the model's reply; raises ProviderError after the last attempt or the deadline."""
        question = _Question(prompt, model, [] if asked is None else asked, time.monotonic())
        try:
            async with asyncio.timeout(self._config.timeout):
                return await self._ask_until_answered(question)
        except TimeoutError:
            limit = self._config.timeout
            raise ProviderError("timeout", f"no complete answer within {limit:g} s") from None

    async def close(self) -> None:
        """Close the connections to the endpoint, and the tape."""
        self._recorder.close()
        await self._sdk.close()

    async def _ask_until_answered(self, question: _Question) -> Reply:
        attempt = 1
        while True:
            try:
                return await self._ask_once(question, attempt)
            except ProviderError as error:
                error.attempts = attempt
                if attempt > self._config.retry_times or error.fault not in RETRIED:
                    raise
                await asyncio.sleep(pause_seconds(attempt, error.retry_after_seconds))
            attempt += 1

    async def _ask_once(self, question: _Question, attempt: int) -> Reply:
        tool_choice = self._tool_choice
        body = request_body(question.prompt, self._config, tool_choice, question.model)
        try:
            return await self._send(body, question, attempt)
        except openai.BadRequestError as error:
            if tool_choice == "auto" or not refuses_forced_tool_choice(error):
                raise provider_error(error, self._key) from None
        except (openai.OpenAIError, ValueError, RecursionError) as error:
            raise provider_error(error, self._key) from None
        # Some servers refuse a forced tool call: ask freely from now on, a missing call is caught.
        self._tool_choice = "auto"
        return await self._ask_once(question, attempt)

    async def _send(self, body: Mapping[str, Any], question: _Question, attempt: int) -> Reply:
        with self._recorder.taping(body, question.asked) as sent:
            response = await self._sdk.chat.completions.with_raw_response.create(**body)
            # Before it is parsed: what cannot be read is evidence as well.
            sent.answered(response.content)
            latency_seconds = time.monotonic() - question.started
            reply = read_completion(response.parse(), latency_seconds, attempt)
            # What a server echoes would stand in the journal, and in the next prompt.
            return blanked_reply(reply, self._key)


def pause_seconds(attempt: int, retry_after_seconds: float | None) -> float:
    """Return how long to wait before the next attempt: what the server asks, else growing.

    The deadline around the call cuts any pause short. A quarter of jitter keeps many pairs from
    coming back at the same instant.
    """
    if retry_after_seconds is not None:
        return max(0.0, retry_after_seconds)
    pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
    return pause * random.uniform(0.75, 1.0)  # noqa: S311 - jitter, not cryptography

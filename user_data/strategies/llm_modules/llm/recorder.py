"""Puts what goes to the model and what comes back on the tape; no secret gets there."""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from llm_modules.dialogue import Expense, Inquiry, Usage
from llm_modules.errors import JournalError, ProviderError
from llm_modules.llm.chat import endpoint_root
from llm_modules.llm.failures import blanked, told
from llm_modules.llm.meter import Meter
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.tape import Tape
from llm_modules.weights import tokens, weight

ABANDONED = "abandoned: nothing had come back when the time was over"
HASH_CHARACTERS = 16
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Sent:
    """One request on its way; without an answer it counts as abandoned."""

    raw: bytes = b""
    error: str | None = ABANDONED
    usage: Usage = field(default_factory=Usage)

    def answered(self, raw: bytes) -> None:
        """Note the body that came back."""
        self.raw, self.error = raw, None


class Recorder:
    """Records every attempt; a tape that cannot be written costs nothing but the evidence.

    Belongs to the thread that asks. It is said once when the tape fails, and once when it works
    again.
    """

    def __init__(self, tape: Tape | None, meter: Meter, target: Target) -> None:
        self._tape = tape
        self._meter = meter
        self._target = target
        self._provider = provider_hash(target.api_base)
        self._is_failing = False

    @contextmanager
    def taping(self, body: Mapping[str, Any], inquiry: Inquiry) -> Iterator[Sent]:
        """Record and charge what is sent and what comes of it; it is added to the inquiry."""
        # Two clocks: one names the moment, the other cannot be set back.
        sent_at, started = datetime.now(UTC), time.monotonic()
        sent = Sent()
        try:
            yield sent
        # What is not caught here, being cancelled above all, stays "abandoned".
        except ProviderError as error:
            sent.error = told(error)
            raise
        finally:
            seconds = round(time.monotonic() - started, 4)
            tape_id = self._recorded(body, sent, sent_at, seconds)
            expense = Expense(
                at=sent_at,
                provider=self._target.provider.name,
                model=str(body.get("model", "")),
                seconds=seconds,
                usage=sent.usage,
                fault=sent.error,
                tape_id=tape_id,
            )
            charged = self._meter.charge(inquiry, expense, _estimated_tokens(body))
            inquiry.expenses.append(charged)

    def close(self) -> None:
        """Let go of the tape."""
        if self._tape is not None:
            self._tape.close()

    def _recorded(
        self, body: Mapping[str, Any], sent: Sent, sent_at: datetime, seconds: float
    ) -> str | None:
        if self._tape is None:
            return None
        try:
            tape_id = self._tape.record(
                # With the provider: the same prompt to two servers is two requests.
                self._blanked({"provider": self._provider, **body}),
                self._answer(sent.raw),
                error=sent.error,
                at=sent_at,
                latency_seconds=seconds,
            )
        # ValueError: a key that looks like part of an escape took the JSON apart.
        except (JournalError, ValueError) as error:
            if not self._is_failing:
                logger.warning("Decisions go on without their prompts on the tape: %s", error)
            self._is_failing = True
            return None
        if self._is_failing:
            logger.warning("The tape is written again")
        self._is_failing = False
        return tape_id

    def _answer(self, raw: bytes) -> Mapping[str, Any] | None:
        """Return the body as the JSON object it is, None when it is none."""
        try:
            answer = json.loads(raw)
            return self._blanked(answer) if isinstance(answer, dict) else None
        except (ValueError, RecursionError):
            return None

    def _blanked(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        text = json.dumps(value, ensure_ascii=False)
        cleaned = blanked(text, self._target.key)
        return value if cleaned == text else dict(json.loads(cleaned))


def _estimated_tokens(body: Mapping[str, Any]) -> int:
    """Judge a request's length: servers do not always tell what they counted."""
    return tokens(weight(json.dumps(body, ensure_ascii=False)))


def provider_hash(api_base: str) -> str:
    """Name an endpoint without telling its address, let alone what credentials stand in it.

    Servers of this machine count as one: the sandbox's has another port with each start.
    """
    address = urlsplit(endpoint_root(api_base))
    host = address.netloc.rpartition("@")[2].lower()
    if address.hostname in LOOPBACK:
        host = "loopback"
    name = f"{address.scheme}://{host}{address.path}"
    return hashlib.sha256(name.encode()).hexdigest()[:HASH_CHARACTERS]

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
from llm_modules.llm.attempts import request_hash_of
from llm_modules.llm.chat import endpoint_root
from llm_modules.llm.failures import told
from llm_modules.llm.kept import KeptByIdentity
from llm_modules.llm.meter import Meter
from llm_modules.llm.naming import Name, Naming, Written
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.redaction import Redaction
from llm_modules.llm.tape import Tape
from llm_modules.weights import tokens, weight

ABANDONED = "abandoned: nothing had come back when the time was over"
HASH_CHARACTERS = 16
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

logger = logging.getLogger(__name__)


class TapeForm:
    """What is asked of one server and what it answers, as they stand on a tape.

    A request is not changed any more once it is asked about.
    """

    def __init__(self, target: Target) -> None:
        # With the provider: the same prompt to two servers is two requests.
        self._provider = provider_hash(target.api_base)
        self._redaction = Redaction(target.key)
        self._naming = Naming(self._provider)
        self._requests = KeptByIdentity[_Request]()

    def request(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a request as it is recorded: named by its server, without any secret."""
        return self._cleaned(body).recorded

    def recorded_hash(self, body: Mapping[str, Any]) -> str:
        """Return the hash by which a tape knows a request without its secrets."""
        request = self._cleaned(body)
        if request.had_secret:
            return request_hash_of(request.recorded)
        return self.name(body).request_hash

    def written(self, body: Mapping[str, Any]) -> Written | None:
        """Return what a tape stores of a request, None where a secret has to be taken out of it."""
        return None if self._cleaned(body).had_secret else self._naming.written(body)

    def name(self, body: Mapping[str, Any]) -> Name:
        """Return what a tape calls a request in which there is no secret, and its length."""
        return self._naming.name(body)

    def answer(self, raw: bytes) -> object:
        """Return an answer's body as a tape gives it back, without any secret, its fields sorted.

        What reads the answer sees the same whether it is new or from the tape. Raises
        ProviderError when it is no JSON.
        """
        try:
            cleaned = self._redaction.value(json.loads(raw))
            return json.loads(json.dumps(cleaned, sort_keys=True))
        except (ValueError, RecursionError):
            raise ProviderError("bad_response", "the answer is not JSON") from None

    def error(self, error: ProviderError) -> str:
        """Return what is recorded of a failure."""
        return self._redaction.text(told(error))

    def _cleaned(self, body: Mapping[str, Any]) -> "_Request":
        # It is looked for on the tape, twice, and then recorded.
        return self._requests.of((body,), lambda: self._searched(body))

    def _searched(self, body: Mapping[str, Any]) -> "_Request":
        sent = {"provider": self._provider, **body}
        recorded = self._redaction.value(sent)
        return _Request(recorded, had_secret=recorded is not sent)


@dataclass(frozen=True, slots=True)
class _Request:
    """A request as it is recorded, and whether something had to be taken out of it."""

    recorded: Mapping[str, Any]
    had_secret: bool


@dataclass(slots=True)
class Sent:
    """One request on its way; without an answer it counts as abandoned."""

    form: TapeForm
    answer: Mapping[str, Any] | None = None
    error: str | None = ABANDONED
    usage: Usage = field(default_factory=Usage)

    def answered(self, raw: bytes) -> object:
        """Note the body that came back, and return it as a replay would find it.

        Raises ProviderError when it is no JSON.
        """
        answer = self.form.answer(raw)
        self.answer, self.error = (answer if isinstance(answer, dict) else None), None
        return answer


class Recorder:
    """Records every attempt; a tape that cannot be written costs nothing but the evidence.

    Belongs to the thread that asks. It is said once when the tape fails, and once when it works
    again.
    """

    def __init__(
        self, tape: Tape | None, meter: Meter, target: Target, form: TapeForm | None = None
    ) -> None:
        self._tape = tape
        self._meter = meter
        self._provider = target.provider.name
        self._form = form or TapeForm(target)
        self._is_failing = False

    @contextmanager
    def taping(self, body: Mapping[str, Any], inquiry: Inquiry) -> Iterator[Sent]:
        """Record and charge what is sent and what comes of it; it is added to the inquiry.

        Entering raises ProviderError("over_budget") where the meter lets nothing more pass.
        """
        model, estimate = str(body.get("model", "")), self._form.name(body).estimated_tokens
        sent = Sent(self._form)
        with self._meter.reserving(self._provider, model, estimate):
            # Two clocks: one names the moment, the other cannot be set back.
            sent_at, started = datetime.now(UTC), time.monotonic()
            try:
                yield sent
            # What is not caught here, being cancelled above all, stays "abandoned".
            except ProviderError as error:
                sent.error = self._form.error(error)
                raise
            finally:
                seconds = round(time.monotonic() - started, 4)
                expense = Expense(
                    at=sent_at,
                    provider=self._provider,
                    model=model,
                    seconds=seconds,
                    usage=sent.usage,
                    fault=sent.error,
                    tape_id=self._recorded(body, sent, sent_at, seconds),
                )
                inquiry.expenses.append(self._meter.charge(inquiry, expense, estimate))

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
                self._form.request(body),
                sent.answer,
                error=sent.error,
                at=sent_at,
                latency_seconds=seconds,
                written=self._form.written(body),
            )
        except JournalError as error:
            if not self._is_failing:
                logger.warning("Decisions go on without their prompts on the tape: %s", error)
            self._is_failing = True
            return None
        if self._is_failing:
            logger.warning("The tape is written again")
        self._is_failing = False
        return tape_id


def estimated_tokens(body: Mapping[str, Any]) -> int:
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

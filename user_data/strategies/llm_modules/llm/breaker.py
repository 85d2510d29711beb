"""A breaker lets a model be that keeps failing, or asks for it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from llm_modules.errors import ProviderError, ProviderFault
from llm_modules.llm.pacing import Clock, Sleep

# What tells that a server is out of order, whatever it was asked.
SERVER_FAULTS: frozenset[ProviderFault] = frozenset(
    {
        "timeout",
        "connection",
        "unauthorised",
        "server_error",
        "bad_response",
        "redirected",
        "too_large",
    }
)
# A limit is to be waited for, and without a request nothing was learnt: they count neither way.
UNTOLD_FAULTS: frozenset[ProviderFault] = frozenset({"rate_limited", "over_budget", "not_on_tape"})
# The deadline of a whole decision was set a moment before that of its first question.
SLACK_SECONDS = 0.25
# A server may ask for a day, and its owner may have paid in the meantime.
LONGEST_REST_SECONDS = 3600.0

logger = logging.getLogger(__name__)


class Breaker:
    """Opens after so many failures in a row; `failures` may be infinite.

    While it is open no request is made for `seconds`. Then the first one finds out, and those
    that come meanwhile wait for what it finds. A Retry-After that one request is told holds for
    all. Used on one event loop; `name` is for the log.
    """

    def __init__(
        self, name: str, failures: float, seconds: float, clock: Clock, sleep: Sleep
    ) -> None:
        self._name = name
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._failures = 0
        self._rest_until = clock()
        self._open_until: float | None = None
        self._probe: asyncio.Event | None = None

    @property
    def is_open(self) -> bool:
        """Whether a request would be refused now."""
        return self._open_until is not None and self._clock() < self._open_until

    @property
    def is_resting(self) -> bool:
        """Whether the server asked to be let alone at this time."""
        return self._clock() < self._rest_until

    @asynccontextmanager
    async def passing(self, until: float) -> AsyncIterator[None]:
        """Let one request pass, the only one where it is to find out.

        Raises ProviderError("unavailable") while the model is let be, and when it asked to be let
        alone for longer than `until`, a moment of the clock.
        """
        # While one waits for the one thing the other may begin.
        while self.is_resting or self._probe is not None:
            await self._rest(until)
            if self._probe is not None:
                await self._probe.wait()
        self._refuse_while_open()
        if self._open_until is None:
            yield
            return
        probe = self._probe = asyncio.Event()
        try:
            yield
        finally:
            self._probe = None
            probe.set()

    @contextmanager
    def watching(self, until: float) -> Iterator[None]:
        """Note how a request ends, which nobody waits for after `until`.

        Raises as `passing` does: much may happen while one waits for a turn.
        """
        self._refuse_while_open()
        try:
            yield
        except ProviderError as error:
            self._note(error.fault)
            self._heed(min(error.retry_after_seconds or 0.0, LONGEST_REST_SECONDS))
            raise
        except asyncio.CancelledError:
            # So ends a server that hangs. Cut off before its time, it is not to blame.
            if self._clock() >= until - SLACK_SECONDS:
                self._note("timeout")
            raise
        self._close()

    def _heed(self, seconds: float) -> None:
        now = self._clock()
        # Such a silence would otherwise stand in the records alone.
        if seconds > self._seconds and self._rest_until <= now:
            logger.warning("%s asks to be let alone for %.0f s", self._name, seconds)
        self._rest_until = max(self._rest_until, now + seconds)

    async def _rest(self, until: float) -> None:
        if not self.is_resting:
            return
        rest = self._rest_until - self._clock()
        if self._rest_until > until:
            raise ProviderError(
                "unavailable", f"{self._name} asked to be let alone for {rest:.0f} s more"
            )
        await self._sleep(rest)

    def _refuse_while_open(self) -> None:
        if self._open_until is not None and self.is_open:
            left = self._open_until - self._clock()
            raise ProviderError(
                "unavailable", f"{self._name} keeps failing and is let be for {left:.0f} s more"
            )

    def _note(self, fault: ProviderFault) -> None:
        if fault in UNTOLD_FAULTS:
            return
        if fault not in SERVER_FAULTS:
            self._close()
            return
        self._failures += 1
        # What was under way when it opened says nothing new.
        if self._failures < self._limit or self.is_open:
            return
        if self._open_until is None:
            logger.warning(
                "%s failed %d times in a row, at last with %s: it is asked again every %g s",
                self._name,
                self._failures,
                fault,
                self._seconds,
            )
        self._open_until = self._clock() + self._seconds

    def _close(self) -> None:
        if self._open_until is not None:
            logger.warning("%s answers again", self._name)
        self._failures, self._open_until = 0, None

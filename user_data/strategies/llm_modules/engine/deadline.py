"""How long an answer is waited for; one that is played back from a tape cannot be late."""

import asyncio
import math
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from llm_modules.config import LLMConfig


@dataclass(frozen=True, slots=True)
class Deadline:
    """So many seconds for one question, all attempts included.

    What is only played back is in time however long that takes: a program that is stopped for an
    hour and goes on, or a slow disk, must not turn an answer into a fault.
    """

    seconds: float
    is_played: bool = False

    def until(self) -> float:
        """Return the moment of time.monotonic() at which it is over, infinity: never."""
        return math.inf if self.is_played else time.monotonic() + self.seconds

    @property
    def fault(self) -> str:
        """What is said when it was over, live and from a tape; not what was left of it."""
        return f"timeout: no usable answer within {self.seconds:g} s"


def deadline_of(config: LLMConfig) -> Deadline:
    """Return the deadline that the settings give to every question."""
    return Deadline(config.timeout, is_played=config.is_played)


def within(until: float) -> AbstractAsyncContextManager[object]:
    """Return a context that raises TimeoutError at a moment of time.monotonic(), if it comes."""
    return nullcontext() if math.isinf(until) else asyncio.timeout(until - time.monotonic())

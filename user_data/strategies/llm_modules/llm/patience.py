"""How much is borne with a server: pauses, a pacer, and how often it may fail."""

import asyncio
import time
from dataclasses import dataclass

from llm_modules.config import LLMConfig
from llm_modules.llm.breaker import Breaker
from llm_modules.llm.pacing import Clock, Pace, Pacer, Sleep


@dataclass(frozen=True, slots=True)
class Patience:
    """What endpoints of one server share; `pause` waits before another attempt."""

    pacer: Pacer
    breaker_failures: float
    breaker_seconds: float
    pause: Sleep = asyncio.sleep
    clock: Clock = time.monotonic

    def breaker(self, name: str) -> Breaker:
        """Return a new breaker for a model."""
        return Breaker(name, self.breaker_failures, self.breaker_seconds, self.clock, self.pause)


def live_patience(
    config: LLMConfig, pause: Sleep = asyncio.sleep, clock: Clock = time.monotonic
) -> Patience:
    """Return the patience with a server that the configuration asks for."""
    pace = Pace(config.max_concurrent, config.requests_per_minute, config.tokens_per_minute)
    pacer = Pacer(pace, clock, pause)
    return Patience(pacer, config.breaker_failures, config.breaker_seconds, pause, clock)

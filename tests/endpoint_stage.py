"""An endpoint with a carrier that fails as a test wants, on a clock that a test sets."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from builders import NOON, PAIR, a_prompt
from fakes import answering
from llm_modules.dialogue import Expense, Inquiry, Prompt, Reply, Usage
from llm_modules.errors import ProviderError, ProviderFault
from llm_modules.llm.endpoint import Endpoint
from llm_modules.llm.patience import Patience, live_patience
from models import a_target, llm_config

REPLY = replace(answering("signal_wait"), model="test-model-0126")
URL = "http://127.0.0.1:9/v1"
Outcome = Reply | Exception


class Fakes:
    """A carrier and a dialect; what is sent is kept, and time passes only in pauses."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[Mapping[str, Any]] = []
        self.pauses: list[float] = []
        self.now = 0.0
        self.closed = False

    def body(self, prompt: Prompt, model: str, *, forced: bool) -> dict[str, Any]:
        return {"model": model, "forced": forced}

    async def send(self, body: Mapping[str, Any]) -> bytes:
        raise NotImplementedError

    def read(self, answer: object) -> Reply:
        raise NotImplementedError

    async def carry(self, body: Mapping[str, Any], inquiry: Inquiry) -> Reply:
        self.sent.append(body)
        outcome = self.outcomes[min(len(self.sent), len(self.outcomes)) - 1]
        inquiry.expenses.append(Expense(NOON, "fake", str(body["model"]), 0.1, Usage()))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self) -> None:
        self.closed = True

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Stage:
    def __init__(
        self,
        *outcomes: Outcome,
        patience: Patience | None = None,
        is_recorded: bool = False,
        **changes: Any,
    ) -> None:
        self.fakes = fakes = Fakes(outcomes)
        config = llm_config(URL, **({"retry_times": 2} | changes))
        held = patience or live_patience(config, fakes.pause, lambda: fakes.now)
        self.endpoint = Endpoint(
            a_target(URL), config, fakes, fakes, held, lambda _body: is_recorded
        )

    def ask(self, *, seconds: float = 60.0, model: str | None = None) -> Reply:
        inquiry = Inquiry(PAIR)
        return asyncio.run(self.endpoint.ask(a_prompt(), inquiry, seconds=seconds, model=model))

    def fault(self, *, seconds: float = 60.0, model: str | None = None) -> str:
        with pytest.raises(ProviderError) as caught:
            self.ask(seconds=seconds, model=model)
        return caught.value.fault


def failure(fault: ProviderFault, retry_after: float | None = None) -> ProviderError:
    return ProviderError(fault, "as it is", retry_after_seconds=retry_after)

"""Fakes of our own protocols: a model that answers from a list."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from builders import ARGUMENTS, NOON, a_reply, a_request
from llm_modules.dialogue import Expense, Inquiry, Prompt, Reply, Usage


def answering(tool: str, **changes: Any) -> Reply:
    """A reply that calls a tool with its usual arguments, some of them changed."""
    return a_reply(a_request(tool, json.dumps(ARGUMENTS[tool] | changes)))


class ScriptedClient:
    """Answers prompts in turn; an exception in the script is raised, the last entry repeats."""

    def __init__(self, script: Sequence[Reply | Exception], *, delay_seconds: float = 0) -> None:
        self._script = list(script)
        self._delay_seconds = delay_seconds
        self.prompts: list[Prompt] = []
        self.models: list[str | None] = []
        self.closed = False

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        self.prompts.append(prompt)
        self.models.append(model)
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        answer = self._script[min(len(self.prompts), len(self._script)) - 1]
        if inquiry is not None:
            inquiry.expenses.append(self._expense(answer, model))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _expense(self, answer: Reply | Exception, model: str | None) -> Expense:
        named = model or "test-model"
        if isinstance(answer, Exception):
            return Expense(NOON, "test", named, 0.1, Usage(), fault=str(answer))
        return Expense(NOON, "test", named, 0.1, answer.usage)

    async def close(self) -> None:
        self.closed = True


class TiringClient(ScriptedClient):
    """Answers its first prompt at once, and each further one in a minute."""

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        if self.prompts:
            self._delay_seconds = 60
        return await super().ask(prompt, inquiry, model=model)

"""Fakes of our own protocols: a model that answers from a list."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from builders import ARGUMENTS, a_reply, a_request
from llm_modules.domain import Prompt, Reply


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
        self, prompt: Prompt, *, model: str | None = None, asked: list[str] | None = None
    ) -> Reply:
        self.prompts.append(prompt)
        self.models.append(model)
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        answer = self._script[min(len(self.prompts), len(self._script)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed = True

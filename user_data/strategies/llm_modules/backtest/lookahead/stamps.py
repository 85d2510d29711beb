"""A scripted model whose every reason says when it was given, so that none can be read earlier."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from llm_modules.backtest.policy_client import PolicyClient
from llm_modules.dialogue import Inquiry, Prompt, Reply, ToolRequest

STAMP = "said%y%m%d%H%M"
_STAMPS = re.compile(r"said(\d{10})")
# Of a prompt that was asked: the question's name, and the prompt.
Told = Callable[[str, Prompt], None]


class StampingClient(PolicyClient):
    """Answers as the policy does, with the present written into each reason."""

    def __init__(self, clock: Callable[[], datetime], told: Told) -> None:
        self._clock = clock
        self._told = told

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        """Return the policy's calls, stamped."""
        self._told(inquiry.decision_id if inquiry else "", prompt)
        reply = await super().ask(prompt, inquiry, model=model)
        requests = tuple(_stamped(request, self._clock()) for request in reply.tool_requests)
        return replace(reply, tool_requests=requests)


def stamps_in(text: str) -> tuple[datetime, ...]:
    """Return when everything that is quoted in a text was said."""
    return tuple(
        datetime.strptime(found, "%y%m%d%H%M").replace(tzinfo=UTC)
        for found in _STAMPS.findall(text)
    )


def _stamped(request: ToolRequest, at: datetime) -> ToolRequest:
    call = json.loads(str(request.arguments))
    return replace(
        request, arguments=json.dumps(call | {"reason": f"{at:{STAMP}} {call['reason']}"})
    )

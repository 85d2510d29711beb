"""A dialect: how a question is put on the wire and an answer read, for one kind of API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import SecretStr

from llm_modules.dialogue import Prompt, Reply
from llm_modules.llm.providers.row import Provider

# Ends what a server shall keep in its context cache: Anthropic's form, which others took over.
CACHE_MARK: Mapping[str, Any] = {"cache_control": {"type": "ephemeral"}}


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one server, with the key that is sent there and nowhere else."""

    provider: Provider
    api_base: str
    model: str
    key: SecretStr


class Dialect(Protocol):
    """Speaks to one server; belongs to the event loop it is first used on."""

    def body(self, prompt: Prompt, model: str, *, forced: bool) -> dict[str, Any]:
        """Build the request of one question; `forced` demands a tool call."""
        ...

    async def send(self, body: Mapping[str, Any]) -> bytes:
        """Send a request and return the answer's body. Raises ProviderError, without secrets."""
        ...

    def read(self, answer: object) -> Reply:
        """Read a reply out of an answer's JSON, trusting nothing. Raises ProviderError."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...

"""What answers a prompt, whoever stands behind it."""

from typing import Protocol

from llm_modules.dialogue import Inquiry, Prompt, Reply


class LLMClient(Protocol):
    """Anything that answers a prompt.

    Raises ProviderError when it cannot, and TimeoutError when the inquiry's `until` is over, or a
    tape has it that nobody waited any longer.
    """

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        """Return the reply to one prompt; `model` asks another one than the configured.

        Every request made for it is added to the inquiry as soon as it is over, so that a caller
        who stops waiting has it too.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...

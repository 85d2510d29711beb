"""What a request costs, and whether one more may be made."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from llm_modules.dialogue import Expense, Inquiry


class Meter(Protocol):
    """Counts what requests take; used on the decision thread."""

    def admit(self) -> None:
        """Let a request pass, or raise ProviderError("over_budget") where nothing is left."""
        ...

    def reserving(
        self, provider: str, model: str, prompt_tokens: int
    ) -> AbstractContextManager[None]:
        """Keep free what a request may take while it is under way.

        `prompt_tokens` are estimated. Entering raises ProviderError("over_budget") when it does
        not fit any more.
        """
        ...

    def charge(self, inquiry: Inquiry, expense: Expense, estimated_tokens: int) -> Expense:
        """Count a request and return it with its cost; it counts at least as estimated.

        `estimated_tokens` are those of the prompt.
        """
        ...

    def priced(self, expense: Expense, estimated_tokens: int = 0) -> Expense:
        """Return a request of the tape with what it cost then; nothing is counted."""
        ...


class NoMeter:
    """Counts nothing and lets everything pass: for tests and for what costs nothing."""

    def admit(self) -> None:
        """Let every request pass."""

    def reserving(
        self,
        provider: str,  # noqa: ARG002
        model: str,  # noqa: ARG002
        prompt_tokens: int,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """Keep nothing free."""
        return nullcontext()

    def charge(self, inquiry: Inquiry, expense: Expense, estimated_tokens: int) -> Expense:  # noqa: ARG002
        """Return the request as it is."""
        return expense

    def priced(self, expense: Expense, estimated_tokens: int = 0) -> Expense:  # noqa: ARG002
        """Return the request as it is."""
        return expense

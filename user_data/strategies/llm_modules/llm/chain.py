"""A chain of models: the next is asked when the one before fails, as long as there is time."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Protocol

from llm_modules.dialogue import Inquiry, Prompt, Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.aftermath import Aftermath
from llm_modules.llm.pacing import Clock


class Link(Protocol):
    """One model of a chain."""

    @property
    def model(self) -> str:
        """The model's name at its server."""
        ...

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry, *, seconds: float, model: str | None = None
    ) -> Reply:
        """Return the model's reply within so many seconds.

        Raises ProviderError, and TimeoutError where a tape has it that nobody waited any longer.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class ModelChain:
    """Asks models in turn, all within `seconds` and the inquiry's own deadline.

    A chain of one asks just that one. Each may take an equal share of the time that is left, so
    that one that hangs leaves time for the others. The `aftermath` of failures is noted on a tape.
    """

    def __init__(
        self,
        links: Sequence[Link],
        seconds: float,
        clock: Clock = time.monotonic,
        aftermath: Aftermath | None = None,
    ) -> None:
        self._links = tuple(links)
        self._seconds = seconds
        self._clock = clock
        self._aftermath = aftermath

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        """Return the first reply.

        Raises the ProviderError of the last model, naming all, and TimeoutError when the inquiry's
        time is over, or was over then where the answers come from a tape.

        A `model` that is named is asked of the first server alone, and none in its stead.
        """
        about = Inquiry() if inquiry is None else inquiry
        with nullcontext() if self._aftermath is None else self._aftermath.asking(about):
            return await self._first_reply(prompt, about, model)

    async def close(self) -> None:
        """Release what each model holds."""
        for link in self._links:
            await link.close()

    async def _first_reply(self, prompt: Prompt, inquiry: Inquiry, model: str | None) -> Reply:
        links = self._links if model is None else self._links[:1]
        until = self._until(inquiry)
        failed: list[tuple[str, ProviderError]] = []
        for number, link in enumerate(links):
            left = until - self._clock()
            if left <= 0:
                break
            share = left / (len(links) - number)
            try:
                return await link.ask(prompt, inquiry, seconds=share, model=model)
            except ProviderError as error:
                # Money is short whoever is asked.
                if error.fault == "over_budget":
                    raise
                failed.append((link.model, error))
            except TimeoutError:
                # Of the last one it was the whole question's time, which whoever asked has to tell.
                if number == len(links) - 1:
                    raise
                failed.append((link.model, ProviderError("timeout", "its share was over")))
        # Told by whoever set it, in the same words live and from a tape. What came back is told as
        # it came, even if the time was over by the time it was written: so it is on the tape.
        is_over = inquiry.until is not None and self._clock() >= inquiry.until
        if is_over and (len(failed) < len(links) or failed[-1][1].fault == "timeout"):
            raise TimeoutError("the time of the question is over")
        raise _all_failed(failed)

    def _until(self, inquiry: Inquiry) -> float:
        own = self._clock() + self._seconds
        return own if inquiry.until is None else min(own, inquiry.until)


def _all_failed(failed: Sequence[tuple[str, ProviderError]]) -> ProviderError:
    """Return the last model's error, with the faults of those before it."""
    *before, (model, last) = failed
    if not before:
        return last
    faults = ", ".join(f"{name} {error.fault}" for name, error in before)
    return ProviderError(last.fault, f"{last} ({model}; before it: {faults})")

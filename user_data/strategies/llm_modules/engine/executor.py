"""FunctionExecutor: asks until one valid tool call is there, or says why there is none."""

from dataclasses import dataclass, field
from typing import Protocol

from llm_modules.dialogue import Expense, Inquiry, Message, Prompt, Reply
from llm_modules.engine.deadline import Deadline, within
from llm_modules.errors import ModelError, ProviderError
from llm_modules.llm.client import LLMClient
from llm_modules.tools.calls import ToolCall
from llm_modules.tools.parse import read_reply

# More would outlast most candles: who fails three times is asked again at the next.
REPAIRS = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one question: a call, or the problems or the fault that prevented it.

    `expenses` are all requests that were made, in order, failed ones and those nobody waited for
    included; `model` is the server's own name of the one that answered last. `escalated_from` is
    what a cheaper model had said before that one was asked.
    """

    call: ToolCall | None
    problems: tuple[str, ...]
    fault: str | None
    model: str
    expenses: tuple[Expense, ...] = ()
    escalated_from: str | None = None


class Executor(Protocol):
    """Whatever turns a prompt into an answer; it never raises for what a model does."""

    async def call(self, prompt: Prompt, inquiry: Inquiry) -> Answer:
        """Ask about the inquiry's pair."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@dataclass(slots=True)
class _Course:
    """What has happened so far on the way to an answer; still there when time runs out."""

    inquiry: Inquiry
    replies: list[Reply] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class FunctionExecutor:
    """Turns a prompt into a validated tool call; it never raises for what a model does.

    An unusable answer goes back to the model with the exact reasons, at most twice. `model` is the
    client's own, unless it is to be asked `by_name`.
    """

    def __init__(
        self,
        client: LLMClient,
        *,
        model: str,
        deadline: Deadline,
        by_name: bool = False,
    ) -> None:
        self._client = client
        self._model = model
        self._asked = model if by_name else None
        self._deadline = deadline

    async def call(self, prompt: Prompt, inquiry: Inquiry, *, until: float | None = None) -> Answer:
        """Ask about the inquiry's pair; one deadline covers every attempt.

        It is the executor's own, or `until`, a moment of time.monotonic(); the inquiry tells it to
        whoever asks the model.
        """
        inquiry.until = self._deadline.until() if until is None else until
        course = _Course(inquiry)
        fault: str | None = None
        call: ToolCall | None = None
        try:
            async with within(inquiry.until):
                call = await self._ask_and_repair(prompt, course)
        except ProviderError as error:
            fault = f"{error.fault}: {error}"
        except TimeoutError:
            fault = self._deadline.fault
        replies = course.replies
        return Answer(
            call=call,
            problems=tuple(course.problems),
            fault=fault,
            # The server's own name for it: an alias may point to another model tomorrow.
            model=replies[-1].model if replies else self._model,
            expenses=tuple(inquiry.expenses),
        )

    async def close(self) -> None:
        """Release the client's connections."""
        await self._client.close()

    async def _ask_and_repair(self, prompt: Prompt, course: _Course) -> ToolCall | None:
        """Note the course of it on the way to a call; None when no attempt gave one."""
        for _ in range(1 + REPAIRS):
            reply = await self._client.ask(prompt, course.inquiry, model=self._asked)
            course.replies.append(reply)
            try:
                return read_reply(reply, course.inquiry.pair, prompt.tools)
            except ModelError as error:
                course.problems += error.problems
                prompt = _with_complaint(prompt, error)
        return None


def _with_complaint(prompt: Prompt, error: ModelError) -> Prompt:
    """Add what was wrong to the last user turn, which every server's chat template accepts."""
    names = ", ".join(tool.name for tool in prompt.tools)
    listed = "\n- ".join(error.problems)
    complaint = (
        f"\n\nYour last answer was not used. Problems:\n- {listed}"
        f"\nCall exactly one of {names} with corrected arguments."
    )
    *earlier, last = prompt.messages
    return Prompt((*earlier, Message(last.role, last.content + complaint)), prompt.tools)

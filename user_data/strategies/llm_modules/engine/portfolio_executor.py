"""PortfolioExecutor: one question about several pairs, asked until each has its one valid call."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from llm_modules.context.portfolio import PortfolioContext
from llm_modules.dialogue import Expense, Inquiry, Message, Prompt, Usage
from llm_modules.engine.deadline import Deadline, within
from llm_modules.engine.executor import REPAIRS, Answer
from llm_modules.errors import ProviderError
from llm_modules.llm.client import LLMClient
from llm_modules.tools.calls import ToolCall
from llm_modules.tools.several import Calls, Offers, read_calls

Answered = Callable[[str, Answer], None]


@dataclass(frozen=True, slots=True)
class Panel:
    """What asking about several pairs at once needs beside the rooms of single decisions.

    `most_pairs` is how many calls fit into one answer.
    """

    context: PortfolioContext
    executor: "PortfolioExecutor"
    most_pairs: int


@dataclass(slots=True)
class _Course:
    """What has happened so far; `waiting` are the pairs without a valid call.

    `problems` and `shares` are of every pair: what was wrong, and its part of what was spent.
    """

    inquiry: Inquiry
    waiting: Offers
    model: str
    billed: int = 0
    problems: dict[str, tuple[str, ...]] = field(default_factory=dict)
    shares: dict[str, tuple[Expense, ...]] = field(default_factory=dict)

    def bill(self) -> None:
        """Divide what was spent since the last time among the pairs that wait."""
        spent = self.inquiry.expenses[self.billed :]
        self.billed += len(spent)
        for pair, share in zip(self.waiting, shared(spent, len(self.waiting)), strict=True):
            self.shares[pair] = (*self.shares.get(pair, ()), *share)

    def answer(self, pair: str, call: ToolCall | None, fault: str | None = None) -> Answer:
        """Return what became of a pair."""
        problems, share = self.problems.get(pair, ()), self.shares.get(pair, ())
        return Answer(call, problems, fault, self.model, share)


class PortfolioExecutor:
    """Turns one prompt into a validated tool call per pair; it never raises for what a model does.

    Calls that are valid are handed on at once; about the other pairs the model is asked again with
    the exact reasons, at most twice.
    """

    def __init__(self, client: LLMClient, *, model: str, deadline: Deadline) -> None:
        self._client = client
        self._model = model
        self._deadline = deadline

    async def call(
        self, prompt: Prompt, inquiry: Inquiry, offers: Offers, answered: Answered
    ) -> None:
        """Hand on the answers as they come, each pair of `offers` once.

        The deadline covers every attempt together. Every answer carries its pair's share of what
        the requests took that it waited for.
        """
        course = _Course(inquiry, offers, self._model)
        fault: str | None = None
        # Whoever asks the model reckons with it too.
        until = inquiry.until = self._deadline.until()
        for _ in range(1 + REPAIRS):
            calls, fault = await self._round(prompt, course, until)
            course.bill()
            course.waiting = {pair: course.waiting[pair] for pair in calls.problems}
            for pair, call in calls.by_pair.items():
                answered(pair, course.answer(pair, call))
            if fault is not None or not course.waiting:
                break
            prompt = _with_complaint(prompt, calls)
        for pair in course.waiting:
            answered(pair, course.answer(pair, None, fault))

    async def _round(
        self, prompt: Prompt, course: _Course, until: float
    ) -> tuple[Calls, str | None]:
        """Ask once; returns what was called, and why there was no reply."""
        nothing = Calls(problems=dict.fromkeys(course.waiting, ()))
        try:
            async with within(until):
                reply = await self._client.ask(prompt, course.inquiry)
        except ProviderError as error:
            return nothing, f"{error.fault}: {error}"
        except TimeoutError:
            return nothing, self._deadline.fault
        course.model = reply.model
        calls = read_calls(reply, course.waiting)
        for pair in course.waiting:
            told = (*calls.problems.get(pair, ()), *calls.strays)
            course.problems[pair] = course.problems.get(pair, ()) + told
        return calls, None


def _with_complaint(prompt: Prompt, calls: Calls) -> Prompt:
    """Say what was wrong, and which pairs are still to be decided."""
    lines = [f"{pair}: {text}" for pair, texts in calls.problems.items() for text in texts]
    listed = "\n- ".join((*lines, *calls.strays))
    complaint = (
        f"\n\nNot all of your last answer was used. Problems:\n- {listed}"
        f"\nCall exactly one tool for each of {', '.join(calls.problems)}, and none for others."
    )
    *earlier, last = prompt.messages
    return replace(prompt, messages=(*earlier, Message(last.role, last.content + complaint)))


def shared(expenses: Sequence[Expense], count: int) -> Iterable[tuple[Expense, ...]]:
    """Divide what requests took into so many shares that add up to all of it; time is not split."""
    return [tuple(_share(expense, place, count) for expense in expenses) for place in range(count)]


def _share(expense: Expense, place: int, count: int) -> Expense:
    usage = expense.usage
    names: Mapping[str, int | None] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }
    tokens = {name: _part(total, place, count) for name, total in names.items()}
    cost = None if expense.cost is None else expense.cost / count
    return replace(expense, usage=Usage(**tokens), cost=cost)


def _part(total: int | None, place: int, count: int) -> int | None:
    """Return a part of a whole number; the first ones take what does not divide."""
    if total is None:
        return None
    part, rest = divmod(total, count)
    return part + (place < rest)

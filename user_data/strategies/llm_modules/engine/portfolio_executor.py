"""PortfolioExecutor: one question about several pairs, asked until each has its one valid call."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from llm_modules.context.portfolio import PortfolioContext
from llm_modules.dialogue import Expense, Inquiry, Message, Prompt, Usage
from llm_modules.engine.executor import REPAIRS, Answer
from llm_modules.errors import ProviderError
from llm_modules.llm.client import LLMClient
from llm_modules.tools.calls import ToolCall
from llm_modules.tools.several import Calls, Offers, read_calls


@dataclass(frozen=True, slots=True)
class Panel:
    """What asking about several pairs at once needs beside the rooms of single decisions."""

    context: PortfolioContext
    executor: "PortfolioExecutor"


@dataclass(slots=True)
class _Course:
    """What has happened so far; `waiting` are the pairs without a valid call."""

    inquiry: Inquiry
    waiting: dict[str, tuple[object, ...]]
    model: str
    calls: dict[str, ToolCall] = field(default_factory=dict)
    problems: dict[str, tuple[str, ...]] = field(default_factory=dict)


class PortfolioExecutor:
    """Turns one prompt into a validated tool call per pair; it never raises for what a model does.

    Calls that are valid are kept; about the other pairs the model is asked again with the exact
    reasons, at most twice.
    """

    def __init__(self, client: LLMClient, *, model: str, deadline_seconds: float) -> None:
        self._client = client
        self._model = model
        self._deadline_seconds = deadline_seconds

    async def call(self, prompt: Prompt, inquiry: Inquiry, offers: Offers) -> dict[str, Answer]:
        """Ask about the pairs of `offers`; the deadline covers every attempt together.

        Every answer carries its pair's share of what the requests took.
        """
        course = _Course(inquiry, dict(offers), self._model)
        fault: str | None = None
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await self._ask_and_repair(prompt, course, offers)
        except ProviderError as error:
            fault = f"{error.fault}: {error}"
        except TimeoutError:
            fault = f"timeout: no usable answer within {self._deadline_seconds:g} s"
        shares = shared(inquiry.expenses, len(offers))
        return {
            pair: Answer(
                call=course.calls.get(pair),
                problems=course.problems.get(pair, ()),
                fault=None if pair in course.calls else fault,
                model=course.model,
                expenses=share,
            )
            for pair, share in zip(offers, shares, strict=True)
        }

    async def _ask_and_repair(self, prompt: Prompt, course: _Course, offers: Offers) -> None:
        for _ in range(1 + REPAIRS):
            reply = await self._client.ask(prompt, course.inquiry)
            course.model = reply.model
            calls = read_calls(reply, {pair: offers[pair] for pair in course.waiting})
            course.calls |= calls.by_pair
            for pair, problems in calls.problems.items():
                course.problems[pair] = course.problems.get(pair, ()) + problems + calls.strays
            course.waiting = {pair: offers[pair] for pair in calls.problems}
            if not course.waiting:
                return
            prompt = _with_complaint(prompt, calls)


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


def shared(expenses: Sequence[Expense], count: int) -> tuple[tuple[Expense, ...], ...]:
    """Divide what requests took into so many shares that add up to all of it; time is not split."""
    return tuple(
        tuple(_share(expense, place, count) for expense in expenses) for place in range(count)
    )


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

"""A few real questions to a model, which find out what its server understands.

Documents are silent, wrong or of another version; an answer is not.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from llm_modules.config import LLMConfig
from llm_modules.dialogue import Prompt, Reply
from llm_modules.errors import ModelError, ProviderError
from llm_modules.llm.failures import told
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.findings import Finding
from llm_modules.llm.providers.model_list import context_tokens
from llm_modules.llm.providers.negotiation import Connect, Negotiation, Progress
from llm_modules.llm.recorder import provider_hash

LONGEST_SECONDS = 300.0
NOT_ASKED = "not asked"
# Faults of one question: the next may be answered. After any other it is of no use to go on.
OF_ONE_QUESTION = frozenset({"rejected", "server_error", "bad_response"})


@dataclass(frozen=True, slots=True)
class Trial:
    """A question and its judge, who raises ModelError unless it was answered as it asks."""

    prompt: Prompt
    judge: Callable[[Reply], None]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a model is asked: for words, for a call of each tool, and for several calls at once."""

    words: Prompt
    tools: Mapping[str, Trial]
    several: Trial


async def probe(
    target: Target,
    config: LLMConfig,
    connect: Connect,
    rehearsal: Rehearsal,
    progress: Progress,
    *,
    longest_seconds: float = LONGEST_SECONDS,
) -> Finding:
    """Ask a model a few times and return what was found out; `config` says how long it may take.

    Raises ProviderError when the server does not answer, refuses the plainest question, or has
    not answered everything within `longest_seconds`.
    """
    negotiation = Negotiation(target, connect, config.timeout, progress)
    try:
        async with asyncio.timeout(longest_seconds), negotiation:
            answers = await _rehearsed(negotiation, rehearsal)
            # Anthropic's list has another form.
            has_list = target.provider.dialect == "chat"
            context = await context_tokens(target, config) if has_list else None
    except TimeoutError:
        limit = f"the check was not over after {longest_seconds:g} s"
        raise ProviderError("timeout", limit) from None
    return _finding(target, negotiation, answers, context)


@dataclass(slots=True)
class _Answers:
    """What came of a rehearsal; a problem is empty where there was none."""

    words: Reply
    tools: dict[str, str] = field(default_factory=dict)
    several: str = NOT_ASKED


async def _rehearsed(negotiation: Negotiation, rehearsal: Rehearsal) -> _Answers:
    answers = _Answers(await negotiation.ask(rehearsal.words))
    for tool, trial in rehearsal.tools.items():
        answers.tools[tool] = await _problem(trial, negotiation.ask)
    # Who cannot make one call is not asked for two.
    if "" in answers.tools.values():
        # Once: what this one question is refused for must not change how all others are put.
        answers.several = await _problem(rehearsal.several, negotiation.ask_once)
    return answers


async def _problem(trial: Trial, ask: Callable[[Prompt], Awaitable[Reply]]) -> str:
    """Return what was wrong with the answer to a question, nothing when it was right."""
    try:
        trial.judge(await ask(trial.prompt))
    except ModelError as error:
        return str(error)
    except ProviderError as error:
        if error.fault not in OF_ONE_QUESTION:
            raise
        return told(error)
    return ""


def _finding(
    target: Target, negotiation: Negotiation, answers: _Answers, context: int | None
) -> Finding:
    row, replies, made = negotiation.row, negotiation.replies, negotiation.inquiry.expenses
    seconds = sorted(one.seconds for one in made if one.fault is None)
    return Finding(
        server=provider_hash(target.api_base),
        model=target.model,
        at=datetime.now(UTC),
        forced_call=row.forced_call,
        parallel_switch=row.parallel_switch,
        strict_tools=row.strict_tools,
        several_calls=not answers.several,
        temperature=row.temperature,
        limit_field=row.limit_field,
        answers_text=bool(answers.words.text.strip()),
        tools=answers.tools,
        several_problem=answers.several,
        answered_as=answers.words.model,
        reports_usage=all(map(_is_counted, replies)),
        cached_tokens=max(_known(one.usage.cached_tokens for one in replies), default=None),
        completion_tokens=_mean(_known(one.usage.completion_tokens for one in replies[1:])),
        context_tokens=context,
        p50_seconds=quantile(seconds, 0.5),
        p95_seconds=quantile(seconds, 0.95),
        requests=len(made),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of some values that a share of them does not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _is_counted(reply: Reply) -> bool:
    return reply.usage.prompt_tokens is not None and reply.usage.completion_tokens is not None


def _known(counts: Iterable[int | None]) -> list[int]:
    return [count for count in counts if count is not None]


def _mean(counts: Sequence[int]) -> float | None:
    return sum(counts) / len(counts) if counts else None

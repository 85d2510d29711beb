"""How many tokens a request is charged: what was reported, or else the most it can have been.

A provider bills what its model worked out, also where the answer was lost on the way or nobody
waited for it. So what is not known counts at its worst:

    fault                                                   prompt     answer
    none, and usage reported                                reported   reported
    none, without usage or with an unbelievable one         estimate   longest
    rate_limited, unauthorised, rejected, redirected        estimate   nothing: no model was reached
    timeout, connection, server_error, bad_response,
    too_large, abandoned, and whatever else                 estimate   longest
    unavailable, over_budget, not_on_tape                   nothing: never sent
"""

import math
from dataclasses import dataclass

from llm_modules.dialogue import Usage

UNSENT = frozenset({"unavailable", "over_budget", "not_on_tape"})
UNANSWERED = frozenset({"rate_limited", "unauthorised", "rejected", "redirected"})
# No model reads or writes as many; a count beyond it is a mistake, or meant to stop us.
LARGEST_COUNT = 10_000_000
# Our estimate is up to a third too high, never four times.
LEAST_PART_OF_ESTIMATE = 4
LARGEST_COST = 1000.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a request may take: the prompt as estimated, the answer as long as it is allowed."""

    prompt_tokens: int
    completion_tokens: int


def fault_kind(fault: str | None) -> str | None:
    """Return the stable first word of an expense's fault, None where there is none."""
    return None if fault is None else fault.partition(":")[0]


def charged(usage: Usage, fault: str | None, outlook: Outlook) -> Usage:
    """Return what a request is charged: `usage` where it can be believed, else the outlook."""
    kind = fault_kind(fault)
    if kind in UNSENT:
        return Usage(0, 0, cost=0.0)
    longest = 0 if kind in UNANSWERED else outlook.completion_tokens
    completion, reasoning = _completion(usage, longest)
    cost = usage.cost if _is_cost(usage.cost) else None
    prompt = _count(usage.prompt_tokens, least=1)
    if prompt is None or prompt * LEAST_PART_OF_ESTIMATE < outlook.prompt_tokens:
        # Who does not know the prompt does not know what part of it was cached.
        prompt = outlook.prompt_tokens
        return Usage(prompt, completion, reasoning_tokens=reasoning, cost=cost)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=_part(usage.cached_tokens, prompt),
        cache_write_tokens=_part(usage.cache_write_tokens, prompt),
        reasoning_tokens=reasoning,
        cost=cost,
    )


def _completion(usage: Usage, longest: int) -> tuple[int, int | None]:
    completion = _count(usage.completion_tokens, least=1)
    reasoning = _count(usage.reasoning_tokens)
    if completion is None:
        return max(longest, reasoning or 0), reasoning
    # Some servers count what was thought beside what was said.
    beside = reasoning is not None and reasoning > completion
    return completion + (reasoning or 0) * beside, reasoning


def _count(count: int | None, least: int = 0) -> int | None:
    return count if count is not None and least <= count <= LARGEST_COUNT else None


def _part(count: int | None, whole: int) -> int | None:
    known = _count(count)
    return known if known is not None and known <= whole else None


def _is_cost(cost: float | None) -> bool:
    return cost is not None and math.isfinite(cost) and 0 <= cost <= LARGEST_COST

"""What an answer took, as its server tells it: the same fields from every provider's own."""

from dataclasses import dataclass

from llm_modules.dialogue import Usage

# What is beyond these is no count and no price, but an error or an attack.
MOST_TOKENS = 1_000_000_000
MOST_DOLLARS = 1_000_000.0


@dataclass(frozen=True, slots=True)
class UsageFields:
    """Where the counts stand in an answer's `usage`, nested names joined by dots, "" nowhere.

    `cache_apart`: what was read from or written to the cache is not part of the prompt's count.
    """

    prompt: str = "prompt_tokens"
    completion: str = "completion_tokens"
    cached: str = "prompt_tokens_details.cached_tokens"
    cache_write: str = "prompt_tokens_details.cache_write_tokens"
    reasoning: str = "completion_tokens_details.reasoning_tokens"
    cost: str = ""
    cache_apart: bool = False


OPENAI_USAGE = UsageFields()


def read_usage(usage: object, fields: UsageFields) -> Usage:
    """Read what an answer took; whatever is not a sane number counts as not told.

    Parts larger than their whole are not told either.
    """
    prompt = _tokens(usage, fields.prompt)
    completion = _tokens(usage, fields.completion)
    cached = _tokens(usage, fields.cached)
    written = _tokens(usage, fields.cache_write)
    if fields.cache_apart and prompt is not None:
        prompt += (cached or 0) + (written or 0)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=_part(cached, prompt),
        cache_write_tokens=_part(written, prompt),
        reasoning_tokens=_part(_tokens(usage, fields.reasoning), completion),
        cost=_dollars(usage, fields.cost),
    )


def _tokens(usage: object, path: str) -> int | None:
    found = _found(usage, path)
    # By type: to Python true is a number.
    return found if type(found) is int and 0 <= found <= MOST_TOKENS else None


def _dollars(usage: object, path: str) -> float | None:
    found = _found(usage, path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if 0 <= found <= MOST_DOLLARS else None


def _part(part: int | None, whole: int | None) -> int | None:
    return part if part is not None and whole is not None and part <= whole else None


def _found(usage: object, path: str) -> object:
    found = usage if path else None
    for name in path.split("."):
        # JSON has no other mapping.
        found = found.get(name) if isinstance(found, dict) else None
    return found

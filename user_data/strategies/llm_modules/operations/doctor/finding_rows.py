"""What was found out about a model, capability by capability, for people."""

import math
from collections.abc import Iterator

from llm_modules.config import TraderConfig
from llm_modules.llm.providers.findings import Finding
from llm_modules.operations.doctor.diagnosis import Diagnosis, Health
from llm_modules.operations.viewing.render import printable

# A repeated question must fit into the time of a decision.
ATTEMPTS_IN_TIME = 2


def rows(about: str, finding: Finding, config: TraderConfig) -> Iterator[Diagnosis]:
    """Yield a row per capability, under one heading."""
    yield _answering(about, finding)
    yield from _tools(about, finding)
    yield from _capabilities(about, finding)
    yield _several(about, finding, config)
    yield from _counting(about, finding)
    yield _context(about, finding, config)
    yield _latency(about, finding, config)


def _answering(about: str, finding: Finding) -> Diagnosis:
    named, served = printable(finding.model), printable(finding.answered_as)
    if not finding.answers_text:
        return Diagnosis(
            "warn",
            about,
            "text",
            "an empty answer: thinking took all of max_tokens, or it can only call tools",
            "Raise llm_config.max_tokens; do not name it as lesson_model",
        )
    # Dated versions and folders belong to a name: gpt-x answers as gpt-x-2026-01-31.
    if finding.model.rpartition("/")[2].lower() not in finding.answered_as.lower():
        sentence = f"{named} was asked, {served} answered"
        return Diagnosis("warn", about, "text", sentence, "Is llm_config.model spelled right?")
    return Diagnosis("ok", about, "text", f"answered by {served}")


def _tools(about: str, finding: Finding) -> Iterator[Diagnosis]:
    # A slip is repaired in the bot too; a model without a single call is of no use.
    health: Health = "warn" if "" in finding.tools.values() else "fail"
    advice = "Ask anew with --again; if it stays so, take a model that is good at calling tools"
    for tool, problem in finding.tools.items():
        if problem:
            yield Diagnosis(health, about, tool, f"wrong: {printable(problem)}", advice)
        else:
            yield Diagnosis("ok", about, tool, "called as asked")


def _capabilities(about: str, finding: Finding) -> Iterator[Diagnosis]:
    """Yield what is only told: the bot asks each server as it wants to be asked."""

    def row(subject: str, *, understood: bool, otherwise: str) -> Diagnosis:
        # Refused, or off in the preset's row and not tried.
        sentence = "understood" if understood else f"not used: {otherwise}"
        return Diagnosis("ok", about, subject, sentence)

    yield row(
        "forced call",
        understood=finding.forced_call,
        otherwise="an answer without a call costs another question",
    )
    yield row(
        "one call only",
        understood=finding.parallel_switch,
        otherwise="an answer with several calls costs another question",
    )
    yield row(
        "strict schemas",
        understood=finding.strict_tools,
        otherwise="every call is checked here all the same",
    )
    yield row(
        "temperature",
        understood=finding.temperature,
        otherwise="llm_config.temperature has no effect",
    )
    yield Diagnosis("ok", about, "length of answers", f"limited by {finding.limit_field}")


def _several(about: str, finding: Finding, config: TraderConfig) -> Diagnosis:
    subject = "several calls"
    if finding.several_calls:
        return Diagnosis("ok", about, subject, "given in one answer")
    sentence = f"not in one answer: {printable(finding.several_problem)}"
    if config.llm_config.asking.scope == "portfolio":
        advice = 'Set llm_config.asking.scope to "pair": one question for all pairs needs them'
        return Diagnosis("warn", about, subject, sentence, advice)
    return Diagnosis("ok", about, subject, sentence)


def _counting(about: str, finding: Finding) -> Iterator[Diagnosis]:
    if finding.reports_usage:
        yield Diagnosis("ok", about, "usage", "told with each answer")
    else:
        yield Diagnosis(
            "warn",
            about,
            "usage",
            "not told: budgets count estimates, which are too high rather than too low",
        )
    if finding.cached_tokens is None:
        cached = "the server does not tell"
    elif finding.cached_tokens:
        cached = f"{finding.cached_tokens:,} tokens of a repeated prompt came from it"
    else:
        cached = "nothing of a repeated prompt came from it"
    yield Diagnosis("ok", about, "cache", cached)


def _context(about: str, finding: Finding, config: TraderConfig) -> Diagnosis:
    size, subject = finding.context_tokens, "context"
    if size is None:
        return Diagnosis("ok", about, subject, "the server does not tell its size")
    prompt, answer = config.context_config.max_context_tokens, config.llm_config.max_tokens
    if prompt + answer <= size:
        return Diagnosis("ok", about, subject, f"{size:,} tokens")
    return Diagnosis(
        "warn",
        about,
        subject,
        f"{size:,} tokens, less than a prompt of {prompt:,} and an answer of {answer:,}",
        "Lower context_config.max_context_tokens or llm_config.max_tokens",
    )


def _latency(about: str, finding: Finding, config: TraderConfig) -> Diagnosis:
    sentence = (
        f"p50 {finding.p50_seconds:.2f} s, p95 {finding.p95_seconds:.2f} s "
        f"of {finding.requests} requests"
    )
    needed = finding.p95_seconds * ATTEMPTS_IN_TIME
    if needed <= config.llm_config.timeout:
        return Diagnosis("ok", about, "latency", sentence)
    advice = f"Raise llm_config.timeout to {math.ceil(needed)}, so that a question can be repeated"
    return Diagnosis("warn", about, "latency", sentence, advice)

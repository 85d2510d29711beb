"""What is said of each capability, and when it is worth a warning."""

from typing import Any

import pytest

from builders import settings
from llm_modules.config import TraderConfig, parse_config
from llm_modules.operations.doctor.diagnosis import Diagnosis
from llm_modules.operations.doctor.finding_rows import rows
from probes import CALLED, a_finding


def a_config(**blocks: Any) -> TraderConfig:
    return parse_config(settings(**blocks))


def said(subject: str, config: TraderConfig | None = None, **changes: Any) -> Diagnosis:
    found = rows("model m", a_finding(**changes), config or a_config())
    (one,) = (row for row in found if row.subject == subject)
    assert one.about == "model m"
    return one


def test_a_perfect_server_is_worth_no_warning() -> None:
    found = list(rows("model m", a_finding(), a_config()))
    assert {one.health for one in found} == {"ok"}
    assert [one.subject for one in found] == [
        "text",
        *CALLED,
        "forced call",
        "one call only",
        "strict schemas",
        "temperature",
        "length of answers",
        "several calls",
        "usage",
        "cache",
        "context",
        "latency",
    ]


@pytest.mark.parametrize(
    ("asked", "served", "health"),
    [
        ("test-model", "test-model", "ok"),
        ("gpt-x", "gpt-x-2026-01-31", "ok"),
        ("Org/Model-7B", "model-7b", "ok"),
        ("openai/gpt-x", "gpt-x", "ok"),
        ("gpt-x", "gpt-y", "warn"),
        ("gpt-x-pro", "gpt-x", "warn"),
        ("gpt-x", "", "warn"),
    ],
)
def test_another_model_than_was_asked_is_worth_a_warning(
    asked: str, served: str, health: str
) -> None:
    row = said("text", model=asked, answered_as=served)
    assert row.health == health
    assert served in row.sentence


def test_no_text_is_worth_a_warning() -> None:
    row = said("text", answers_text=False)
    assert row.health == "warn"
    assert "lesson_model" in row.advice


def test_a_slip_is_a_warning_and_no_call_at_all_a_failure() -> None:
    slip = {"signal_wait": "you called no tool", "signal_exit": ""}
    assert said("signal_wait", tools=slip).health == "warn"
    assert said("signal_wait", tools=slip).sentence == "wrong: you called no tool"
    assert said("signal_exit", tools=slip).health == "ok"
    none = dict.fromkeys(slip, "rejected: no tools")
    assert said("signal_exit", tools=none).health == "fail"


@pytest.mark.parametrize(
    ("name", "subject", "words"),
    [
        ("forced_call", "forced call", "costs another question"),
        ("parallel_switch", "one call only", "costs another question"),
        ("strict_tools", "strict schemas", "checked here"),
        ("temperature", "temperature", "has no effect"),
    ],
)
def test_what_is_not_understood_is_told_with_what_follows(
    name: str, subject: str, words: str
) -> None:
    assert said(subject).sentence == "understood"
    row = said(subject, a_config(), **{name: False})
    assert row.health == "ok"
    assert row.sentence.startswith("not used: ")
    assert words in row.sentence


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_limit_of_an_answer_is_named(name: str) -> None:
    assert said("length of answers", limit_field=name).sentence == f"limited by {name}"


@pytest.mark.parametrize(("scope", "health"), [("pair", "ok"), ("portfolio", "warn")])
def test_several_calls_matter_to_who_asks_for_all_pairs_at_once(scope: str, health: str) -> None:
    config = a_config(llm_config={"asking": {"scope": scope}})
    assert said("several calls", config).health == "ok"
    row = said("several calls", config, several_calls=False, several_problem="one came")
    assert (row.health, row.sentence) == (health, "not in one answer: one came")
    assert ("scope" in row.advice) == (scope == "portfolio")


def test_usage_that_is_not_told_is_worth_a_warning() -> None:
    assert said("usage", reports_usage=False).health == "warn"


@pytest.mark.parametrize(
    ("cached", "words"), [(None, "does not tell"), (0, "nothing"), (1, "1 tokens"), (1536, "1,536")]
)
def test_the_cache_is_told(cached: int | None, words: str) -> None:
    assert words in said("cache", cached_tokens=cached).sentence


@pytest.mark.parametrize(
    ("size", "health"), [(None, "ok"), (7999, "warn"), (8000, "ok"), (8001, "ok")]
)
def test_a_context_must_hold_the_longest_prompt_and_answer(size: int | None, health: str) -> None:
    config = a_config(llm_config={"max_tokens": 2000}, context_config={"max_context_tokens": 6000})
    assert said("context", config, context_tokens=size).health == health


@pytest.mark.parametrize(("p95", "health"), [(29.9, "ok"), (30.0, "ok"), (30.1, "warn")])
def test_a_question_and_its_repetition_must_fit_into_the_timeout(p95: float, health: str) -> None:
    config = a_config(llm_config={"timeout": 60})
    row = said("latency", config, p95_seconds=p95)
    assert row.health == health
    assert f"p50 1.25 s, p95 {p95:.2f} s of 8 requests" in row.sentence
    assert ("timeout to 61" in row.advice) == (health == "warn")


def test_foreign_words_cannot_command_the_terminal() -> None:
    evil = "\x1b[2Jboo"
    found = rows(
        "model m",
        a_finding(
            model=evil,
            answered_as=evil * 2,
            tools={"signal_wait": evil},
            several_calls=False,
            several_problem=evil,
        ),
        a_config(),
    )
    assert not any("\x1b" in one.sentence for one in found)

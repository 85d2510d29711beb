"""Findings as a file, and as rules of a provider's row."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON
from llm_modules.llm.providers.findings import OLDEST, Finding, Findings
from llm_modules.llm.providers.row import ModelRule, Provider
from llm_modules.llm.providers.rows import GENERIC, ROWS
from llm_modules.llm.recorder import provider_hash
from models import CANARY, a_target

URL = "https://models.example/v1"
TARGET = a_target(URL)
BARE = {
    "forced_call": False,
    "parallel_switch": False,
    "strict_tools": False,
    "several_calls": False,
    "temperature": False,
    "limit_field": "max_completion_tokens",
}
FULL = dict.fromkeys(BARE, True) | {"limit_field": "max_tokens"}


def a_finding(**changes: Any) -> Finding:
    values: dict[str, Any] = FULL | {
        "server": provider_hash(URL),
        "model": "test-model",
        "at": NOON,
        "answers_text": True,
        "tools": {"signal_wait": "", "signal_exit": "you called no tool"},
        "several_problem": "",
        "answered_as": "test-model",
        "reports_usage": True,
        "cached_tokens": None,
        "completion_tokens": 61.5,
        "context_tokens": None,
        "p50_seconds": 1.25,
        "p95_seconds": 2.5,
        "requests": 8,
    }
    return Finding(**(values | changes))


def at(path: Path, moment: datetime = NOON) -> Findings:
    return Findings(path, lambda: moment)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llm_findings.json"


Store = Callable[[Finding], Findings]


@pytest.fixture
def stored(path: Path) -> Store:
    def store(finding: Finding) -> Findings:
        findings = at(path)
        findings.keep(finding)
        return findings

    return store


def capabilities(provider: Provider, model: str = "test-model") -> dict[str, Any]:
    row = provider.of(model)
    return {name: getattr(row, name) for name in BARE}


# --- as a file ----------------------------------------------------------------------------------


def test_what_was_kept_is_found_again(path: Path) -> None:
    finding = a_finding(cached_tokens=1536, context_tokens=32_768, **BARE)
    at(path).keep(finding)
    assert at(path).of(TARGET) == finding


def test_without_a_file_nothing_is_known(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert at(path).of(TARGET) is None
    assert at(path).applied(TARGET) == TARGET
    assert caplog.text == ""
    assert not path.exists()


@pytest.mark.parametrize(
    ("age", "counts"),
    [
        (timedelta(0), True),
        (OLDEST, True),
        (OLDEST + timedelta(seconds=1), False),
        (timedelta(seconds=-1), False),
    ],
)
def test_what_is_too_old_or_from_the_future_does_not_count(
    path: Path, age: timedelta, counts: bool
) -> None:
    at(path).keep(a_finding())
    findings = at(path, NOON + age)
    assert (findings.of(TARGET) is not None) == counts
    assert (findings.applied(TARGET) != TARGET) == counts


def test_the_clock_is_the_real_one_unless_told(path: Path) -> None:
    findings = Findings(path)
    findings.keep(a_finding(at=datetime.now(UTC)))
    assert findings.of(TARGET) is not None
    findings.keep(a_finding(at=datetime.now(UTC) - OLDEST - timedelta(seconds=1)))
    assert findings.of(TARGET) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(TARGET, model="other-model"),
        replace(TARGET, api_base="https://other.example/v1"),
        replace(TARGET, api_base="https://models.example/v2"),
    ],
)
def test_a_finding_is_of_one_model_at_one_server(stored: Store, other: Any) -> None:
    assert stored(a_finding()).of(other) is None


def test_one_server_spelled_differently_is_one(stored: Store) -> None:
    findings = stored(a_finding())
    assert findings.of(replace(TARGET, api_base="https://models.example/")) is not None


def test_a_newer_finding_takes_the_place_of_the_earlier(path: Path) -> None:
    findings = at(path)
    for requests in (8, 9):
        findings.keep(a_finding(requests=requests))
    findings.keep(a_finding(model="other-model"))
    kept = json.loads(path.read_text())["findings"]
    assert [(one["model"], one["requests"]) for one in kept] == [
        ("test-model", 9),
        ("other-model", 8),
    ]


def test_keeping_lets_the_outdated_go(path: Path) -> None:
    at(path).keep(a_finding())
    later = NOON + OLDEST + timedelta(days=1)
    at(path, later).keep(a_finding(model="other-model", at=later))
    assert [one["model"] for one in json.loads(path.read_text())["findings"]] == ["other-model"]


def test_a_file_is_replaced_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(path).keep(a_finding())
    before = path.read_text()

    def fail(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        at(path).keep(a_finding(requests=9))
    assert path.read_text() == before


def test_there_is_no_secret_in_it(stored: Store, path: Path) -> None:
    stored(a_finding())
    text = path.read_text()
    assert CANARY not in text
    assert "models.example" not in text


DAMAGED = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b'{"version": 2, "findings": []}',
    b'{"version": 1, "findings": {}}',
    b'{"version": 1, "findings": [{}]}',
    b'{"version": 1, "findings": [], "more": 1}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_or_foreign_file_is_as_good_as_none(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(content)
    findings = at(path)
    assert findings.of(TARGET) is None
    assert findings.applied(TARGET) == TARGET
    # Once, however often it is looked into.
    (warning,) = caplog.messages
    assert warning.startswith(f"{path} is not used (it is damaged, or of another version)")
    findings.keep(a_finding())
    assert findings.of(TARGET) == a_finding()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("forced_call", 1),
        ("limit_field", "max_length"),
        ("at", "2026-01-15T12:00:00"),
        ("p50_seconds", -0.1),
        ("p95_seconds", None),
        ("requests", 0),
        ("tools", ["signal_wait"]),
        ("cached_tokens", "many"),
    ],
)
def test_a_finding_with_a_wrong_value_is_not_believed(
    path: Path, stored: Store, name: str, value: object
) -> None:
    findings = stored(a_finding())
    whole = json.loads(path.read_text())
    whole["findings"][0][name] = value
    path.write_text(json.dumps(whole))
    assert findings.of(TARGET) is None


def test_a_file_that_cannot_be_read_is_as_good_as_none(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir()
    with caplog.at_level(logging.WARNING):
        assert at(path).applied(TARGET) == TARGET
    assert "is not used (Is a directory): ./manage.sh doctor makes it" in caplog.text


# --- over a row ---------------------------------------------------------------------------------


@pytest.mark.parametrize("proved", [BARE, FULL])
def test_an_unknown_server_is_what_it_proved_to_be(stored: Store, proved: dict[str, Any]) -> None:
    target = stored(a_finding(**proved)).applied(TARGET)
    assert target.provider.name == GENERIC.name
    assert capabilities(target.provider) == proved


def test_other_models_of_the_server_stay_as_they_are(stored: Store) -> None:
    target = stored(a_finding(**BARE)).applied(TARGET)
    assert capabilities(target.provider, "test-model-2") == capabilities(GENERIC)


def test_what_is_known_of_the_servers_other_models_is_in_the_row_too(path: Path) -> None:
    findings = at(path)
    findings.keep(a_finding(**BARE))
    findings.keep(a_finding(model="cheap-model", **FULL))
    findings.keep(a_finding(model="far-model", server=provider_hash("https://far.example"), **BARE))
    provider = findings.applied(TARGET).provider
    assert capabilities(provider) == BARE
    assert capabilities(provider, "cheap-model") == FULL
    assert capabilities(provider, "far-model") == capabilities(GENERIC)


@pytest.mark.parametrize("model", ["Org/Model-[7B]*", "a?b", "m:latest", "[!x]"])
def test_a_models_name_is_taken_literally(stored: Store, model: str) -> None:
    target = replace(TARGET, model=model)
    provider = stored(a_finding(model=model, **BARE)).applied(target).provider
    assert capabilities(provider, model) == BARE
    assert capabilities(provider, "a-b") == capabilities(GENERIC)


def test_nothing_but_capabilities_changes(stored: Store) -> None:
    applied = stored(a_finding(**BARE)).applied(TARGET)
    assert replace(applied, provider=GENERIC) == TARGET
    assert replace(applied.provider, rules=()) == GENERIC


PRESETS = [row for row in ROWS if row.name != GENERIC.name]


@pytest.mark.parametrize("row", PRESETS, ids=lambda row: row.name)
def test_a_preset_gains_nothing_by_a_finding(stored: Store, row: Provider) -> None:
    before = capabilities(row)
    proved = FULL | {"limit_field": before["limit_field"], "several_calls": False}
    applied = stored(a_finding(**proved)).applied(replace(TARGET, provider=row))
    assert capabilities(applied.provider) == before


@pytest.mark.parametrize("row", PRESETS, ids=lambda row: row.name)
def test_a_preset_loses_what_was_refused(stored: Store, row: Provider) -> None:
    applied = stored(a_finding(**BARE)).applied(replace(TARGET, provider=row))
    # That two calls did not come together is no refusal.
    kept = {"several_calls": row.several_calls}
    assert capabilities(applied.provider) == BARE | kept


def test_a_refusal_wins_over_the_presets_rule_for_the_model(stored: Store) -> None:
    rules = (ModelRule(("test-*",), {"strict_tools": True, "temperature": False}),)
    row = Provider("preset", rules=rules)
    refused = FULL | {"strict_tools": False}
    provider = stored(a_finding(**refused)).applied(replace(TARGET, provider=row)).provider
    assert capabilities(provider) == refused | {"temperature": False}


@given(st.fixed_dictionaries({name: st.booleans() for name in BARE if name != "limit_field"}))
def test_a_preset_understands_what_both_say(proved: dict[str, bool]) -> None:
    row = Provider("preset", strict_tools=True, parallel_switch=False)
    finding = a_finding(**(FULL | proved))
    applied = capabilities(replace(row, rules=(finding.rule(row),)))
    for name in ("forced_call", "parallel_switch", "strict_tools", "temperature"):
        assert applied[name] == (getattr(row, name) and proved[name])

"""How far a bot has come, as its API tells it, and how long that is waited for."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from freqtrade_api import PASSWORD, PING, FreqtradeApi, serving
from llm_modules.operations.places import Places
from llm_modules.operations.running import launch
from llm_modules.operations.running.api import Api
from llm_modules.operations.running.bot_record import BotRecord, bot_lock, write_record
from llm_modules.operations.running.launch import Look, look, wait_until_up
from llm_modules.operations.running.plan import Plan

NOW = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[FreqtradeApi]:
    with serving() as served:
        yield served


@pytest.mark.parametrize(
    ("state", "looped", "initial_state", "seen"),
    [
        ("running", 1768478400, "running", "up"),
        ("running", None, "running", "silent"),
        ("stopped", 1768478400, "running", "stopped"),
        ("stopped", None, "stopped", "up"),
        ("paused", 1768478400, "running", "up"),
        (None, None, "running", "unknown"),
    ],
)
def test_a_bot_is_up_once_its_loop_has_gone_through(
    server: FreqtradeApi, state: str | None, looped: int | None, initial_state: str, seen: Look
) -> None:
    answers: dict[str, Any] = {"health": {"last_process_ts": looped, "last_process": None}}
    answers |= {"show_config": {"state": state}} if state else {}
    server.answers |= answers
    assert look(Api(server.port, "freqtrader", PASSWORD), initial_state) == seen


def test_a_bot_whose_password_changed_does_not_tell(server: FreqtradeApi) -> None:
    server.answers["show_config"] = {"state": "running"}
    assert look(Api(server.port, "freqtrader", "another"), "running") == "unknown"


def test_a_bot_without_an_api_is_silent(server: FreqtradeApi) -> None:
    server.answers[PING] = 500
    assert look(Api(server.port, "freqtrader", PASSWORD), "running") == "silent"


def waited(places: Places, *seen: Look, seconds: float = 20) -> tuple[BotRecord | None, bool, int]:
    """Wait for a bot that is seen so, one look after the other; also how often it was told."""
    looks = iter(seen)
    told: list[float] = []
    arrival = wait_until_up(places, lambda: True, lambda _: next(looks), seconds, told.append)
    return arrival.record, arrival.has_stopped, len(told)


@pytest.fixture
def started(places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    monkeypatch.setattr(launch, "POLL_SECONDS", 0.001)
    with bot_lock(places):
        write_record(places, Plan("dry_run", 8086, ()), NOW, ())
        yield places


def test_it_is_waited_for_until_it_is_up(started: Places) -> None:
    record, has_stopped, told = waited(started, "silent", "unknown", "silent", "up")
    assert record is not None
    assert (record.api_port, has_stopped, told) == (8086, False, 3)


def test_one_that_has_stopped_is_not_waited_for(started: Places) -> None:
    record, has_stopped, told = waited(started, "silent", "stopped", "up")
    assert record is not None
    assert (has_stopped, told) == (True, 1)


def test_one_that_never_tells_its_state_counts_as_up_after_a_while(
    started: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "UNKNOWN_SECONDS", 0.02)
    record, has_stopped, _ = waited(started, *["unknown"] * 1000)
    assert record is not None
    assert not has_stopped


def test_the_patience_has_an_end(started: Places) -> None:
    assert waited(started, *["silent"] * 1000, seconds=0.02)[0] is None


def test_without_a_record_nothing_is_asked(places: Places) -> None:
    arrival = wait_until_up(places, lambda: False, lambda _: "up", 20, lambda _: None)
    assert arrival.record is None

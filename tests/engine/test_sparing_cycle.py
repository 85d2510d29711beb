"""The settings of `asking` in real rooms: what is asked, what is written, what is not forgotten."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR, a_position, a_question, a_world, some_candles
from fakes import ScriptedClient, answering
from llm_modules.dialogue import Reply
from llm_modules.engine.cycle import Rooms, decide
from llm_modules.engine.question import Question
from llm_modules.errors import ProviderError
from llm_modules.journal.records import DecisionRecord
from rooms import decisions, some_rooms

CANDLE = timedelta(minutes=30)
WAIT, HOLD = answering("signal_wait"), answering("signal_hold")


def open_rooms(folder: Path, *script: Reply | Exception, **asking: Any) -> Rooms:
    client = ScriptedClient(script or [WAIT])
    rooms = some_rooms(
        folder,
        client,
        llm_config={"asking": asking},
        experience_config={"max_recent_decisions_context": 10},
    )
    # What the journal holds from before.
    rooms.sparing.load(rooms.journal.past_decisions())
    return rooms


def at_candle(number: int, *positions: Any, **changes: Any) -> Question:
    """The same calm candles again and again, each half an hour later."""
    closed_at = NOON + number * CANDLE
    # A whole wave later the market is where it was.
    frames = (some_candles("30m", end=closed_at), some_candles("1h", end=closed_at))
    values = {"decision_id": f"d{number}", "candle_at": closed_at, "frames": frames}
    return a_question(*positions, **(values | {"valid_until": closed_at + CANDLE} | changes))


def run(rooms: Rooms, *questions: Question) -> list[DecisionRecord]:
    return [asyncio.run(decide(question, rooms)) for question in questions]


def asked(rooms: Rooms) -> int:
    return sum(record.status != "skipped" for record in decisions(rooms))


@pytest.mark.parametrize(
    ("asking", "count"),
    [
        ({}, 8),
        ({"flat_every_candles": 2}, 4),
        ({"flat_every_candles": 4}, 2),
        ({"in_position_every_candles": 4}, 8),
        ({"skip_unchanged": True}, 2),
        ({"skip_unchanged": True, "longest_silence_candles": 3}, 2),
        ({"skip_unchanged": True, "longest_silence_candles": 1}, 4),
        ({"cache_minutes": 60}, 3),
        ({"cache_minutes": 90}, 2),
        ({"cache_minutes": 90, "longest_silence_candles": 1}, 4),
    ],
)
def test_how_often_an_unchanged_market_is_asked_about(
    tmp_path: Path, asking: dict[str, Any], count: int
) -> None:
    rooms = open_rooms(tmp_path, **asking)
    records = run(rooms, *map(at_candle, range(8)))
    assert asked(rooms) == count
    assert decisions(rooms) == records


def test_a_skipped_question_is_recorded_with_all_that_was_seen(tmp_path: Path) -> None:
    rooms = open_rooms(tmp_path, skip_unchanged=True)
    first, second = run(rooms, at_candle(0), at_candle(1))
    assert first.status == "approved"
    assert (second.status, second.tool, second.default_tool) == ("skipped", None, "signal_wait")
    assert second.fault == "unchanged: price +0.00 % since 2026-01-15T12:00:00Z"
    assert (second.repeats, second.decision_id) == (first.decision_id, "d1")
    assert (second.facts, second.timeframe) == (first.facts, "30m")
    assert (second.equity, second.model) == (1000.0, "test-model")
    assert (second.prompt_tokens, second.completion_tokens, second.cost) == (None, None, None)
    assert (second.attempts, second.tape_ids, second.prompt_hash) == (0, (), None)


def test_a_position_is_recorded_as_it_was_and_held(tmp_path: Path) -> None:
    position = a_position(adjustments=1, entries=2, thesis=None)
    client, asking = ScriptedClient([HOLD]), {"asking": {"skip_unchanged": True}}
    rooms = some_rooms(tmp_path, client, a_world(position), llm_config=asking)
    first, second = run(rooms, at_candle(0, position), at_candle(1, position))
    assert (second.status, second.default_tool) == ("skipped", "signal_hold")
    assert second.held == first.held
    assert first.held is not None
    assert (first.held.entries, first.held.adjustments, first.held.stop_price) == (2, 1, 97.0)
    assert (second.trade_id, second.profit_ratio) == (7, 0.03)


def test_a_skipped_question_books_nothing_and_withdraws_nothing(tmp_path: Path) -> None:
    rooms = open_rooms(tmp_path, skip_unchanged=True)
    run(rooms, at_candle(0), at_candle(1))
    assert rooms.book.clear() == ()


@pytest.mark.parametrize(
    "asking", [{"skip_unchanged": True, "longest_silence_candles": 1}, {"cache_minutes": 30}]
)
def test_after_a_failure_it_is_asked_again(tmp_path: Path, asking: dict[str, Any]) -> None:
    rooms = open_rooms(tmp_path, WAIT, ProviderError("connection", "gone"), WAIT, **asking)
    records = run(rooms, *map(at_candle, range(5)))
    statuses = ["approved", "skipped", "failed", "approved", "skipped"]
    assert [record.status for record in records] == statuses


def test_the_model_is_not_reminded_of_what_it_was_not_asked(tmp_path: Path) -> None:
    rooms = open_rooms(tmp_path, skip_unchanged=True, longest_silence_candles=1)
    run(rooms, *map(at_candle, range(4)))
    later = NOON + timedelta(days=1)
    shown = rooms.library.recall(PAIR, later, {}).decisions
    assert [item.tool for item in shown] == ["signal_wait", "signal_wait"]


@pytest.mark.parametrize(
    "asking",
    [
        {"skip_unchanged": True, "longest_silence_candles": 3},
        {"cache_minutes": 60},
        {"flat_every_candles": 3},
    ],
)
def test_a_restart_forgets_nothing(tmp_path: Path, asking: dict[str, Any]) -> None:
    through, again = tmp_path / "through", tmp_path / "again"
    for folder in (through, again):
        folder.mkdir()
    rooms = open_rooms(through, **asking)
    run(rooms, *map(at_candle, range(9)))
    for number in range(9):
        restarted = open_rooms(again, **asking)
        run(restarted, at_candle(number))
        statuses = [record.status for record in decisions(restarted)]
        restarted.journal.close()
    assert statuses == [record.status for record in decisions(rooms)]


def test_a_cheap_model_answers_first_and_the_record_says_who_decided(tmp_path: Path) -> None:
    unsure = answering("signal_wait", confidence_score=20)
    rooms = open_rooms(tmp_path, unsure, WAIT, cheap_model="small")
    (record,) = run(rooms, at_candle(0))
    assert record.escalated_from == "test-model-0126: signal_wait 20"
    assert (record.tool, record.attempts, record.prompt_tokens) == ("signal_wait", 2, 2000)


def test_an_entry_of_the_cheap_model_alone_is_never_booked(tmp_path: Path) -> None:
    price = float(some_candles("30m").close[-1])
    levels = {"key_support": price * 0.97, "key_resistance": price * 1.05}
    entry = answering("signal_entry_long", stop_price=price * 0.98, **levels)
    rooms = open_rooms(tmp_path, entry, ProviderError("connection", "gone"), cheap_model="small")
    (record,) = run(rooms, at_candle(0))
    assert (record.status, record.tool, record.default_tool) == ("failed", None, "signal_wait")
    assert record.escalated_from == "test-model-0126: signal_entry_long 70"
    assert rooms.book.clear() == ()

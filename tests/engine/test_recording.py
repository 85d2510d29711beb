"""What a decision's record holds is enough to go on where a killed bot stopped."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR, a_question, some_candles
from fakes import ScriptedClient, answering
from llm_modules.engine.cycle import decide
from llm_modules.engine.recording import failed_record, thesis_of
from llm_modules.journal.records import DECISION_LINES
from rooms import some_rooms

PRICE = float(some_candles("30m").close[-1])
LONG = {"stop_price": PRICE * 0.98, "key_support": PRICE * 0.97, "key_resistance": PRICE * 1.05}


@pytest.mark.parametrize(
    "words", [{}, {"target_price": PRICE * 1.05, "invalidation": "a close below the support"}]
)
def test_the_thesis_read_back_is_the_one_that_was_booked(
    tmp_path: Path, words: dict[str, Any]
) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_entry_long", **LONG, **words)]))
    record = asyncio.run(decide(a_question(), rooms))
    booking = rooms.book.look(PAIR, "entry", NOON)
    assert booking is not None
    written = DECISION_LINES.validate_json(record.model_dump_json(by_alias=True))
    assert written == record
    assert thesis_of(record) == booking.thesis


@pytest.mark.parametrize("timeframe", ["30m", "4h"])
def test_the_timeframe_of_the_facts_is_recorded(tmp_path: Path, timeframe: str) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_wait")]))
    question = a_question(frames=(some_candles(timeframe), some_candles("1h")))
    assert asyncio.run(decide(question, rooms)).timeframe == timeframe


def test_a_decision_that_came_to_no_facts_has_no_timeframe() -> None:
    record = failed_record(a_question(), NOON, "test-model", "no candles")
    assert (record.timeframe, record.facts) == ("", {})

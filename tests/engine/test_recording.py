"""What a decision's record holds is enough to go on where a killed bot stopped."""

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import (
    ARGUMENTS,
    NOON,
    PAIR,
    a_call,
    a_position,
    a_prompt,
    a_question,
    an_account,
    some_candles,
)
from fakes import ScriptedClient, answering
from llm_modules.dialogue import Expense, Message, Prompt, ToolSpec, Usage
from llm_modules.domain import MarketSnapshot
from llm_modules.engine.cycle import decide
from llm_modules.engine.executor import Answer
from llm_modules.engine.recording import (
    answered_record,
    failed_record,
    prompt_hash,
    skipped_record,
    spent,
    thesis_of,
)
from llm_modules.engine.sparing import Skip
from llm_modules.gate.verdict import Verdict
from llm_modules.journal.records import DECISION_LINES, Held
from llm_modules.market.snapshot import build_snapshot
from rooms import some_rooms

RULES = Message("system", "the rules")
TOOLS = (ToolSpec("signal_wait", "wait", {}), ToolSpec("signal_exit", "leave", {}))
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


def snapshot() -> MarketSnapshot:
    question = a_question()
    return build_snapshot(PAIR, NOON, question.frames, question.rules)


def test_a_skipped_question_keeps_what_was_seen_and_why() -> None:
    skip = Skip("unchanged: price +0.10 % since then", "d-0")
    position = a_position(entries=2, adjustments=3)
    question = a_question(position)
    record = skipped_record(question, NOON, snapshot(), "test-model", skip)
    assert (record.status, record.tool, record.default_tool) == ("skipped", None, "signal_hold")
    assert (record.fault, record.repeats) == (skip.why, "d-0")
    assert record.held == Held(entries=2, adjustments=3, stop_price=97.0)
    assert (record.trade_id, record.profit_ratio, record.equity) == (7, 0.03, 1000.0)
    assert (record.timeframe, record.facts["price"]) == ("30m", snapshot().price)
    assert DECISION_LINES.validate_json(record.model_dump_json(by_alias=True)) == record


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_an_equity_or_a_stop_that_is_no_number_does_not_cost_the_record(number: float) -> None:
    question = a_question(a_position(stop_price=number))
    question = replace(question, world=replace(question.world, account=an_account(equity=number)))
    record = skipped_record(question, NOON, snapshot(), "m", Skip("cadence"))
    assert (record.equity, record.held, record.repeats) == (None, None, None)


def test_an_answer_keeps_what_a_cheaper_model_had_said() -> None:
    answer = Answer(None, ("x",), None, "main", escalated_from="small: signal_wait 20")
    record = answered_record(a_question(), NOON, snapshot(), a_prompt(), answer, None)
    assert (record.escalated_from, record.held) == ("small: signal_wait 20", None)


def test_an_unknown_price_of_one_request_makes_the_cost_of_all_unknown() -> None:
    known, unknown = (Expense(NOON, "p", "m", 1, Usage(10, 5), cost) for cost in (0.25, None))
    assert spent([known, known])["cost"] == 0.5
    assert spent([known, unknown])["cost"] is None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_requests_took_is_added_up_where_it_is_known(count: int) -> None:
    took = Expense(NOON, "p", "m", 0.25, Usage(10, 5, None, 7, 3), 0.5, tape_id="there")
    assert spent([took] * count) == {
        "attempts": count,
        "latency_seconds": 0.25 * count,
        "prompt_tokens": 10 * count,
        "completion_tokens": 5 * count,
        "cached_tokens": None,
        "reasoning_tokens": 3 * count,
        "cost": 0.5 * count,
        "tape_ids": ("there",) * count,
    }


def test_where_nothing_was_asked_nothing_was_taken() -> None:
    took = spent([])
    assert (took["attempts"], took["latency_seconds"], took["cost"]) == (0, 0, 0)
    assert (took["prompt_tokens"], took["tape_ids"]) == (None, ())


@pytest.mark.parametrize("tool", sorted(ARGUMENTS))
def test_a_call_is_recorded_as_it_would_be_dumped_without_what_was_not_said(tool: str) -> None:
    call = a_call(tool)
    verdict = Verdict(None, (), "limits")
    answer = Answer(call, (), None, "m")
    record = answered_record(a_question(), NOON, snapshot(), a_prompt(), answer, verdict)
    assert record.call == call.model_dump(exclude_none=True, exclude={"tool", "pair"})
    assert (record.tool, record.status) == (tool, "refused")


@pytest.mark.parametrize("text", ["", "flat", "a range 1…2", "看涨", "\0", "😀 to the moon"])
def test_a_prompt_is_named_by_roles_texts_and_tools(text: str) -> None:
    said = f"system\0the rules\0user\0{text}\0signal_wait\0signal_exit\0"
    named = prompt_hash(Prompt((RULES, Message("user", text)), TOOLS))
    assert named == hashlib.sha256(said.encode()).hexdigest()[:16]

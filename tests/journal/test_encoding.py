import json
from typing import Any

import pytest

from builders import a_decision_record, a_trade_record
from llm_modules.journal import encoding
from llm_modules.journal.chain import Link, chained
from llm_modules.journal.encoding import CAPS, LONGEST_DECISION_BYTES, encoded
from llm_modules.journal.records import DECISION_LINES, Approved, DecisionRecord, Reason
from llm_modules.tools.text import LONGEST_TEXT

# What the market room says of a main timeframe and three others: the most that is usual.
FACTS = {f"ema_gap_pct_{number}h": 12.345678901234567 for number in range(30)}
REASONS = tuple(
    Reason(
        code=f"liquidation_distance_{number}",
        text=f"leverage 17.5 lies above 10.0, the most that is allowed; set to 10.0 ({number})" * 2,
        kind="clamp",
        field="stake_amount",
        before=123.4567890123,
        after=100.0,
    )
    for number in range(10)
)


def a_long_record(**changes: Any) -> DecisionRecord:
    """A decision as long as one can be: long texts, ten reasons, many facts."""
    values: dict[str, Any] = {
        "decision_id": "260115120000-1000PEPE-abc123",
        "pair": "1000PEPE/USDT:USDT",
        "status": "clamped",
        "tool": "signal_entry_long",
        "model": "provider/a-model-with-a-long-name-2026-01-15",
        "call": {
            "reason": "r" * LONGEST_TEXT,
            "invalidation": "i" * LONGEST_TEXT,
            **dict.fromkeys(("key_support", "key_resistance", "stop_price"), 64123.456789),
            **dict.fromkeys(("leverage", "confidence_score", "rsi_value"), 70.0),
        },
        "reasons": REASONS,
        "approved": Approved(leverage=10.0, stake_amount=123.456, stop_price=64123.4),
        "profit_ratio": -0.0123456789,
        "limits_hash": "0123456789abcdef",
        "prompt_hash": "0123456789abcdef",
        "equity": 12345.678901,
    }
    return a_decision_record(**(values | changes))


def line_of(record: DecisionRecord) -> bytes:
    """The line as it stands in the file after ten million others."""
    return chained(encoded(record), Link(10_000_000, "0123456789abcdef"))[0]


def read_back(record: DecisionRecord) -> DecisionRecord:
    back = DECISION_LINES.validate_json(line_of(record))
    assert isinstance(back, DecisionRecord)
    return back


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"facts": FACTS, "reasons": REASONS[:2]},
        {"call": {"reason": "因为趋势向上" * 333}},
        {"status": "failed", "tool": None, "call": {}, "reasons": (), "fault": "f" * 5000},
        {
            "call": {},
            "reasons": (),
            "problems": ("key_support: must be a number, found " * 4,) * 25,
        },
        {"call": {"reason": '"\\' * 1000}},
    ],
)
def test_a_line_of_a_decision_is_never_longer_than_3000_bytes(changes: dict[str, Any]) -> None:
    record = a_long_record(**changes)
    assert len(record.model_dump_json()) > 3000
    assert len(line_of(record)) <= 3000


def test_the_longest_texts_are_shortened_first_and_say_by_how_much() -> None:
    record = a_long_record(reasons=REASONS[:3])
    back = read_back(record)
    assert back.reasons == record.reasons
    for name, letter in (("reason", "r"), ("invalidation", "i")):
        assert back.call[name] == letter * 500 + "… (+1500)"


def test_everything_but_texts_stays_whole() -> None:
    record = a_long_record()
    back = read_back(record)
    assert [(r.code, r.kind, r.field, r.before, r.after) for r in back.reasons] == [
        (r.code, r.kind, r.field, r.before, r.after) for r in record.reasons
    ]
    numbers = {name: value for name, value in record.call.items() if isinstance(value, float)}
    assert {name: back.call[name] for name in numbers} == numbers
    same = {"decision_id", "at", "facts", "approved", "equity", "model", "prompt_hash"}
    assert back.model_dump(include=same) == record.model_dump(include=same)


def test_a_reason_of_2000_characters_alone_stays_whole() -> None:
    record = a_long_record(
        call={"reason": "r" * LONGEST_TEXT, "confidence_score": 60.0}, reasons=(), model="m"
    )
    assert read_back(record) == record


@pytest.mark.parametrize("surplus", [0, 1])
def test_a_record_is_left_as_it_is_up_to_the_limit_and_shortened_beyond(surplus: int) -> None:
    empty = len(encoded(a_decision_record(call={"reason": ""})))
    length = LONGEST_DECISION_BYTES - empty + surplus
    body = encoded(a_decision_record(call={"reason": "x" * length}))
    reason = json.loads(body)["call"]["reason"]
    assert reason == ("x" * length if surplus == 0 else f"{'x' * CAPS[0]}… (+{length - CAPS[0]})")


@pytest.mark.parametrize(("length", "cut"), [(39, False), (40, False), (41, True)])
def test_a_text_at_the_cap_is_not_cut(length: int, cut: bool) -> None:
    text = encoding._cut("x" * length, 40)
    assert (text != "x" * length) is cut


def test_other_records_are_never_shortened() -> None:
    trade = a_trade_record(exit_reflection="x" * 5000)
    assert json.loads(encoded(trade))["exit_reflection"] == "x" * 5000


def test_facts_alone_are_never_shortened_even_if_they_are_too_many() -> None:
    facts = {f"fact_{number}": 1.5 for number in range(400)}
    assert json.loads(encoded(a_decision_record(facts=facts)))["facts"] == facts

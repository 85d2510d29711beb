"""What a model or its endpoint can do wrong, each through real HTTP and all our rooms.

In every case: nothing beyond the limits is booked, a record says what happened, and the next
question is answered as usual.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adversary import adversary, completion, http
from builders import ENTRY_ARGUMENTS, NOON, PAIR, a_question, some_candles
from llm_modules.engine.cycle import decide
from llm_modules.journal.records import DecisionRecord
from models import a_client, llm_config
from rooms import decisions, some_rooms

PRICE = float(some_candles("30m").close[-1])
GOOD = ENTRY_ARGUMENTS | {
    "stop_price": PRICE * 0.98,
    "key_support": PRICE * 0.97,
    "key_resistance": PRICE * 1.05,
}
ANSWER_WAIT = http(
    completion({"pair": PAIR, "confidence_score": 50, "rsi_value": 50, "reason": "no edge"})
)


def entry(**changes: Any) -> bytes:
    return http(completion(GOOD | changes, tool="signal_entry_long"))


def raw_entry(text: str) -> bytes:
    """An entry whose arguments are this very text."""
    body = json.loads(completion(tool="signal_entry_long"))
    body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = text
    return http(json.dumps(body))


def message(**changes: Any) -> bytes:
    body = json.loads(completion(GOOD, tool="signal_entry_long"))
    body["choices"][0]["message"] |= changes
    return http(json.dumps(body))


def two_calls() -> bytes:
    body = json.loads(completion(GOOD, tool="signal_entry_long"))
    calls = body["choices"][0]["message"]["tool_calls"]
    body["choices"][0]["message"]["tool_calls"] = calls * 2
    return http(json.dumps(body))


@dataclass(frozen=True)
class Case:
    """A fault, what the record must say, and how the model may recover from it."""

    name: str
    answer: bytes | float
    says: str


NOTHING_BOOKED = (
    Case("malformed JSON in the arguments", raw_entry('{"pair": '), "not valid JSON"),
    Case("an unknown tool", http(completion(GOOD, tool="buy_everything")), "is not offered"),
    Case("an extra field", entry(urgency="high"), "unknown field"),
    Case("NaN as leverage", raw_entry(json.dumps(GOOD).replace("3,", "NaN,")), "NaN is not a"),
    Case("leverage 500", entry(leverage=500), "leverage: "),
    Case("a repeated key", raw_entry(json.dumps(GOOD)[:-1] + ',"leverage":9}'), "repeated keys"),
    Case("another pair's name", entry(pair="ETH/USDT:USDT"), "you were asked about BTC"),
    Case("an empty reply", message(tool_calls=None, content=""), "called no tool"),
    Case("text instead of a call", message(tool_calls=None, content="BUY!"), "called no tool"),
    Case("two calls with one id", two_calls(), "not distinct"),
    Case("a position tool while flat", http(completion({}, tool="signal_exit")), "not offered"),
    Case("HTTP 401", http("{}", "401 Unauthorized"), "unauthorised"),
    Case("HTTP 429", http("{}", "429 Too Many", retry_after="0"), "rate_limited"),
    Case("HTTP 500", http("{}", "500 Oops", retry_after="0"), "server_error"),
    Case("a silent endpoint", 60.0, "timeout"),
    Case("a web page", http("<html>", content_type="text/html"), "bad_response"),
    Case("truncated JSON", http('{"choices": ['), "bad_response"),
)


def ask_twice(
    folder: Path, answer: bytes | float, look: Callable[[DecisionRecord, Any], None]
) -> list[DecisionRecord]:
    """Ask while the fault lasts, look at the result, then ask once more when all is well."""
    recovered = False

    def script(_: int) -> list[bytes | float]:
        return [ANSWER_WAIT if recovered else answer]

    async def scene(api_base: str) -> list[DecisionRecord]:
        nonlocal recovered
        blocks = {"llm_config": {"api_base": api_base, "timeout": 1, "retry_times": 1}}
        client = a_client(llm_config(**blocks["llm_config"]))
        rooms = some_rooms(folder, client, **blocks)
        first = await decide(a_question(), rooms)
        look(first, rooms)
        recovered = True
        second = await decide(a_question(), rooms)
        await client.close()
        assert decisions(rooms) == [first, second]
        return [first, second]

    with adversary(script) as server:
        return asyncio.run(scene(server.url))


@pytest.mark.parametrize("case", NOTHING_BOOKED, ids=lambda case: case.name)
def test_nothing_is_booked_and_the_record_says_why(tmp_path: Path, case: Case) -> None:
    def look(record: DecisionRecord, rooms: Any) -> None:
        assert record.status == "failed"
        assert case.says in f"{record.fault} {record.problems}"
        assert rooms.book.look(PAIR, "entry", NOON) is None

    _, second = ask_twice(tmp_path, case.answer, look)
    assert (second.status, second.tool) == ("approved", "signal_wait")


def test_a_stake_of_1e12_is_cut_to_the_limit_and_the_record_shows_both(tmp_path: Path) -> None:
    def look(record: DecisionRecord, rooms: Any) -> None:
        assert record.status == "clamped"
        assert record.call["stake_amount"] == 1e12
        assert [reason.code for reason in record.reasons] == ["MAX_POSITION"]
        assert rooms.book.look(PAIR, "entry", NOON).stake_amount == 200.0

    ask_twice(tmp_path, entry(stake_amount=1e12), look)


def test_leverage_100_is_cut_to_the_limit(tmp_path: Path) -> None:
    def look(record: DecisionRecord, rooms: Any) -> None:
        assert "MAX_LEVERAGE" in [reason.code for reason in record.reasons]
        assert rooms.book.look(PAIR, "entry", NOON).leverage == 10.0

    ask_twice(tmp_path, entry(leverage=100), look)


def test_no_secret_reaches_the_journal(tmp_path: Path) -> None:
    echo = http('{"error": {"message": "no such key sk-canary-0123456789"}}', "401 Unauthorized")
    ask_twice(tmp_path, echo, lambda record, rooms: None)
    assert "canary" not in (tmp_path / "llm_decisions.jsonl").read_text(encoding="utf-8")

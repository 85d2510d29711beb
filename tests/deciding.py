"""One decision through all rooms, with what a server of a test answers to it."""

import asyncio
import json
from pathlib import Path
from typing import Any

from adversary import Adversary, Script, adversary, completion, http
from builders import ARGUMENTS, ENTRY_ARGUMENTS, NOON, PAIR, a_question, some_candles
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
WAIT = ARGUMENTS["signal_wait"]


def decided(folder: Path, script: Script | bytes, **changes: Any) -> tuple[DecisionRecord, Any]:
    """Let one question go through all rooms; nothing may be booked by what is served here."""

    async def scene(server: Adversary) -> tuple[DecisionRecord, Any]:
        settings = {"api_base": server.url, "timeout": 20, "retry_times": 0} | changes
        client = a_client(llm_config(**settings))
        rooms = some_rooms(folder, client, llm_config=settings)
        record = await decide(a_question(), rooms)
        await client.close()
        assert decisions(rooms) == [record]
        return record, rooms

    with adversary(script) as server:
        return asyncio.run(scene(server))


def failed(folder: Path, script: Script | bytes, **changes: Any) -> str:
    """Return what the record of a decision that came to nothing says."""
    record, rooms = decided(folder, script, **changes)
    assert record.status == "failed"
    assert rooms.book.look(PAIR, "entry", NOON) is None
    return f"{record.fault} {record.problems}"


def a_message(**changes: Any) -> bytes:
    """An entry that would be booked, but for the changes to its message or choice."""
    body = json.loads(completion(GOOD, tool="signal_entry_long"))
    choice = body["choices"][0]
    for name, value in changes.items():
        (choice if name == "finish_reason" else choice["message"])[name] = value
    return http(json.dumps(body))


def a_call(name: str, arguments: Any, call_id: str = "call_1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}

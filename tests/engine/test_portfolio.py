"""All pairs of a candle in one question: each gets its own verdict, record and booking."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import (
    ARGUMENTS,
    NOON,
    PAIR,
    a_config,
    a_position,
    a_question,
    a_reply,
    a_request,
    some_candles,
)
from builders import a_world as world_of
from fakes import ScriptedClient
from llm_modules.context.pages import Pages
from llm_modules.dialogue import Inquiry, Prompt, Reply, ToolRequest
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.portfolio import TOKENS_OF_A_CALL, decide_all, open_panel
from llm_modules.engine.question import Question
from llm_modules.engine.sight import Sight, snapshot_of
from llm_modules.errors import ConfigError, ProviderError
from llm_modules.journal.records import DecisionRecord
from models import a_target
from rooms import decisions, some_rooms

ETH, SOL = "ETH/USDT:USDT", "SOL/USDT:USDT"
PRICE = float(some_candles("30m").close[-1])
LONG = {"stop_price": PRICE * 0.98, "key_support": PRICE * 0.97, "key_resistance": PRICE * 1.05}
SCOPE = {"llm_config": {"asking": {"scope": "portfolio"}}}


def call(tool: str, pair: str, **changes: Any) -> ToolRequest:
    arguments = ARGUMENTS[tool] | {"pair": pair} | changes
    return a_request(tool, json.dumps(arguments), f"{tool}-{pair}")


def question(pair: str, *positions: Any) -> Question:
    return a_question(*positions, pair=pair, decision_id=f"d-{pair}")


def wired(folder: Path, client: ScriptedClient, **blocks: Any) -> Rooms:
    world = blocks.pop("world", world_of(open_trades=0))
    rooms = some_rooms(folder, client, world, **(SCOPE | blocks))
    return replace(rooms, panel=open_panel(client, rooms.config, [a_target()]))


def run(rooms: Rooms, *questions: Question) -> list[DecisionRecord]:
    records: list[DecisionRecord] = []
    told: list[str] = []

    def done(question: Question, record: DecisionRecord) -> None:
        told.append(question.decision_id)
        records.append(record)

    asyncio.run(decide_all(questions, rooms, done))
    assert told == [record.decision_id for record in records]
    assert len(set(told)) == len(told) == len(questions)
    return records


def waits(*pairs: str) -> Reply:
    return a_reply(*(call("signal_wait", pair) for pair in pairs))


def test_one_request_makes_a_record_for_each_pair(tmp_path: Path) -> None:
    client = ScriptedClient([waits(PAIR, ETH)])
    rooms = wired(tmp_path, client)
    records = run(rooms, question(PAIR), question(ETH))
    assert len(client.prompts) == 1
    assert client.prompts[0].several
    assert [(one.pair, one.tool, one.status) for one in records] == [
        (PAIR, "signal_wait", "approved"),
        (ETH, "signal_wait", "approved"),
    ]
    assert decisions(rooms) == records
    assert [one.prompt_tokens for one in records] == [500, 500]


def test_an_entry_is_booked_for_its_own_pair_alone(tmp_path: Path) -> None:
    reply = a_reply(call("signal_wait", PAIR), call("signal_entry_long", ETH, **LONG))
    rooms = wired(tmp_path, ScriptedClient([reply]))
    run(rooms, question(PAIR), question(ETH))
    assert rooms.book.look(PAIR, "entry", NOON) is None
    booking = rooms.book.look(ETH, "entry", NOON)
    assert booking is not None
    assert booking.decision_id == f"d-{ETH}"


def test_the_second_verdict_knows_what_the_first_promised(tmp_path: Path) -> None:
    """Two entries at once, and one free slot."""
    reply = a_reply(*(call("signal_entry_long", pair, **LONG) for pair in (PAIR, ETH)))
    rooms = wired(tmp_path, ScriptedClient([reply]), risk_management={"max_open_trades": 1})
    first, second = run(rooms, question(PAIR), question(ETH))
    assert first.status == "approved"
    assert second.status == "refused"
    assert "NO_FREE_SLOT" in [reason.code for reason in second.reasons]


def test_pairs_of_both_stances_are_offered_both_kinds_of_tools(tmp_path: Path) -> None:
    held = a_position(pair=ETH)
    client = ScriptedClient([a_reply(call("signal_wait", PAIR), call("signal_hold", ETH))])
    rooms = wired(tmp_path, client, world=world_of(held))
    records = run(rooms, question(PAIR, held), question(ETH, held))
    assert [tool.name for tool in client.prompts[0].tools] == [
        *("signal_entry_long", "signal_entry_short", "signal_wait"),
        *("signal_exit", "adjust_position", "signal_hold"),
    ]
    assert [one.tool for one in records] == ["signal_wait", "signal_hold"]


def test_a_pair_whose_candles_are_unusable_costs_no_other_its_decision(tmp_path: Path) -> None:
    client = ScriptedClient([waits(PAIR, SOL)])
    broken = replace(question(ETH), frames=(some_candles(rows=0), some_candles("1h")))
    records = run(wired(tmp_path, client), question(PAIR), broken, question(SOL))
    by_pair = {one.pair: one.status for one in records}
    assert by_pair == {PAIR: "approved", ETH: "failed", SOL: "approved"}
    assert ETH not in client.prompts[0].messages[-1].content


def test_a_market_that_was_seen_before_is_told_as_it_was_seen(tmp_path: Path) -> None:
    rooms = wired(tmp_path, client := ScriptedClient([waits(PAIR, ETH)]))
    snapshot = snapshot_of(question(ETH), ())
    page = Pages(rooms.config.context_config).market_page(snapshot)._replace(market="seen before")
    sights = {ETH: Sight(snapshot, page)}
    run(
        replace(rooms, seen_before=lambda asked: sights.get(asked.pair)),
        question(PAIR),
        replace(question(ETH), frames=()),
    )
    assert client.prompts[0].messages[-1].content.count("seen before") == 1


def test_where_no_pair_can_be_looked_at_nobody_is_asked(tmp_path: Path) -> None:
    client = ScriptedClient([waits(PAIR)])
    broken = [
        replace(question(pair), frames=(some_candles(rows=0), some_candles("1h")))
        for pair in (PAIR, ETH)
    ]
    assert [one.status for one in run(wired(tmp_path, client), *broken)] == ["failed", "failed"]
    assert client.prompts == []


def test_a_failing_model_is_a_record_for_each_pair(tmp_path: Path) -> None:
    rooms = wired(tmp_path, ScriptedClient([ProviderError("timeout", "too late")]))
    records = run(rooms, question(PAIR), question(ETH))
    assert [(one.status, one.fault) for one in records] == [("failed", "timeout: too late")] * 2
    assert [one.default_tool for one in records] == ["signal_wait"] * 2


def test_what_does_not_fit_into_one_question_goes_into_several(tmp_path: Path) -> None:
    """About 1,500 tokens of rules and tools, 500 for each pair."""
    client = ScriptedClient([waits(PAIR, ETH), waits(SOL)])
    small = {"max_context_tokens": 2600}
    rooms = wired(tmp_path, client, context_config=small)
    records = run(rooms, question(PAIR), question(ETH), question(SOL))
    assert len(client.prompts) == 2
    assert {one.status for one in records} == {"approved"}
    assert ["pair=SOL" in one.messages[-1].content for one in client.prompts] == [False, True]


def test_a_pair_that_does_not_fit_even_alone_is_a_record(tmp_path: Path) -> None:
    client = ScriptedClient([waits(PAIR)])
    rooms = wired(tmp_path, client, context_config={"max_context_tokens": 700})
    records = run(rooms, question(PAIR), question(ETH))
    assert {one.status for one in records} == {"failed"}
    assert all("raise context_config.max_context_tokens" in (one.fault or "") for one in records)
    assert client.prompts == []


def test_no_more_pairs_are_asked_about_than_calls_fit_into_an_answer(tmp_path: Path) -> None:
    client = ScriptedClient([waits(PAIR, ETH), waits(SOL)])
    asking = {"asking": {"scope": "portfolio"}, "max_tokens": 2 * TOKENS_OF_A_CALL}
    rooms = wired(tmp_path, client, llm_config=asking)
    records = run(rooms, question(PAIR), question(ETH), question(SOL))
    assert ["pair=SOL" in one.messages[-1].content for one in client.prompts] == [False, True]
    assert {one.status for one in records} == {"approved"}


class LastFirst(ScriptedClient):
    """Answers the second question at once, and the first one later."""

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        is_first = "pair=SOL" not in prompt.messages[-1].content
        for _ in range(50 if is_first else 0):
            await asyncio.sleep(0)
        return waits(PAIR, ETH) if is_first else waits(SOL)


@pytest.mark.parametrize(
    ("mode", "order"), [("sandbox", [SOL, PAIR, ETH]), ("backtest", [PAIR, ETH, SOL])]
)
def test_several_questions_count_as_they_are_answered_but_in_a_backtest_in_order(
    tmp_path: Path, mode: Any, order: list[str]
) -> None:
    asking = {"asking": {"scope": "portfolio"}, "max_tokens": 2 * TOKENS_OF_A_CALL}
    rooms = wired(tmp_path, LastFirst([]), llm_config=asking)
    asked = (replace(question(pair), mode=mode) for pair in (PAIR, ETH, SOL))
    assert [one.pair for one in run(rooms, *asked)] == order


class Troubled:
    """A library that fails for one pair, in one of its ways."""

    def __init__(self, library: Any, method: str) -> None:
        self._library, self._method = library, method

    def __getattr__(self, name: str) -> Any:
        known = getattr(self._library, name)

        def asked(pair: str, *rest: Any) -> Any:
            if pair == ETH:
                raise KeyError("broken")
            return known(pair, *rest)

        return asked if name == self._method else known


@pytest.mark.parametrize("method", ["habits", "recall"])
def test_one_pairs_trouble_is_nobody_elses(tmp_path: Path, method: str) -> None:
    held = a_position(pair=SOL)
    replies = a_reply(
        call("signal_entry_long", PAIR, **LONG), call("signal_wait", ETH), call("signal_exit", SOL)
    )
    rooms = wired(tmp_path, ScriptedClient([replies]), world=world_of(held))
    rooms = replace(rooms, library=Troubled(rooms.library, method))
    records = run(rooms, question(PAIR, held), question(ETH, held), question(SOL, held))
    by_pair = {one.pair: (one.status, one.fault) for one in records}
    assert by_pair[ETH] == ("failed", "internal: KeyError")
    assert by_pair[PAIR][0] == by_pair[SOL][0] == "approved"
    assert rooms.book.look(PAIR, "entry", NOON) is not None
    assert rooms.book.look(SOL, "exit", NOON) is not None
    assert len(decisions(rooms)) == 3


def test_what_need_not_be_asked_is_left_out(tmp_path: Path) -> None:
    asking = {"asking": {"scope": "portfolio", "skip_unchanged": True}}
    client = ScriptedClient([waits(PAIR, ETH), waits(SOL)])
    rooms = wired(tmp_path, client, llm_config=asking)
    run(rooms, question(PAIR), question(ETH))
    at = NOON + timedelta(minutes=30)
    frames = (some_candles(end=at), some_candles("1h"))
    later = [
        replace(question(pair), decision_id=f"e-{pair}", candle_at=at, frames=frames)
        for pair in (PAIR, ETH, SOL)
    ]
    records = run(rooms, *later)
    assert {one.pair: one.status for one in records} == {
        PAIR: "skipped",
        ETH: "skipped",
        SOL: "approved",
    }
    assert PAIR not in client.prompts[-1].messages[-1].content


def test_a_single_pair_is_asked_about_as_ever(tmp_path: Path) -> None:
    client = ScriptedClient([waits(PAIR)])
    (record,) = run(wired(tmp_path, client), question(PAIR))
    assert record.status == "approved"
    assert not client.prompts[0].several


def test_with_the_usual_scope_each_pair_has_a_question_of_its_own(tmp_path: Path) -> None:
    client = ScriptedClient([waits(PAIR), waits(ETH)])
    rooms = some_rooms(tmp_path, client)
    assert open_panel(client, rooms.config, [a_target()]) is None
    run(rooms, question(PAIR), question(ETH))
    assert len(client.prompts) == 2


def test_a_server_that_makes_one_call_at_a_time_is_refused() -> None:
    config = a_config(**SCOPE)
    single = a_target("http://127.0.0.1:9/v1")
    single = replace(single, provider=replace(single.provider, several_calls=False))
    client = ScriptedClient([waits(PAIR)])
    assert open_panel(client, config, [a_target()]) is not None
    with pytest.raises(ConfigError) as caught:
        open_panel(client, config, [a_target(), single])
    assert "llm_config.asking.scope: found 'portfolio', but test-model" in str(caught.value)


def test_cheap_answers_are_about_one_pair() -> None:
    with pytest.raises(ConfigError, match="no cheap_model where scope is portfolio"):
        a_config(llm_config={"asking": {"scope": "portfolio", "cheap_model": "small"}})


def test_on_the_bill_a_request_for_all_pairs_is_none_of_its_decisions(tmp_path: Path) -> None:
    asked: list[tuple[str, str, str]] = []

    class Noting(ScriptedClient):
        async def ask(self, prompt: Any, inquiry: Any = None, *, model: Any = None) -> Reply:
            asked.append((inquiry.pair, inquiry.decision_id, inquiry.kind))
            return await super().ask(prompt, inquiry, model=model)

    rooms = wired(tmp_path, Noting([waits(PAIR, ETH)]))
    run(rooms, question(PAIR), question(ETH))
    assert asked == [("all pairs", f"all-d-{PAIR}", "portfolio")]

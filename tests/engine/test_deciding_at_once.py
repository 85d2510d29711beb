"""Questions that come together, each with its own prompt: asked at once, concluded in order."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from builders import PAIR, a_question, some_candles
from builders import a_world as world_of
from fakes import answering
from llm_modules.dialogue import Inquiry, Prompt, Reply
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.portfolio import decide_all
from llm_modules.engine.question import Question
from llm_modules.journal.records import DecisionLine, DecisionRecord
from rooms import some_rooms

ETH = "ETH/USDT:USDT"
PRICE = float(some_candles("30m").close[-1])
LONG = {"stop_price": PRICE * 0.98, "key_support": PRICE * 0.97, "key_resistance": PRICE * 1.05}


class LastFirst:
    """Answers about the first pair last; `most` were under way at once."""

    def __init__(self) -> None:
        self.most = self._under_way = 0
        self.answered: list[str] = []

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        assert inquiry is not None
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        for _ in range(20 if inquiry.pair == PAIR else 1):
            await asyncio.sleep(0)
        self._under_way -= 1
        self.answered.append(inquiry.pair)
        return answering("signal_entry_long", pair=inquiry.pair, **LONG)

    async def close(self) -> None:
        """Hold nothing."""


def wired(folder: Path, client: LastFirst, **blocks: Any) -> Rooms:
    return some_rooms(folder, client, world_of(open_trades=0), **blocks)


def decided(rooms: Rooms, questions: Sequence[Question]) -> list[DecisionRecord]:
    records: list[DecisionRecord] = []
    asyncio.run(decide_all(questions, rooms, lambda _question, record: records.append(record)))
    return records


def two_questions() -> list[Question]:
    return [a_question(decision_id="one"), a_question(decision_id="two", pair=ETH)]


def test_all_are_asked_before_any_is_concluded(tmp_path: Path) -> None:
    client = LastFirst()
    decided(wired(tmp_path, client), two_questions())
    assert client.most == 2
    assert client.answered == [ETH, PAIR]


def test_a_tape_is_asked_about_one_after_the_other(tmp_path: Path) -> None:
    client = LastFirst()
    records = decided(wired(tmp_path, client, llm_config={"tape_mode": "replay"}), two_questions())
    assert client.most == 1
    assert client.answered == [PAIR, ETH]
    assert [one.status for one in records] == ["approved", "approved"]


def test_the_answers_count_in_the_order_of_the_questions(tmp_path: Path) -> None:
    rooms = wired(tmp_path, LastFirst(), risk_management={"max_open_trades": 1})
    first, second = decided(rooms, two_questions())
    assert (first.pair, first.status) == (PAIR, "approved")
    # The slot was promised to the first, although its answer came last.
    assert (second.pair, second.status) == (ETH, "refused")


def test_a_pair_without_usable_candles_is_a_record_and_asks_nobody(tmp_path: Path) -> None:
    first, second = two_questions()
    main = first.frames[0]
    old = replace(main, open_times=main.open_times - 86_400_000)
    client = LastFirst()
    records = decided(wired(tmp_path, client), [replace(first, frames=(old,)), second])
    assert client.answered == [ETH]
    assert {one.pair: one.status for one in records} == {PAIR: "failed", ETH: "approved"}


def test_whoever_listens_hears_every_line_that_is_noted(tmp_path: Path) -> None:
    heard: list[DecisionLine] = []
    rooms = replace(wired(tmp_path, LastFirst()), heard=heard.append)
    assert decided(rooms, two_questions()) == heard

"""The user's templates reach every question, and every record names the templates in use."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR, a_config, a_question, an_account, some_candles
from fakes import ScriptedClient, answering
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.template_files import OWN_PROMPTS
from llm_modules.engine.cycle import Rooms, decide
from llm_modules.engine.desk import Desk
from llm_modules.engine.inline import InlineService
from llm_modules.engine.portfolio import decide_all, open_panel
from llm_modules.engine.question import Question
from llm_modules.engine.startup import Premises, open_desk
from llm_modules.errors import ConfigError
from llm_modules.journal.records import DecisionRecord
from models import a_target
from rooms import some_rooms

ETH = "ETH/USDT:USDT"
WAIT = answering("signal_wait")


def put(user_data: Path, template: str, text: str) -> Path:
    path = user_data / OWN_PROMPTS / "en" / template
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path.parents[1]


def with_templates(rooms: Rooms, prompts: Path) -> Rooms:
    config = rooms.config
    return replace(
        rooms, context=ContextBuilder(config.context_config, config.risk_management, prompts)
    )


def _a_candle_later(question: Question) -> Question:
    later = question.candle_at + timedelta(minutes=30)
    frames = (some_candles("30m", end=later), some_candles("1h", end=later))
    return replace(question, decision_id="d-2", candle_at=later, frames=frames)


def opened(folder: Path, client: ScriptedClient, **changes: Any) -> Desk:
    premises = Premises(lambda: NOON, InlineService, client=client, **changes)
    return open_desk(a_config(str(folder)), "sandbox", "USDT", folder, {}, premises)


def asked(desk: Desk, client: ScriptedClient) -> str:
    desk.observe(an_account(), (), (), NOON)
    desk.ask([a_question()])
    desk.stop()
    return client.prompts[0].messages[0].content


def test_an_answered_decision_names_the_templates_that_asked(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([WAIT]))
    shipped = asyncio.run(decide(a_question(), rooms))
    own = with_templates(rooms, put(tmp_path, "flat.j2", "Wait, always."))
    other = asyncio.run(decide(a_question(), own))

    assert shipped.status == other.status == "approved"
    assert shipped.templates == rooms.context.templates
    assert other.templates == own.context.templates != shipped.templates
    assert other.prompt_hash != shipped.prompt_hash


def test_the_same_templates_have_one_name_whatever_is_asked(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([WAIT]))
    one, other = (
        asyncio.run(decide(question, rooms)) for question in (a_question(), a_question(pair=ETH))
    )

    assert one.templates == other.templates
    assert one.prompt_hash != other.prompt_hash


def test_a_decision_that_was_not_asked_names_them_too(tmp_path: Path) -> None:
    asking = {"asking": {"flat_every_candles": 2}}
    rooms = some_rooms(tmp_path, ScriptedClient([WAIT]), llm_config=asking)
    asyncio.run(decide(a_question(), rooms))
    skipped = asyncio.run(decide(_a_candle_later(a_question()), rooms))

    assert skipped.status == "skipped"
    assert skipped.templates == rooms.context.templates


def test_a_decision_that_failed_names_them_too(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([WAIT]))
    failed = asyncio.run(decide(a_question(candle_at=NOON.replace(year=2030)), rooms))

    assert (failed.status, failed.prompt_hash) == ("failed", None)
    assert failed.templates == rooms.context.templates


def test_a_question_about_all_pairs_uses_and_names_them(tmp_path: Path) -> None:
    prompts = put(tmp_path, "portfolio_user.j2", "Mine: {{ pages|join }} {{ pairs|join }}")
    client = ScriptedClient([WAIT])
    scope = {"llm_config": {"asking": {"scope": "portfolio"}}}
    rooms = with_templates(some_rooms(tmp_path, client, **scope), prompts)
    panel = open_panel(client, rooms.config, [a_target()], prompts)
    records: list[DecisionRecord] = []
    questions = [a_question(pair=pair, decision_id=pair) for pair in (PAIR, ETH)]
    asyncio.run(
        decide_all(questions, replace(rooms, panel=panel), lambda _, one: records.append(one))
    )

    assert client.prompts[0].messages[1].content.startswith("Mine: ")
    assert {one.templates for one in records} == {rooms.context.templates}


def test_a_bot_uses_the_templates_in_its_user_data(tmp_path: Path) -> None:
    put(tmp_path, "base.j2", "Wait, always.")
    client = ScriptedClient([WAIT])

    assert asked(opened(tmp_path, client), client) == "Wait, always."


def test_templates_elsewhere_are_used_where_it_is_said(tmp_path: Path) -> None:
    prompts = put(tmp_path / "elsewhere", "base.j2", "Wait, always.")
    client = ScriptedClient([WAIT])

    assert asked(opened(tmp_path, client, prompts=prompts), client) == "Wait, always."


def test_a_template_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    put(tmp_path, "flat.j2", "{{ markt }}")

    with pytest.raises(ConfigError, match=r"llm_prompts/en/flat\.j2: unknown variable 'markt'"):
        opened(tmp_path, ScriptedClient([WAIT]))


def test_what_is_changed_while_the_bot_runs_waits_for_a_restart(tmp_path: Path) -> None:
    client = ScriptedClient([WAIT])
    put(tmp_path, "base.j2", "Before.")
    desk = opened(tmp_path, client)
    put(tmp_path, "base.j2", "After.")

    assert asked(desk, client) == "Before."

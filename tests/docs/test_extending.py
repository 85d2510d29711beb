"""What docs/extending.md shows is taken from the page, put where it says, and really run."""

import asyncio
import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from builders import a_gate_state, a_position, a_prompt, settings
from context.scenes import a_risk
from judging import codes, judge
from llm_modules import config as configuration
from llm_modules.config import ContextConfig, RiskConfig, parse_config
from llm_modules.context import tables
from llm_modules.context.templates import PromptTemplates
from llm_modules.context.wording import context_phrases
from llm_modules.domain import TimeframeView
from llm_modules.gate import checks
from llm_modules.gate.checks import catalogue, market
from llm_modules.llm.opening import targets
from llm_modules.llm.providers import rows, table
from llm_modules.market import indicators
from market.made_candles import made_candles
from models import a_client
from serving import serving

PAGE = (Path(__file__).parent.parent.parent / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"(?ms)^## (.*?)\n(.*?)(?=^## |\Z)", PAGE))
SATURDAY = datetime(2026, 1, 17, 12, tzinfo=UTC)
FRIDAY = datetime(2026, 1, 16, 12, tzinfo=UTC)
REPLY = {
    "id": "r1",
    "object": "chat.completion",
    "created": 1,
    "model": "example-large",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "signal_wait", "arguments": "{}"},
                    }
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def blocks(section: str, language: str) -> list[str]:
    found = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", SECTIONS[section])
    assert found, f"no {language} in {section}"
    return found


def made(code: str, module: Any, name: str) -> Any:
    """What a block of the page defines, seeing the names of the module it is written for."""
    names = dict(vars(module))
    exec(compile(code, "docs/extending.md", "exec"), names)  # noqa: S102 - our own page
    return names[name]


def accepted(snippet: str, block: str = "context_config") -> Any:
    return getattr(parse_config(settings(**{block: json.loads(snippet)})), block)


def test_nothing_shown_is_longer_than_thirty_lines() -> None:
    shown = re.findall(r"(?ms)^```\w+\n(.*?)^```$", PAGE)
    assert len(shown) >= 8
    assert max(len(block.splitlines()) for block in shown) < 30


def test_every_python_block_names_the_file_it_belongs_to() -> None:
    root = Path(configuration.__file__).parent.parent
    for block in re.findall(r"(?ms)^```python\n(.*?)^```$", PAGE):
        file = re.match(r"# ([\w/]+\.py)", block)
        assert file, block
        assert (root / file[1]).is_file(), file[1]


def test_an_indicator_by_its_name_is_computed() -> None:
    context = accepted(blocks("A new indicator", "json")[0])
    assert indicators.unknown_indicators(context.extra_indicators) == ()
    columns = indicators.compute(made_candles(rows=60), context.extra_indicators)
    assert -100 <= columns["willr_14"][-1] <= 0


@pytest.fixture
def williams(monkeypatch: pytest.MonkeyPatch) -> None:
    """The indicator of the page, in all the places the page names."""
    row = made(blocks("A new indicator", "python")[0], indicators, "WILLIAMS")
    monkeypatch.setattr(indicators, "INDICATORS", (*indicators.INDICATORS, row))
    for module in (configuration, tables):
        longer = (*module.INDICATOR_COLUMNS, *row[0])
        monkeypatch.setattr(module, "INDICATOR_COLUMNS", longer)
    monkeypatch.setattr(configuration, "TABLE_COLUMNS", (*configuration.TABLE_COLUMNS, *row[0]))


@pytest.mark.usefixtures("williams")
def test_an_indicator_of_ones_own_is_computed_and_shown_where_the_settings_say() -> None:
    candles = made_candles(rows=60)
    columns = indicators.compute(candles)
    np.testing.assert_array_less(columns["willr_21"][20:], 1e-9)
    assert math.isnan(columns["willr_21"][19])
    assert len(columns["willr_21"]) == 60

    context: ContextConfig = accepted(blocks("A new indicator", "json")[1])
    layout = tables.Layout(context.table_columns, 3, 3)
    view = TimeframeView(candles, columns)
    shown = tables.history_table(view, "candles", layout, 2, context_phrases("en"))
    assert shown.header == "opened close rsi_14 willr_21"
    assert len(shown.lines) == 3


@pytest.fixture
def weekend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of the page, in the lists and in the catalogue."""
    code, entry = blocks("A new check", "python")
    check = made(code, market, "week_is_open")
    monkeypatch.setattr(market, "week_is_open", check, raising=False)
    for name in ("ENTRY_CHECKS", "ADDITION_CHECKS"):
        monkeypatch.setattr(checks, name, (check, *getattr(checks, name)))
    rule = made(entry, catalogue, "WEEKEND")
    monkeypatch.setattr(catalogue, "CATALOGUE", (*catalogue.CATALOGUE, rule))


@pytest.mark.usefixtures("weekend")
@pytest.mark.parametrize("tool", ["signal_entry_long", "adjust_position"])
def test_a_check_of_ones_own_refuses_what_it_is_about(tool: str) -> None:
    position = a_position() if tool == "adjust_position" else None
    for at, refused in ((FRIDAY, False), (SATURDAY, True)):
        verdict = judge(tool, a_gate_state(now=at, position=position))
        assert ("WEEKEND" in codes(verdict)) is refused


@pytest.mark.usefixtures("weekend")
def test_getting_out_stays_possible_beside_a_check_of_ones_own() -> None:
    verdict = judge("signal_exit", a_gate_state(now=SATURDAY, position=a_position()))
    assert "WEEKEND" not in codes(verdict)


@pytest.mark.usefixtures("weekend")
def test_a_check_of_ones_own_stands_in_the_table_of_checks() -> None:
    row = "| `WEEKEND` | entry, addition | refuses |  | Refuse new exposure on Saturdays and"
    assert row in catalogue.checks_table()


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider of the page, in the table."""
    row = made(blocks("A new provider", "python")[0], rows, "EXAMPLE")
    monkeypatch.setattr(table, "PROVIDERS", {**table.PROVIDERS, row.name: row})


@pytest.mark.usefixtures("example")
def test_a_provider_of_ones_own_has_its_address_and_its_key() -> None:
    llm = accepted(blocks("A new provider", "json")[0], "llm_config")
    (target,) = targets(llm.model_copy(update={"api_base": ""}), {"EXAMPLE_API_KEY": "k-1"})
    assert target.api_base == "https://api.example.com/v1"
    assert target.key.get_secret_value() == "k-1"
    assert target.provider.of("x-thinking").forced_call is False
    assert target.provider.of("x-large").forced_call is True


@pytest.fixture
def asked() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A server that answers with a call and remembers what it was asked."""
    bodies: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response(REPLY)

    def make() -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        return app

    with serving(make) as port:
        yield port, bodies


@pytest.mark.usefixtures("example")
def test_a_provider_of_ones_own_is_asked_as_its_row_says(
    asked: tuple[int, list[dict[str, Any]]],
) -> None:
    port, bodies = asked
    snippet = json.loads(blocks("A new provider", "json")[0])
    snippet["api_base"] = f"http://127.0.0.1:{port}"
    config = accepted(json.dumps(snippet), "llm_config")

    async def ask() -> Any:
        client = a_client(config)
        try:
            return await client.ask(a_prompt())
        finally:
            await client.close()

    reply = asyncio.run(ask())
    assert [request.name for request in reply.tool_requests] == ["signal_wait"]
    (body,) = bodies
    assert body["thinking"] == "off"
    assert "parallel_tool_calls" not in body


def own_templates(folder: Path) -> Path:
    named = re.search(r"user_data/(llm_prompts)/(en/\w+\.j2)", SECTIONS["A new template"])
    assert named
    path = folder / named[1] / named[2]
    path.parent.mkdir(parents=True)
    path.write_text(blocks("A new template", "jinja")[0], encoding="utf-8")
    return folder / named[1]


def test_a_template_of_ones_own_builds_on_the_shipped_one(tmp_path: Path) -> None:
    risk: RiskConfig = a_risk(max_leverage=7)
    shipped = PromptTemplates(risk, "en").system("flat")
    own = PromptTemplates(risk, "en", own=own_templates(tmp_path)).system("flat")
    added = "- Prefer waiting. Above 3.5x leverage, say in `reason` why it has to be."
    assert added in own
    assert added not in shipped
    assert len(own) == pytest.approx(len(shipped) + len(added), abs=3)

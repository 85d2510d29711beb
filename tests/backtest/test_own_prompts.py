"""A backtest asks with the user's templates, and a bad one is told before it begins."""

from pathlib import Path

import pytest

from backtests import Remembering, backtest_config, played
from llm_modules.backtest.outcome import Variant
from llm_modules.backtest.running import run
from llm_modules.context.template_files import OWN_PROMPTS
from llm_modules.errors import UserError
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES, DecisionRecord

# Two hours from midnight of 2026-01-10.
TWO_HOURS = "1768003200-1768010400"
PAIRS = ("BTC/USDT:USDT",)


def put(user_data: Path, text: str) -> None:
    path = user_data / OWN_PROMPTS / "en" / "base.j2"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_run_asks_with_the_templates_of_its_user_data_and_records_them(tmp_path: Path) -> None:
    put(tmp_path, "Decide as you like, at most {{ risk.max_leverage|number }}x.")
    client = Remembering()
    outcome = played(backtest_config(tmp_path, TWO_HOURS, PAIRS), client)
    lines = read_journal(outcome.folder / "llm_decisions.jsonl", DECISION_LINES).records
    versions = {one.templates for one in lines if isinstance(one, DecisionRecord)}

    told = {prompt.messages[0].content for prompt in client.prompts}
    assert told == {"Decide as you like, at most 10x."}
    assert versions == {prompt.templates for prompt in client.prompts}
    assert len(versions) == 1


def test_a_template_that_cannot_be_used_ends_the_run_with_its_name(tmp_path: Path) -> None:
    put(tmp_path, "{{ markt }}")

    with pytest.raises(UserError, match=r"llm_prompts/en/base\.j2: unknown variable 'markt'"):
        run(backtest_config(tmp_path, TWO_HOURS, PAIRS), Variant(client=Remembering()))

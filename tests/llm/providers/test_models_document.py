"""docs/models.md says what the table says."""

import re
from pathlib import Path

import pytest

from llm_modules.llm.providers.catalogue import capability_table, deviations
from llm_modules.llm.providers.table import PROVIDERS
from models import llm_config

DOCUMENT = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r'^    "llm_config": (\{.*?\})', DOCUMENT, re.MULTILINE | re.DOTALL)


def between(begin: str, end: str) -> str:
    return DOCUMENT.split(begin)[1].split(end)[0].strip()


def test_the_table_in_the_documentation_is_printed_from_the_code() -> None:
    assert between("<!-- capabilities -->", "<!-- end of capabilities -->") == capability_table()


def test_the_deviations_in_the_documentation_are_printed_from_the_code() -> None:
    assert between("<!-- deviations -->", "<!-- end of deviations -->") == deviations()


@pytest.mark.parametrize("name", sorted(set(PROVIDERS) - {"compatible"}))
def test_every_provider_has_a_section_with_its_key_and_a_block_to_copy(name: str) -> None:
    assert any(f'"provider": "{name}"' in block for block in BLOCKS)
    assert f"`{PROVIDERS[name].key_variable}`" in DOCUMENT


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_to_copy_is_accepted(block: str) -> None:
    values = dict(re.findall(r'"(\w+)": "([^"]*)"', block))
    config = llm_config(**({"api_base": "", "provider": ""} | values))
    assert config.model == values["model"]
    assert not config.provider or config.provider in PROVIDERS

"""Every provider has a page whose settings work and whose facts are those of the table."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from llm_modules.cli import commands as cli
from llm_modules.config import TraderConfig, parse_config
from llm_modules.llm.opening import targets
from llm_modules.llm.providers.table import PROVIDERS
from llm_modules.operations.settings.env_file import read_env_file
from llm_modules.operations.settings.reading import read_settings

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "providers").glob("*.md")}
MODELS = (DOCS / "models.md").read_text(encoding="utf-8")
SHIPPED = read_settings(ROOT / "user_data" / "config.json")
FENCE = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")


def blocks(text: str, language: str) -> list[str]:
    return [found[2] for found in FENCE.finditer(text) if found[1] == language]


def accepted(snippet: str) -> TraderConfig:
    """The shipped settings with a snippet's keys in `llm_config`, read as a start reads them."""
    changed: dict[str, Any] = SHIPPED["llm_config"] | json.loads(snippet)
    return parse_config({**SHIPPED, "llm_config": changed})


SNIPPETS = [(name, snippet) for name, text in PAGES.items() for snippet in blocks(text, "json")]
SNIPPETS += [("models", snippet) for snippet in blocks(MODELS, "json")]


def test_there_is_a_page_for_every_provider_and_for_no_other() -> None:
    assert set(PAGES) == set(PROVIDERS)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_the_overview_names_each_provider_its_page_and_its_key(name: str) -> None:
    row = next(line for line in MODELS.splitlines() if f"(providers/{name}.md)" in line)
    assert row.startswith(f"| `{name}` |")
    assert f"`{PROVIDERS[name].key_variable}`" in row


@pytest.mark.parametrize(("name", "snippet"), SNIPPETS)
def test_settings_to_copy_are_accepted_as_they_stand(name: str, snippet: str) -> None:
    config = accepted(snippet).llm_config
    assert config.model
    assert all(target.api_base for target in targets(config, {}))


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_settings_of_a_page_mean_its_provider(name: str) -> None:
    found = blocks(PAGES[name], "json")
    assert found
    for snippet in found:
        config = accepted(snippet).llm_config
        assert targets(config, {})[0].provider.name == name


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_command_of_a_page_writes_the_settings_of_the_page(name: str, tmp_path: Path) -> None:
    (line,) = [block for block in blocks(PAGES[name], "bash") if "manage.sh" in block]
    user_data = tmp_path / "user_data"
    user_data.mkdir()
    for file in ("config.json", "config.sandbox.json"):
        shutil.copy(ROOT / "user_data" / file, user_data / file)
    arguments = [*shlex.split(line)[1:], "--yes", "--user-data", str(user_data)]
    assert cli.main(arguments, {}) == 0
    written = read_settings(user_data / "config.json")["llm_config"]
    wanted = json.loads(blocks(PAGES[name], "json")[0])
    if name == "compatible":
        wanted["model"] = "NAME"
    assert {key: written[key] for key in ("provider", "api_base", "model")} == (
        {"provider": "", "api_base": ""} | wanted
    )


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_key_of_a_page_is_the_one_its_provider_reads(name: str, tmp_path: Path) -> None:
    first = accepted(blocks(PAGES[name], "json")[0]).llm_config
    lines = blocks(PAGES[name], "ini")
    if name == "ollama":
        assert lines == [], "a server without keys needs none"
        return
    (tmp_path / ".env").write_text(lines[0], encoding="utf-8")
    variables = read_env_file(tmp_path / ".env")
    assert list(variables) == [PROVIDERS[name].key_variable]
    (value,) = variables.values()
    assert targets(first, variables)[0].key.get_secret_value() == value


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_short_and_says_what_to_do_next(name: str) -> None:
    text = PAGES[name]
    assert len(text.splitlines()) < 70
    assert "./manage.sh doctor" in text
    assert "./manage.sh restart" in text
    assert "## Good to know" in text


def test_what_is_known_of_a_provider_stands_on_its_own_page_only() -> None:
    for name, row in PROVIDERS.items():
        for quirk in row.quirks:
            homes = {page for page, text in PAGES.items() if f"  - {quirk}\n" in text}
            assert homes == {name}

"""What tools/reference.py writes into docs/ is there, whole, and as the code has it."""

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llm_modules.config import TraderConfig
from llm_modules.config.reference import settings_reference
from llm_modules.operations.settings.reading import read_settings

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGE = (DOCS / "configuration.md").read_text(encoding="utf-8")
SHIPPED = read_settings(ROOT / "user_data" / "config.json")
REFERENCE = settings_reference(SHIPPED)


def loaded_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = loaded_tool()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A copy of the documents that have written parts."""
    for name in TOOL.PARTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(DOCS / name, tmp_path / name)
    return tmp_path


def row(key: str, part: str = REFERENCE) -> list[str]:
    """The cells of the first row about a key."""
    found = re.search(rf"(?m)^\| `{key}` \|(.*)\|$", part)
    assert found, key
    return [cell.strip() for cell in found[1].split(" | ")]


def section(heading: str) -> str:
    return REFERENCE.split(f"### `{heading}`")[1].split("###")[0]


def test_the_committed_documents_are_what_the_tool_makes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert TOOL.main(["--check"]) == 0, capsys.readouterr().out


def test_a_part_that_is_behind_is_named_and_left_alone(
    docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = PAGE.replace("randomness of the answer", "wildness")
    (docs / "configuration.md").write_text(changed, encoding="utf-8")
    assert TOOL.main(["--check"], docs) == 1
    assert capsys.readouterr().out == "docs/configuration.md is behind\n"
    assert (docs / "configuration.md").read_text(encoding="utf-8") == changed


def test_a_part_that_is_behind_is_written(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("configuration.md", "risk.md"):
        text = (docs / name).read_text(encoding="utf-8")
        (docs / name).write_text(text.replace("max_leverage", "max_lever"), encoding="utf-8")
    by_hand = (docs / "configuration.md").read_text(encoding="utf-8").count("max_lever`")
    assert TOOL.main([], docs) == 0
    assert capsys.readouterr().out == "docs/configuration.md written\ndocs/risk.md written\n"
    left = (docs / "configuration.md").read_text(encoding="utf-8").count("max_lever`")
    assert 0 < left < by_hand, "what is written by hand stays as it is"


def test_nothing_to_write_says_nothing(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert TOOL.main([], docs) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "text",
    [
        "no marks",
        "<!-- part -->\nno end",
        "<!-- end of part -->\n<!-- part -->\n",
        2 * "<!-- part -->\nx\n<!-- end of part -->\n",
    ],
)
def test_marks_that_are_not_there_once_are_refused(text: str) -> None:
    with pytest.raises(
        TOOL.MarkError, match=r"expected <!-- part --> \.\. <!-- end of part --> once"
    ):
        TOOL.filled(text, {"part": lambda: "new"})


def test_missing_marks_are_told_with_their_file(docs: Path) -> None:
    (docs / "risk.md").write_text("nothing here", encoding="utf-8")
    with pytest.raises(TOOL.MarkError, match=r"docs/risk\.md: expected <!-- checks -->"):
        TOOL.behind(docs)


def test_a_part_may_hold_what_would_be_special_in_a_pattern() -> None:
    text = "before\n<!-- part -->\nold\n<!-- end of part -->\nafter"
    assert TOOL.filled(text, {"part": lambda: r"\1 \g<0> \d"}) == (
        "before\n<!-- part -->\n\n\\1 \\g<0> \\d\n\n<!-- end of part -->\nafter"
    )


@pytest.mark.parametrize("block", sorted(TraderConfig.model_fields))
def test_every_key_of_a_block_has_a_row(block: str) -> None:
    model: Any = TraderConfig.model_fields[block].annotation
    keys = re.findall(r"(?m)^\| `(\w+)` \|", section(block))
    assert keys == list(model.model_fields)


def test_blocks_within_blocks_have_tables_of_their_own() -> None:
    headings = re.findall(r"(?m)^### `(.*)`$", REFERENCE)
    assert headings == [
        "llm_config",
        "llm_config.fallbacks[]",
        "llm_config.asking",
        "llm_config.budget",
        "llm_config.prices.NAME",
        "risk_management",
        "experience_config",
        "context_config",
    ]


def test_no_key_is_without_a_meaning() -> None:
    rows = re.findall(r"(?m)^\| `\w+` \|.*\|$", REFERENCE)
    assert len(rows) > 100
    for line in rows:
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert len(cells) == 4, line
        assert all(cells), line


@pytest.mark.parametrize(
    ("key", "value", "default"),
    [
        ("temperature", "number, at least 0, at most 2", "required; shipped `0.6`"),
        ("max_tokens", "whole number, at least 64, at most 128,000", "required; shipped `2000`"),
        ("timeout", "number, above 0, at most 3,600", "required; shipped `60`"),
        ("api_key", "text", '`""`'),
        ("fallbacks", "a list, each a block, below, at most 5 items", "`[]`"),
        ("asking", "a block, below", "-"),
        ("prices", "names, each with a block, below", "-"),
        ("usd_per_day", "number, above 0 or `null`", "`null`"),
        ("input", "number, at least 0, at most 10,000", "required"),
        ("emergency_stop_loss", "number, above -1, below 0", "required; shipped `-0.15`"),
        ("rsi_claim", '`"refuse"` or `"clamp"` or `"record"`', '`"refuse"`'),
        ("log_trades", "`true` or `false`", "required; shipped `true`"),
        ("table_columns", "a list, each text, not empty", None),
        ("extra_indicators", "a list, each text, at most 20 items", "`[]`"),
        (
            "multi_timeframe_history",
            "names, each with whole number, at least 1, at most 500",
            "required; shipped `{}`",
        ),
        (
            "trade_log_path",
            "text, not empty",
            'required; shipped `"./user_data/logs/trade_experience.jsonl"`',
        ),
    ],
)
def test_a_row_tells_what_is_allowed_and_what_holds_otherwise(
    key: str, value: str, default: str | None
) -> None:
    cells = row(key)
    assert cells[0] == value
    assert default is None or cells[1] == default


def test_a_document_named_in_a_meaning_is_a_link() -> None:
    assert "[journals](journals.md)" in row("decision_log_durability")[2]
    assert "docs/" not in REFERENCE.split("### `experience_config`")[1]


def test_without_shipped_settings_a_required_key_is_only_required() -> None:
    assert row("temperature", settings_reference({}))[1] == "required"
    assert row("temperature", settings_reference({"llm_config": None}))[1] == "required"


def test_names_that_a_list_takes_are_listed() -> None:
    lists = REFERENCE.split("| `extra_indicators`")[1]
    for name in ("`rsi_14`", "`bb_lower`", "`close`", "`30m`"):
        assert name in lists


def test_every_setting_that_is_shipped_is_explained_on_the_page() -> None:
    for key in SHIPPED:
        assert f"`{key}`" in PAGE, key


def test_every_variable_that_env_may_hold_is_explained_on_the_page() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    names = re.findall(r"(?m)^(?:# )?([A-Z][A-Z_]+)=", example)
    assert len(names) > 8
    for name in names:
        assert f"`{name}`" in PAGE, name

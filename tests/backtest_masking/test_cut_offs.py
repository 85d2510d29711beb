from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from llm_modules.backtest.cut_offs import TABLE, CutOff, cut_off_of, plain_name, shipped_cut_offs

HEAD = 'checked = 2026-11-21\n[[provider]]\nname = "maker"\nsource = "https://maker.example"\n'


def table(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "cut_offs.toml"
    path.write_text(f"{HEAD}cut_offs = [{', '.join(rows)}]\n", encoding="utf-8")
    return path


def row(model: str, until: str) -> str:
    return f'{{ model = "{model}", until = {until} }}'


@pytest.mark.parametrize(
    ("model", "until"),
    [
        ("gpt-4o", date(2023, 10, 1)),
        ("gpt-4.1-mini", date(2024, 6, 1)),
        ("gpt-5-mini", date(2024, 5, 31)),
        ("gpt-5.2", date(2025, 8, 31)),
        ("o3-mini", date(2024, 6, 1)),
        ("claude-sonnet-4-5", date(2025, 7, 31)),
        ("claude-opus-4-1", date(2025, 3, 31)),
        ("gemini-2.5-pro", date(2025, 1, 31)),
        ("grok-4", date(2024, 11, 30)),
        ("llama-3.3-70b-instruct", date(2023, 12, 31)),
    ],
)
def test_what_makers_publish_is_known(model: str, until: date) -> None:
    found = cut_off_of(model)
    assert found is not None
    assert found.until == until
    assert found.source


@pytest.mark.parametrize(
    "model",
    [
        *("", "scripted-policy", "deepseek-chat", "mistral-large-latest", "qwen3-max", "my-own"),
        # Named alike, trained later or by somebody else.
        *("gpt-5.6-sol", "gpt-6-sol", "gpt-5-turbo", "grok-4.3", "claude-opus-5-5", "gpt-4o-audio"),
        *("nvidia/llama-3.1-nemotron-70b-instruct", "chatgpt-4o-latest", "gemini-flash-latest"),
    ],
)
def test_what_nobody_published_is_unknown(model: str) -> None:
    assert cut_off_of(model) is None


@pytest.mark.parametrize(
    "model",
    [
        "claude-sonnet-4-5",
        "Claude-Sonnet-4-5",
        " claude-sonnet-4-5 ",
        "claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5@20250929",
        "anthropic/claude-sonnet-4-5",
        "anthropic/claude-sonnet-4-5:beta",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "publishers/anthropic/models/claude-sonnet-4-5",
    ],
)
def test_a_name_is_the_same_at_every_seller(model: str) -> None:
    assert plain_name(model) == "claude-sonnet-4-5"
    assert cut_off_of(model) == cut_off_of("claude-sonnet-4-5")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("openai/gpt-4o-2024-08-06", "gpt-4o"),
        ("openai/gpt-4.1", "gpt-4.1"),
        ("qwen3.5-plus", "qwen3.5-plus"),
        ("grok-4-0709", "grok-4"),
        ("llama3.1:70b", "llama3.1"),
        ("gpt-5.1", "gpt-5.1"),
        ("gemini-2.0-flash-001", "gemini-2.0-flash-001"),
    ],
)
def test_versions_stay_in_a_name_and_dates_do_not(model: str, name: str) -> None:
    assert plain_name(model) == name


def test_a_day_counts_whole(tmp_path: Path) -> None:
    found = cut_off_of("m", table(tmp_path, row("m", "2024-12-31")))
    assert found == CutOff(date(2024, 12, 31), "https://maker.example")
    assert found.at == datetime(2025, 1, 1, tzinfo=UTC)


def test_the_longest_pattern_wins_wherever_it_stands(tmp_path: Path) -> None:
    rows = [row("m-*", "2024-01-31"), row("m-large*", "2025-01-31"), row("*", "2023-01-31")]
    for path in (table(tmp_path, *rows), table(tmp_path, *reversed(rows))):
        shipped_cut_offs.cache_clear()
        found = [cut_off_of(name, path) for name in ("m-large-2", "m-small", "other")]
        assert [one and one.until.year for one in found] == [2025, 2024, 2023]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("checked = ", "Invalid value"),
        ("checked = 2026-11-21", "provider"),
        (f"{HEAD}cut_offs = [{{ model = 'm', until = 2024 }}]", "until"),
        (f"{HEAD}cut_offs = [{{ model = '', until = 2024-01-31 }}]", "model"),
        (f"{HEAD}cut_offs = [{{ model = 'm', until = 2024-01-31, to = 1 }}]", "to"),
        (HEAD.replace("https://maker.example", "") + "cut_offs = []", "source"),
    ],
)
def test_a_broken_table_is_a_developer_s_error(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError, match=r"broken\.toml is not a table of cut-offs") as caught:
        cut_off_of("m", path)
    assert problem in str(caught.value)


def test_the_shipped_table_is_in_order() -> None:
    table = shipped_cut_offs()
    rows = [row for provider in table.provider for row in provider.cut_offs]
    names = [row.model for row in rows]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() for name in names)
    assert all(date(2020, 1, 1) < row.until <= table.checked for row in rows)
    assert all(provider.source.strip() for provider in table.provider)
    assert TABLE.exists()


def test_every_name_in_the_table_is_one_that_is_looked_for() -> None:
    # A date or a seller in a pattern would never be found: names are stripped of both.
    for provider in shipped_cut_offs().provider:
        for one in provider.cut_offs:
            example = one.model.replace("[0-9]*", "8").rstrip("*-")
            assert plain_name(example) == example

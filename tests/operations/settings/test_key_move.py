import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.errors import ConfigError
from llm_modules.operations.places import Places
from llm_modules.operations.settings.env_file import read_env_file
from llm_modules.operations.settings.key_move import blanked, move_keys
from llm_modules.operations.settings.located import located_values
from llm_modules.operations.settings.reading import parse_text
from llm_modules.operations.settings.secret_keys import (
    VARIABLES,
    literal_secrets,
    refuse_literal_secrets,
)

COMMENTED = """\
// heading with "llm_config": {"api_key": "no value"}
{
    "exchange": {"name": "binance", "key": "canary-1", /* why */ "secret": "canary \\"2\\""},
    "llm_config": {
        "api_key": "sk-canary",   // a comment, with "quotes"
        "model": "m",
    },
    "pairlists": [{"method": "StaticPairList", "key": "kept"}],
    "api_server": {"listen_port": 8086, "ws_token": ["canary-a", "canary-b"]},
}
"""


def with_settings(places: Places, text: str) -> Places:
    places.settings.write_text(text, encoding="utf-8")
    return places


def test_secrets_are_moved_and_the_rest_stays_to_the_letter(places: Places) -> None:
    with_settings(places, COMMENTED)
    moved = move_keys(places, "now")
    assert set(moved) == {
        "llm_config.api_key",
        "exchange.key",
        "exchange.secret",
        "api_server.ws_token",
    }
    expected = COMMENTED.replace('"canary-1"', '""').replace('"canary \\"2\\""', '""')
    expected = expected.replace('"sk-canary"', '""')
    expected = expected.replace('"canary-a"', '""').replace('"canary-b"', '""')
    assert places.settings.read_text(encoding="utf-8") == expected
    assert read_env_file(places.env_file) == {
        "LLM_API_KEY": "sk-canary",
        "FREQTRADE__EXCHANGE__KEY": "canary-1",
        "FREQTRADE__EXCHANGE__SECRET": 'canary "2"',
        "FREQTRADE__API_SERVER__WS_TOKEN": '["canary-a", "canary-b"]',
    }


def test_after_the_move_the_start_is_no_longer_refused(places: Places) -> None:
    with_settings(places, COMMENTED)
    with pytest.raises(ConfigError):
        refuse_literal_secrets(parse_text(COMMENTED, "config.json"), "config.json")
    move_keys(places, "now")
    text = places.settings.read_text(encoding="utf-8")
    refuse_literal_secrets(parse_text(text, "config.json"), "config.json")
    assert move_keys(places, "later") == ()


def test_a_backup_for_the_owner_only_is_made_first(places: Places) -> None:
    with_settings(places, COMMENTED)
    move_keys(places, "20260115T120000Z")
    backup = places.backups / "20260115T120000Z.config.json"
    assert backup.read_text(encoding="utf-8") == COMMENTED
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_the_mode_of_the_settings_file_stays(places: Places) -> None:
    with_settings(places, COMMENTED).settings.chmod(0o640)
    move_keys(places, "now")
    assert stat.S_IMODE(places.settings.stat().st_mode) == 0o640


def test_other_lines_of_the_env_file_stay(places: Places) -> None:
    with_settings(places, COMMENTED)
    places.env_file.write_text("# mine\nOTHER=1\n# LLM_API_KEY=\n", encoding="utf-8")
    move_keys(places, "now")
    text = places.env_file.read_text(encoding="utf-8")
    assert text.startswith("# mine\nOTHER=1\nLLM_API_KEY=sk-canary\n")


def test_the_same_value_in_both_places_is_no_conflict(places: Places) -> None:
    with_settings(places, COMMENTED)
    places.env_file.write_text("LLM_API_KEY=sk-canary\n", encoding="utf-8")
    assert "llm_config.api_key" in move_keys(places, "now")
    assert read_env_file(places.env_file)["LLM_API_KEY"] == "sk-canary"


def test_two_different_values_stop_the_move_before_anything_changes(places: Places) -> None:
    with_settings(places, COMMENTED)
    places.env_file.write_text("LLM_API_KEY=sk-other\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="another value for LLM_API_KEY") as caught:
        move_keys(places, "now")
    assert "canary" not in str(caught.value)
    assert places.settings.read_text(encoding="utf-8") == COMMENTED
    assert not places.backups.exists()


def test_two_spellings_with_different_values_stop_the_move(places: Places) -> None:
    with_settings(places, '{"exchange": {"api_key": "canary-1", "apiKey": "canary-2"}}')
    with pytest.raises(ConfigError, match="twice with different values") as caught:
        move_keys(places, "now")
    assert "canary" not in str(caught.value)


def test_an_object_in_place_of_a_secret_is_told(places: Places) -> None:
    with_settings(places, '{"llm_config": {"api_key": {"a": "canary"}}}')
    with pytest.raises(ConfigError, match=r"llm_config\.api_key: found an object"):
        move_keys(places, "now")


def test_settings_without_secrets_are_left_alone(places: Places) -> None:
    before = places.settings.read_text(encoding="utf-8")
    assert move_keys(places, "now") == ()
    assert places.settings.read_text(encoding="utf-8") == before
    assert not places.env_file.exists()


@pytest.mark.parametrize("key", sorted(VARIABLES))
def test_every_secret_key_is_found_moved_and_blanked(places: Places, key: str) -> None:
    block, _, name = key.partition(".")
    with_settings(places, json.dumps({block: {name: "canary-secret"}}))
    assert move_keys(places, "now") == (key,)
    assert parse_text(places.settings.read_text(encoding="utf-8"), "x") == {block: {name: ""}}
    assert list(read_env_file(places.env_file).values()) == ["canary-secret"]


@pytest.mark.parametrize("value", [None, "", [], ["", ""]])
def test_an_empty_key_is_no_secret(value: object) -> None:
    assert literal_secrets({"llm_config": {"api_key": value}}) == ()


def test_the_refusal_names_key_and_command_but_no_value() -> None:
    settings = {"llm_config": {"api_key": "sk-canary"}, "telegram": {"token": "canary"}}
    with pytest.raises(ConfigError) as caught:
        refuse_literal_secrets(settings, "config.json")
    assert str(caught.value) == (
        "config.json holds secrets: llm_config.api_key, telegram.token. "
        "Move them into .env with: ./manage.sh move-keys"
    )


@pytest.mark.parametrize("block", ["ccxt_config", "ccxt_sync_config", "ccxt_async_config"])
def test_a_secret_for_ccxt_can_only_be_deleted(places: Places, block: str) -> None:
    with_settings(places, json.dumps({"exchange": {block: {"apiKey": "canary"}}}))
    with pytest.raises(ConfigError, match=r"FREQTRADE__EXCHANGE__KEY in \.env") as caught:
        move_keys(places, "now")
    assert f"exchange.{block}.apiKey" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_key_spelled_with_escapes_is_found_too() -> None:
    text = '{"llm_config": {"api\\u005fkey": "canary"}}'
    assert blanked(text, ("llm_config.api_key",)) == '{"llm_config": {"api\\u005fkey": ""}}'


def test_every_occurrence_of_a_repeated_key_is_blanked() -> None:
    text = '{"a": {"k": "1", "k": "2"}, "k": "3"}'
    assert blanked(text, ("a.k",)) == '{"a": {"k": "", "k": ""}, "k": "3"}'


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item, path)]
    return [(path, value)]


@given(st.dictionaries(st.text(max_size=4), JSON_VALUES))
def test_every_value_is_located_where_the_parser_sees_it(settings: dict[str, Any]) -> None:
    text = json.dumps(settings, indent=2)
    found = [(item.path, json.loads(text[item.start : item.end])) for item in located_values(text)]
    assert found == leaves(settings)


def test_a_crash_between_the_two_writes_loses_no_key(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_settings(places, COMMENTED)

    def crash(path: Path, text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("llm_modules.operations.settings.key_move._replace_keeping_mode", crash)
    with pytest.raises(KeyboardInterrupt):
        move_keys(places, "now")
    assert read_env_file(places.env_file)["LLM_API_KEY"] == "sk-canary"
    assert places.settings.read_text(encoding="utf-8") == COMMENTED


def test_line_endings_of_windows_stay(places: Places) -> None:
    places.settings.write_bytes(COMMENTED.replace("\n", "\r\n").encode())
    assert move_keys(places, "now")
    assert places.settings.read_bytes().count(b"\r\n") == COMMENTED.count("\n")

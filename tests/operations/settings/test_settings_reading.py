import os
from pathlib import Path

import pytest
from freqtrade.configuration import environment_vars
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.errors import ConfigError
from llm_modules.operations.settings import reading as settings
from llm_modules.operations.settings.reading import (
    environment_settings,
    merged,
    parse_text,
    read_settings,
    value_at,
)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "config.json"
    path.write_bytes(content)
    return path


def test_comments_and_trailing_commas_are_allowed(tmp_path: Path) -> None:
    path = written(tmp_path, b'// heading\n{"a": [1, 2,], /* why */ "b": "// no comment",}\n')
    assert read_settings(path) == {"a": [1, 2], "b": "// no comment"}


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json is missing; restore"):
        read_settings(tmp_path / "config.json")


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_settings(tmp_path / "config.json")


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not UTF-8 text \(byte 7\)"):
        read_settings(written(tmp_path, b'{"a": "\xff"}'))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1, column 1: The document is empty"),
        ('{"a": 1,, "b": 2}', "line 1, column 9"),
        ('{\n  "a": 1\n  "b": 2\n}', "line 3, column 3: Missing a comma"),
        ('{\n  "ü": x\n}', "line 2, column 8: Invalid value"),
        ('{"a": 1', "line 1, column 8"),
    ],
)
def test_bad_json_is_told_with_line_and_column(text: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_text(text, "config.json")
    assert str(caught.value).startswith(f"config.json, {place}")


def test_a_complaint_without_a_position_is_told_as_it_is() -> None:
    assert settings._position("something else is wrong", b"{}") == "something else is wrong"


@pytest.mark.parametrize(("text", "found"), [("[]", "list"), ("3", "int"), ('"x"', "str")])
def test_anything_but_an_object_is_refused(text: str, found: str) -> None:
    with pytest.raises(ConfigError, match=f"found {found}, expected an object"):
        parse_text(text, "config.json")


def test_settings_spread_over_several_files_are_refused() -> None:
    with pytest.raises(ConfigError, match="add_config_files is not supported"):
        parse_text('{"add_config_files": ["private.json"]}', "config.json")


def test_objects_merge_and_everything_else_is_replaced() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"x": 1}, "d": 4}
    over = {"a": {"y": [3]}, "b": {"x": 1}, "c": 5}
    assert merged(base, over) == {"a": {"x": 1, "y": [3]}, "b": {"x": 1}, "c": 5, "d": 4}
    assert base["a"] == {"x": 1, "y": [1, 2]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("F", False),
        ('["a", "b"]', ["a", "b"]),
        ('{"a": 1}', '{"a": 1}'),
        ("gpt-4.1-mini", "gpt-4.1-mini"),
    ],
)
def test_a_variable_is_converted_as_freqtrade_converts_it(text: str, value: object) -> None:
    assert environment_settings({"FREQTRADE__SECTION__KEY": text}) == {"section": {"key": value}}


def test_passwords_and_chat_ids_stay_text() -> None:
    environment = {"FREQTRADE__API_SERVER__PASSWORD": "12", "FREQTRADE__TELEGRAM__CHAT_ID": "34"}
    found = environment_settings(environment)
    assert value_at(found, "api_server.password") == "12"
    assert value_at(found, "telegram.chat_id") == "34"


def test_names_handed_to_ccxt_keep_their_case() -> None:
    found = environment_settings({"FREQTRADE__EXCHANGE__CCXT_CONFIG__enableRateLimit": "true"})
    assert found == {"exchange": {"ccxt_config": {"enableRateLimit": True}}}


def test_other_variables_and_empty_ones_set_nothing() -> None:
    assert environment_settings({"PATH": "/bin", "FREQTRADE__DRY_RUN": ""}) == {}


@given(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["1", "x", "true", "[1]", "1.5"])))
def test_freqtrade_converts_the_same_way(sections: dict[str, str]) -> None:
    environment = {f"FREQTRADE__{name.upper()}__KEY": text for name, text in sections.items()}
    theirs = environment_vars._flat_vars_to_nested_dict(environment, "FREQTRADE__")
    assert environment_settings(environment) == theirs


def test_a_path_through_something_that_is_no_object_leads_nowhere() -> None:
    assert value_at({"a": {"b": 1}}, "a.b") == 1
    assert value_at({"a": 1}, "a.b") is None
    assert value_at({}, "a.b.c") is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, b"{}")
    path.chmod(0)
    with pytest.raises(ConfigError, match="Permission denied"):
        read_settings(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n"a": 1,\n"b": 2,\n"a": 1\n}', "config.json: a stands on lines 2, 4: keep one of each"),
        ('{"a": {"b": 1, // c\n"\\u0062": 2}}', "config.json: a.b stands on lines 1, 2: keep one"),
        ('{"l": [{"x": 1}, {"x": 2,\n"x": 3}]}', "config.json: l.x stands on lines 1, 2: keep"),
        (
            '{"a": 1,\n"a": 2,\n"b": 1, "b": 2, "b": 3}',
            "a stands on lines 1, 2; b stands on lines 3, 3, 3: keep one of each",
        ),
    ],
)
def test_a_key_that_stands_twice_is_told_with_its_lines(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_text(text, "config.json")
    assert told in str(caught.value)


def test_the_same_key_in_two_blocks_is_no_repetition() -> None:
    assert parse_text('{"a": {"x": 1}, "b": {"x": 1}, "l": [{"x": 1}, {"x": 1}]}', "f")["a"]


def test_line_endings_are_read_as_freqtrade_reads_them_and_kept_for_writing(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, b'{\r\n"a": 1\r}\n')
    assert settings.exact_text(path) == '{\r\n"a": 1\r}\n'
    assert settings.read_text(path) == '{\n"a": 1\n}\n' == path.read_text(encoding="utf-8")


def test_a_byte_order_mark_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"dry_run": true}', encoding="utf-8-sig")
    with pytest.raises(ConfigError, match="begins with a byte order mark: save it as UTF-8"):
        settings.read_settings(path)

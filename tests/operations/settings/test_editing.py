import json
from collections import Counter
from typing import Any

import pytest
import rapidjson
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_modules.errors import ConfigError
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.operations.settings.editing import (
    Entry,
    inserted,
    node_at,
    renamed,
    with_value,
    without,
)
from llm_modules.operations.settings.located import comments_in, located
from llm_modules.operations.settings.reading import PARSE_MODE

SHIPPED = (SHIPPED_USER_DATA / "config.json").read_text(encoding="utf-8")
PAIRS = """\
{
    "exchange": {
        "pairs": [
            "BTC",  // the king
            "ETH",
            "DOGE",  // a joke
        ],
        "name": "binance"   // no comma
    },
    "short": {"a": 1, /* one, two */ "b": [1, 2]},
    "none": {},
}
"""


def read(text: str) -> Any:
    return rapidjson.loads(text.encode(), parse_mode=PARSE_MODE)


def lines_changed(before: str, after: str) -> tuple[set[str], set[str]]:
    old, new = set(before.splitlines()), set(after.splitlines())
    return old - new, new - old


def test_a_scalar_is_replaced_and_its_comment_stays() -> None:
    after = with_value(SHIPPED, ("timeframe",), "1h")
    assert lines_changed(SHIPPED, after) == (
        {'    "timeframe": "30m",                 // one decision per pair and closed candle'},
        {'    "timeframe": "1h",                  // one decision per pair and closed candle'},
    )


@pytest.mark.parametrize("value", [True, 4.0, "4", None, 5, [4], {"a": 4}, 1e16, 'ü\n"\\'])
def test_any_value_can_stand_for_a_number(value: object) -> None:
    path = "risk_management", "max_open_trades"
    after = with_value(SHIPPED, path, value)
    assert json.dumps(read(after)["risk_management"]["max_open_trades"]) == json.dumps(value)
    assert comments_in(after) == comments_in(SHIPPED)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("deepseek", '"a": "deepseek",  // why'),
        ("x", '"a": "x",         // why'),
        ("a long name indeed", '"a": "a long name indeed", // why'),
    ],
)
def test_a_comment_stays_in_its_column_while_there_is_room(value: str, line: str) -> None:
    assert line in with_value('{\n    "a": "four",      // why\n}\n', ("a",), value)


def test_a_comment_after_a_single_blank_has_no_column() -> None:
    assert with_value('{"a": 1, // why\n"b": 2}', ("a",), 1000) == '{"a": 1000, // why\n"b": 2}'


def test_the_value_that_is_there_changes_nothing() -> None:
    assert with_value(PAIRS, ("short",), {"a": 1, "b": [1, 2]}) == PAIRS
    assert with_value(PAIRS, (), read(PAIRS)) == PAIRS


def test_items_of_a_list_come_and_go_while_the_others_keep_their_comments() -> None:
    after = with_value(PAIRS, ("exchange", "pairs"), ["BTC", "SOL", "XRP"])
    assert (
        '            "BTC",  // the king\n            "SOL",\n            "XRP",   // a joke\n'
        in after
    )


def test_an_item_is_put_where_it_belongs() -> None:
    after = with_value(PAIRS, ("exchange", "pairs"), ["XMR", "BTC", "SOL", "ETH", "DOGE", "XRP"])
    assert [line.strip() for line in after.splitlines()[2:10]] == [
        '"pairs": [',
        '"XMR",',
        '"BTC",  // the king',
        '"SOL",',
        '"ETH",',
        '"DOGE",  // a joke',
        '"XRP",',
        "],",
    ]


def test_the_comment_of_an_item_that_goes_stays() -> None:
    after = with_value(PAIRS, ("exchange", "pairs"), ["ETH"])
    assert (
        '[\n            // the king\n            "ETH",\n            // a joke\n        ]' in after
    )


def test_a_list_can_be_emptied_and_filled() -> None:
    empty = with_value(PAIRS, ("short", "b"), [])
    assert '"b": []}' in empty
    assert with_value(empty, ("short", "b"), [1, 2]) == PAIRS


def test_a_new_key_takes_the_indentation_of_its_neighbours() -> None:
    after = with_value(PAIRS, ("exchange", "key"), 1)
    assert '        "name": "binance",   // no comma\n        "key": 1\n    },' in after


def test_a_new_key_after_a_trailing_comma_has_one_too() -> None:
    assert with_value(PAIRS, ("new",), 1).endswith('    "none": {},\n    "new": 1,\n}\n')


def test_a_new_key_stays_in_the_line_of_its_block() -> None:
    assert '"b": [1, 2], "c": {"d": true}}' in with_value(PAIRS, ("short", "c", "d"), value=True)


def test_a_new_key_fills_an_empty_block() -> None:
    assert '"none": {"a": 1},' in with_value(PAIRS, ("none", "a"), 1)


def test_what_is_too_long_for_a_line_has_a_line_for_each_item() -> None:
    after = with_value(PAIRS, ("list",), ["a" * 40, "b" * 60])
    assert f'    "list": [\n        "{"a" * 40}",\n        "{"b" * 60}"\n    ],\n' in after


@pytest.mark.parametrize(
    ("width", "lines"),
    [(100 - len('    "k": [""],') + 1, 3), (100 - len('    "k": [""],'), 1)],
    ids=["beyond", "up to"],
)
def test_lines_have_a_hundred_characters_at_most(width: int, lines: int) -> None:
    text = '{\n    "a": 1,\n}\n'
    after = with_value(text, ("k",), ["x" * width])
    assert len(after.splitlines()) - len(text.splitlines()) == lines
    assert max(map(len, after.splitlines())) <= 100


def test_an_object_is_replaced_key_by_key() -> None:
    after = with_value(PAIRS, ("short",), {"b": [2], "c": 3})
    assert '"short": {/* one, two */ "b": [2], "c": 3},' in after


def test_another_kind_of_value_keeps_the_comments_within() -> None:
    after = with_value(PAIRS, ("exchange", "pairs"), "all")
    assert '"pairs": "all" // the king\n // a joke\n,' in after
    assert read(after)["exchange"]["pairs"] == "all"


def test_a_comma_on_the_next_line_is_seen() -> None:
    text = '{\n  "a": 1\n  , "b": 2\n}\n'
    assert read(with_value(text, ("a2",), 3)) == {"a": 1, "b": 2, "a2": 3}
    around = located(text)
    assert read(inserted(text, around, 1, Entry('"c": 3'))) == {"a": 1, "c": 3, "b": 2}
    assert read(without(text, ("a",))) == {"b": 2}


def test_line_endings_of_windows_stay() -> None:
    text = PAIRS.replace("\n", "\r\n")
    for path, value in ((("new",), 1), (("exchange", "pairs"), ["ETH", "X"])):
        after = with_value(text, path, value)
        assert after == with_value(PAIRS, path, value).replace("\n", "\r\n")


def test_nothing_is_set_within_what_is_no_object() -> None:
    with pytest.raises(ConfigError, match=r"config\.json: short\.a is no object"):
        with_value(PAIRS, ("short", "a", "b"), 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n"a": 1\n"b": 2}', "line 3, column 1"),
        ('{\n"a": 1,\n"b": {"c": 1,\n"\\u0063": 2}}', "b.c stands on lines 3, 4: keep one"),
        ('{"a": 1, "b": [{"x": 1,\n"x": 2}], "a": 3}', "a stands on lines 1, 2; b.x stands on"),
        ("[1]", "found list, expected an object"),
    ],
)
def test_what_cannot_be_edited_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        with_value(text, ("a",), 2)


def test_a_key_is_taken_out_with_the_comment_behind_it() -> None:
    after = without(SHIPPED, ("risk_management", "max_stop_pct"))
    gone, come = lines_changed(SHIPPED, after)
    assert (len(gone), come) == (1, set())
    assert "farthest stop from the entry price" not in after


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (("short", "a"), '"short": {/* one, two */ "b": [1, 2]},'),
        (("short", "b"), '"short": {"a": 1, /* one, two */ },'),
        (("exchange", "name"), "        ],\n    },\n"),
        (("none",), '"short": {"a": 1, /* one, two */ "b": [1, 2]},\n}\n'),
    ],
)
def test_what_is_left_of_a_line_is_a_line(path: tuple[str, ...], left: str) -> None:
    assert left in without(PAIRS, path)
    assert read(without(PAIRS, path)) is not None


def test_a_key_gets_another_name_in_its_place() -> None:
    after = renamed(PAIRS, ("exchange", "pairs"), "pair_whitelist")
    assert after == PAIRS.replace('"pairs": [', '"pair_whitelist": [')


@pytest.mark.parametrize("path", [("nobody",), ("short", "nobody"), ("nobody", "at all")])
def test_who_renames_what_is_not_there_has_made_a_mistake(path: tuple[str, ...]) -> None:
    with pytest.raises(KeyError):
        renamed(PAIRS, path, "new")
    with pytest.raises(KeyError):
        node_at(PAIRS, path)


# --- any text, any change -------------------------------------------------------------------

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=4)
scalars = st.none() | st.booleans() | st.integers(-9, 10**6) | names | st.floats(-1e9, 1e9)
values = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=3),
    max_leaves=8,
)
blanks = st.sampled_from(["", " ", "\n", "\n    ", "  ", "\r\n", "\t"])
comments = st.sampled_from(
    [
        '// plain, {"a": 1}\n',
        "/* in [line] */",
        '/* of "two"\n lines, */',
        "//\n",
        "/**/",
        "// ü\r\n",
    ]
)
trivia = st.one_of(blanks, blanks, blanks, st.tuples(blanks, comments, blanks).map("".join))


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """Write a value with comments and white space anywhere, and sometimes trailing commas."""
    if not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    is_object = isinstance(value, dict)
    pieces = []
    for item in value.items() if isinstance(value, dict) else value:
        piece = draw(written(item[1] if is_object else item))
        if is_object:
            piece = f"{json.dumps(item[0])}{draw(trivia)}:{draw(trivia)}{piece}"
        pieces.append(f"{draw(trivia)}{piece}{draw(trivia)}")
    end = f",{draw(trivia)}" if pieces and draw(st.booleans()) else draw(trivia)
    body = ",".join(pieces) + end
    return f"{{{body}}}" if is_object else f"[{body}]"


documents = st.dictionaries(names, values, max_size=4)


def paths_of(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [path]
    below = [found for key in value for found in paths_of(value[key], (*path, key))]
    return [path, *below]


def with_path(value: Any, path: tuple[str, ...], new: Any) -> Any:
    if not path:
        return new
    return {**value, path[0]: with_path(value.get(path[0], {}), path[1:], new)}


def without_path(value: Any, path: tuple[str, ...]) -> Any:
    if len(path) == 1:
        return {key: item for key, item in value.items() if key != path[0]}
    return {**value, path[0]: without_path(value[path[0]], path[1:])}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_is_set_anywhere_and_no_comment_is_lost(data: st.DataObject) -> None:
    document = data.draw(documents)
    text = data.draw(trivia) + data.draw(written(document)) + data.draw(trivia)
    path = data.draw(st.sampled_from(paths_of(document)))
    place: Any = document
    for key in path:
        place = place[key]
    further = (
        data.draw(st.lists(names, min_size=not path, max_size=2)) if isinstance(place, dict) else []
    )
    around: Any = place
    for depth, key in enumerate(further):
        if not isinstance(around, dict):
            further = further[:depth]
            break
        around = around.get(key, {})
    path = (*path, *further)
    value = data.draw(values if path else documents)
    after = with_value(text, path, value)
    expected = with_path(document, path, value)
    assert json.dumps(read(after), sort_keys=True) == json.dumps(expected, sort_keys=True)
    assert not Counter(comments_in(text)) - Counter(comments_in(after))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_key_is_taken_out_or_renamed_and_the_rest_is_the_same(data: st.DataObject) -> None:
    document = data.draw(documents.filter(bool))
    text = data.draw(written(document))
    path = data.draw(st.sampled_from([path for path in paths_of(document) if path]))
    expected = without_path(document, path)
    assert read(without(text, path)) == expected
    after = renamed(text, path, "another name")
    assert comments_in(after) == comments_in(text)
    assert "another name" in json.dumps(read(after))

"""The settings as docs/configuration.md lists them: keys, values allowed, defaults, meanings.

All of it comes out of the models' own JSON schema, so that no second text can differ from them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from llm_modules.config import CANDLE_COLUMNS, INDICATOR_COLUMNS, TIMEFRAMES, TraderConfig

Schema = Mapping[str, Any]

_HEADER = "| key | value | default | meaning |\n|---|---|---|---|"
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "null": "`null`",
}
# What is counted by a bound, where it is not the value itself.
_COUNTED = {"string": " characters", "array": " items"}
_BLOCK = "a block, below"


def settings_reference(shipped: Mapping[str, Any]) -> str:
    """Return every block as a heading and a table; `shipped` is what config.json says.

    A required key shows the shipped value, because it has no other to show.
    """
    schema = TraderConfig.model_json_schema()
    parts = [
        part
        for name, field in schema["properties"].items()
        for part in _block(name, _resolved(field, schema), schema, shipped.get(name))
    ]
    return "\n\n".join([*parts, _names()])


def _block(name: str, block: Schema, root: Schema, shipped: object) -> Iterator[str]:
    """Yield a block's heading, sentence and table, then the same of the blocks inside it."""
    known = shipped if isinstance(shipped, Mapping) else {}
    required = frozenset(block.get("required", ()))
    rows = [
        _row(key, field, root, _default(key, field, required, known))
        for key, field in block["properties"].items()
    ]
    yield f"### `{name}`"
    yield block["description"].replace("\n", " ")
    yield "\n".join([_HEADER, *rows])
    for key, field in block["properties"].items():
        for suffix, inner in _inner_blocks(field, root):
            yield from _block(f"{name}.{key}{suffix}", inner, root, known.get(key))


def _row(key: str, field: Schema, root: Schema, default: str) -> str:
    meaning = re.sub(r"docs/([\w-]+)\.md", r"[\1](\1.md)", field["description"])
    return f"| `{key}` | {_value(field, root)} | {default} | {meaning} |"


def _default(key: str, field: Schema, required: frozenset[str], shipped: Schema) -> str:
    if key in required:
        return f"required; shipped {_code(shipped[key])}" if key in shipped else "required"
    # A block has its own defaults, in a table of its own.
    return _code(field["default"]) if "default" in field else "-"


def _value(field: Schema, root: Schema) -> str:
    """Say what a key may hold, in words."""
    if "anyOf" in field:
        return " or ".join(_value(one, root) for one in field["anyOf"])
    if "enum" in field:
        return " or ".join(map(_code, field["enum"]))
    field = _resolved(field, root)
    kind = field["type"]
    if kind == "object":
        inner = field.get("additionalProperties")
        return f"names, each with {_items(inner, root)}" if inner else _BLOCK
    if kind == "array":
        return ", ".join([f"a list, each {_items(field['items'], root)}", *_bounds(field)])
    return ", ".join([_TYPES[kind], *_bounds(field)])


def _items(inner: Schema, root: Schema) -> str:
    return _BLOCK if "$ref" in inner else _value(inner, root)


def _bounds(field: Schema) -> Iterator[str]:
    unit = _COUNTED.get(field["type"], "")
    if field.get("minLength") == 1:
        yield "not empty"
        field = {name: value for name, value in field.items() if name != "minLength"}
    for words, names in (
        ("above", ("exclusiveMinimum",)),
        ("at least", ("minimum", "minLength", "minItems")),
        ("below", ("exclusiveMaximum",)),
        ("at most", ("maximum", "maxLength", "maxItems")),
    ):
        yield from (f"{words} {field[name]:,}{unit}" for name in names if name in field)


def _inner_blocks(field: Schema, root: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield the block a key holds, or the one of its items, with how its path goes on."""
    if "$ref" in field:
        yield "", _resolved(field, root)
    if "$ref" in field.get("items", ()):
        yield "[]", _resolved(field["items"], root)
    inner = field.get("additionalProperties")
    if isinstance(inner, Mapping) and "$ref" in inner:
        yield ".NAME", _resolved(inner, root)


def _resolved(field: Schema, root: Schema) -> Schema:
    if "$ref" not in field:
        return field
    found: Schema = root["$defs"][field["$ref"].rsplit("/", 1)[1]]
    return found


def _names() -> str:
    """List the names that some keys take, which their type does not tell."""
    return "\n".join(
        (
            f"- `table_columns`: {', '.join(map(_plain, (*CANDLE_COLUMNS, *INDICATOR_COLUMNS)))}.",
            f"- `timeframe_columns`: {', '.join(map(_plain, INDICATOR_COLUMNS))}.",
            f"- `informative_timeframes`: {', '.join(map(_plain, TIMEFRAMES))}.",
        )
    )


def _plain(name: str) -> str:
    return f"`{name}`"


def _code(value: object) -> str:
    return f"`{json.dumps(value)}`"

"""The capability table as docs/models.md prints it."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llm_modules.llm.providers.row import Provider
from llm_modules.llm.providers.rows import ROWS

_LINES: Mapping[str, Callable[[Provider], str]] = {
    "address": lambda row: _code(row.api_base),
    "key in `.env`": lambda row: _code(row.key_variable),
    "format": lambda row: row.dialect,
    "enforces schemas": lambda row: _yes(row.strict_tools),
    "bounds within schemas": lambda row: _bounds(row) if row.strict_tools else "-",
    "can be made to call": lambda row: _yes(row.forced_call),
    "several calls at once": lambda row: _yes(row.several_calls),
    "switch for that": lambda row: _yes(row.parallel_switch),
    "temperature": lambda row: _yes(row.temperature),
    "limit of an answer": lambda row: _code(row.limit_field),
    "reasoning in": lambda row: _codes(row.reasoning_fields),
    "cached tokens in": lambda row: _code(row.usage.cached),
    "reasoning tokens in": lambda row: _code(row.usage.reasoning),
    "cost in": lambda row: _code(row.usage.cost),
    "context cache": lambda row: row.cache + (", by key" if row.cache_key else ""),
    "always sent": lambda row: _code(json.dumps(row.extra) if row.extra else ""),
}


def capability_table(rows: Iterable[Provider] = ROWS) -> str:
    """Return the capabilities as a Markdown table, a column per provider."""
    shown = tuple(rows)
    lines = [_line(["", *(row.name for row in shown)]), "|" + "---|" * (len(shown) + 1)]
    lines += [_line([name, *map(cell, shown)]) for name, cell in _LINES.items()]
    return "\n".join(lines)


def deviations(rows: Iterable[Provider] = ROWS) -> str:
    """Return a Markdown list of what else is peculiar to each provider, and where it says so."""
    return "\n".join(line for row in rows for line in _deviations(row))


def _deviations(row: Provider) -> list[str]:
    source = f" ({row.source})" if row.source else ""
    addresses = f"also at {_codes(row.also_at)}"
    rules = (f"{_codes(rule.models)}: {_columns(rule.columns)}" for rule in row.rules)
    remarks = [*row.quirks, *rules, *([addresses] if row.also_at else [])]
    return [f"- **{row.name}**{source}", *(f"  - {remark}" for remark in remarks)]


def _columns(columns: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}` {json.dumps(value)}" for name, value in columns.items())


def _bounds(row: Provider) -> str:
    return "numbers, formats" if row.strict_subset.bounds else "in words"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return f"`{text}`" if text else "-"


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(map(_code, texts)) or "-"


def _yes(value: object) -> str:
    return "yes" if value else "no"

"""Two answers to one question, field by field, with what differs marked."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from llm_modules.dialogue import Expense, Reply, ToolRequest
from llm_modules.operations.screen import Screen
from llm_modules.operations.viewing.render import printable

NOTHING = "-"
MARK = "≠"
DIFFERS = "bold yellow"
# Narrower, a reason would be cut into a column of single words.
LEAST_WIDTH = 100
NAME_WIDTH = 18


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a request and what it took; no reply where it failed."""

    expense: Expense
    reply: Reply | None

    @property
    def calls(self) -> tuple[ToolRequest, ...]:
        """The tool calls that were made, none of a request that failed."""
        return self.reply.tool_requests if self.reply else ()


@dataclass(frozen=True, slots=True)
class Row:
    """One field of both answers; a `measure` differs each time, and that is not marked."""

    name: str
    then: str
    now: str
    is_measure: bool = False

    @property
    def differs(self) -> bool:
        """Whether the two are not the same where they could be."""
        return self.then != self.now and not self.is_measure


def compared(then: Answered, now: Answered) -> tuple[Row, ...]:
    """Return the fields of both: what answered, what it called and said, and what that took."""
    return (
        Row("asked", then.expense.model, now.expense.model),
        Row("answered", _answering(then), _answering(now)),
        Row("fault", then.expense.fault or NOTHING, now.expense.fault or NOTHING),
        *_joined(fields_of(then), fields_of(now), is_measure=False),
        *_joined(_measures(then.expense), _measures(now.expense), is_measure=True),
    )


def fields_of(answered: Answered) -> dict[str, str]:
    """Return what was called and said, by name; of further calls the names are numbered."""
    fields: dict[str, str] = {}
    for number, call in enumerate(answered.calls, start=1):
        prefix = f"{number}. " if number > 1 else ""
        fields[f"{prefix}tool"] = call.name
        for name, value in _arguments(call).items():
            fields[f"{prefix}{name}"] = value
    if answered.reply and answered.reply.text:
        fields["text"] = answered.reply.text
    return fields


def show(rows: tuple[Row, ...], screen: Screen) -> None:
    """Show both answers side by side, on a narrow terminal one below the other."""
    if screen.console.width >= LEAST_WIDTH:
        screen.table(_side_by_side(rows))
        return
    for heading, side in (("Then", "then"), ("Now", "now")):
        screen.say(Text(heading, style="bold cyan"))
        for row in rows:
            screen.say(_line(row, getattr(row, side)))


def _side_by_side(rows: tuple[Row, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold cyan")
    table.add_column("", width=len(MARK))
    table.add_column("", max_width=NAME_WIDTH, overflow="fold")
    for heading in ("Then", "Now"):
        table.add_column(heading, ratio=1, overflow="fold")
    for row in rows:
        # As text: what a model wrote may hold [brackets].
        cells = (MARK if row.differs else "", row.name, row.then, row.now)
        style = DIFFERS if row.differs else ""
        table.add_row(*(Text(printable(cell), style=style) for cell in cells))
    return table


def _line(row: Row, value: str) -> Text:
    mark, style = (MARK, DIFFERS) if row.differs else (" ", "")
    return Text(f"{mark} {printable(row.name):<{NAME_WIDTH}} {printable(value)}", style=style)


def _joined(then: Mapping[str, str], now: Mapping[str, str], *, is_measure: bool) -> Iterator[Row]:
    """Yield a row for every name of either, those of the first in front."""
    for name in dict.fromkeys((*then, *now)):
        yield Row(name, then.get(name, NOTHING), now.get(name, NOTHING), is_measure)


def _answering(answered: Answered) -> str:
    return answered.reply.model if answered.reply else NOTHING


def _arguments(call: ToolRequest) -> dict[str, str]:
    """Return the arguments one by one, or all as they came where they are no JSON object."""
    found: Any = call.arguments
    try:
        arguments = json.loads(found) if isinstance(found, str) else found
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, Mapping):
        return {"arguments": NOTHING if found is None else str(found)}
    return {str(name): _worded(value) for name, value in arguments.items()}


def _worded(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _measures(expense: Expense) -> dict[str, str]:
    usage = expense.usage
    return {
        "seconds": f"{expense.seconds:.3g}",
        "prompt tokens": _count(usage.prompt_tokens),
        "of them cached": _count(usage.cached_tokens),
        "answer tokens": _count(usage.completion_tokens),
        "of them reasoning": _count(usage.reasoning_tokens),
        "cost in USD": NOTHING if expense.cost is None else f"{expense.cost:.6f}",
    }


def _count(tokens: int | None) -> str:
    return NOTHING if tokens is None else str(tokens)

"""A journal line as one line for people; colour is the console's to show or leave out.

What a model wrote is foreign text: only its first line, without anything a terminal obeys.
"""

from datetime import datetime
from typing import Protocol

from pydantic import ValidationError
from rich.text import Text

from llm_modules.journal.records import (
    DECISION_LINES,
    TRADE_LINES,
    DecisionRecord,
    HaltRecord,
    LessonRecord,
    OutcomeRecord,
    Reason,
    TradeRecord,
)

# Longer than any line of ours: only what was written by somebody else is cut.
LONGEST_TEXT = 3000
UNREADABLE_LENGTH = 160
STATUS_STYLES = {
    "approved": "green",
    "clamped": "yellow",
    "refused": "red",
    "failed": "bold red",
    "skipped": "dim",
    "filled": "green",
    "expired": "yellow",
    "superseded": "yellow",
    "aborted": "yellow",
    "vetoed": "red",
    "tripped": "bold red",
    "halted": "bold red",
    "flatten": "bold red",
    "flattened": "yellow",
    "resumed": "green",
}
STAND_INS = {"signal_wait": "waited", "signal_hold": "held"}

SHORT_TOOLS = {"adjust_position": "adjust"}


class Render(Protocol):
    """Makes one line for people of a line of a file; a short one leaves room for the reason."""

    def __call__(self, line: str, *, short: bool = False) -> Text:
        """Return the line."""
        ...


def decision_line(line: str, *, short: bool = False) -> Text:
    """Render a line of `llm_decisions.jsonl`: what was decided, or what became of it."""
    try:
        record = DECISION_LINES.validate_json(line)
    except ValidationError:
        return _unreadable(line)
    if isinstance(record, OutcomeRecord):
        return _outcome(record, short=short)
    if isinstance(record, HaltRecord):
        return _halt(record, short=short)
    return _decision(record, short=short)


def trade_line(line: str, *, short: bool = False) -> Text:
    """Render a line of `trade_experience.jsonl`: a trade with its first lesson, or a wording."""
    try:
        record = TRADE_LINES.validate_json(line)
    except ValidationError:
        return _unreadable(line)
    if isinstance(record, LessonRecord):
        return _lesson(record, short=short)
    return _trade(record, short=short)


def plain_line(line: str, *, short: bool = False) -> Text:  # noqa: ARG001 - a log has no short form
    """Render a line of a log as it stands, made safe for a terminal."""
    return Text(printable(line))


def printable(text: str) -> str:
    """Replace what a terminal would obey instead of show, escape sequences first of all."""
    # Also the marks that reverse the direction of text: none of them is printable.
    return "".join(char if char.isprintable() else " " for char in text)


def printable_lines(text: str) -> list[str]:
    """Return the lines of a longer text, each made printable; only a newline ends a line."""
    return [printable(line) for line in text.split("\n")]


def finding(reason: Reason) -> str:
    """Name what a check found: `stake 500->200 (MAX_POSITION)`, or its code and sentence."""
    if reason.field is None:
        return f"{reason.code}: {reason.text}"
    name = reason.field.partition("_")[0]
    return f"{name} {_amount(reason.before)}->{_amount(reason.after)} ({reason.code})"


def action(record: DecisionRecord) -> str:
    """Name what was decided: the tool, or what was done because no call came."""
    return printable(record.tool or STAND_INS.get(record.default_tool or "", "no tool"))


def short_tool(name: str) -> str:
    """Name a tool in few letters: `entry_long`, `adjust`, `wait`."""
    return SHORT_TOOLS.get(name, name.removeprefix("signal_"))


def base_of(pair: str) -> str:
    """Name a pair by its base alone: `BTC`."""
    return printable(pair.partition("/")[0])


def _decision(record: DecisionRecord, *, short: bool) -> Text:
    confidence = record.call.get("confidence_score")
    shown_confidence = f"{confidence:3.0f}" if isinstance(confidence, float) else "  -"
    line = Text.assemble(
        _start(record.at, record.mode, record.pair, short=short),
        _did(action(record), record.status, short=short),
        (f"{shown_confidence}  ", "bold"),
        # Enough of the id for `decisions --show`.
        (f"{printable(record.decision_id[-6:])}  ", "dim"),
        _why(record),
    )
    if record.status == "skipped":
        # Most lines of a bot that asks seldom; the others should stand out.
        line.stylize("dim")
    return line


def _why(record: DecisionRecord) -> str:
    """Say why: the model's reason, and before it what the gate or a fault made of the call."""
    gate = "; ".join(map(finding, record.reasons))
    # A refusal says more than a fault, and a fault more than what was tried before it.
    trouble = gate or record.fault or "; ".join(record.problems)
    reason = record.call.get("reason")
    own = reason if isinstance(reason, str) else ""
    return _first_line(" | ".join(part for part in (trouble, own) if part))


def _amount(value: float | None) -> str:
    return "none" if value is None else f"{value:.8g}"


def _did(tool: str, status: str, *, short: bool) -> Text:
    name = f"{short_tool(tool):<11} " if short else f"{tool:<19} "
    return Text.assemble(name, (f"{status:<{8 if short else 10}} ", STATUS_STYLES[status]))


def _outcome(record: OutcomeRecord, *, short: bool) -> Text:
    trade = f"trade {record.trade_id} " if record.trade_id is not None else ""
    line = Text.assemble(
        _start(record.at, "", record.pair, short=short),
        _did(printable(record.tool), record.outcome, short=short),
        f"     {trade}{_first_line(record.detail)}",
    )
    line.rstrip()
    return line


def _trade(record: TradeRecord, *, short: bool) -> Text:
    lessons = record.reflection.lessons
    lesson = lessons[0] if lessons else record.reflection.summary
    profit_pct = 100 * record.profit_ratio
    return Text.assemble(
        _start(record.closed_at, record.mode, record.pair, short=short),
        f"{record.side:<5} {record.leverage:g}x ",
        (f"{profit_pct:+7.2f} %  ", "green" if profit_pct > 0 else "red"),
        (f"{record.evaluation.grade}  ", "bold"),
        f"{_exit(record, short=short)} {_first_line(lesson)}",
    )


def _exit(record: TradeRecord, *, short: bool) -> str:
    name = printable(record.exit_reason)
    return f"{short_tool(name):<9}" if short else f"{name:<20}"


def _lesson(record: LessonRecord, *, short: bool) -> Text:
    return Text.assemble(
        _start(record.at, record.mode, record.pair, short=short),
        f"lesson of trade {record.trade_id}: {_first_line(record.text)}",
    )


def _start(at: datetime, mode: str, pair: str, *, short: bool) -> Text:
    if short:
        return Text.assemble((f"{at:%m-%d %H:%M} ", "dim"), f"{base_of(pair):<5} ")
    return Text.assemble(
        (f"{at:%m-%d %H:%M:%S} ", "dim"), (f"{mode:<7} ", "magenta"), f"{printable(pair):<15} "
    )


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return printable(lines[0])[:LONGEST_TEXT] if lines else ""


def _unreadable(line: str) -> Text:
    return Text.assemble(("unreadable line: ", "red"), printable(line)[:UNREADABLE_LENGTH])


def _halt(record: HaltRecord, *, short: bool) -> Text:
    return Text.assemble(
        _start(record.at, record.mode, "all" if short else "all pairs", short=short),
        (f"{record.event:<{11 if short else 19}} ", STATUS_STYLES[record.event]),
        _first_line(record.text),
    )

"""A journal line as one line for people; colour is the console's to show or leave out.

What a model wrote is foreign text: only its first line, without anything a terminal obeys.
"""

from collections.abc import Callable
from datetime import datetime

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

REASON_LENGTH = 160
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

Render = Callable[[str], Text]


def decision_line(line: str) -> Text:
    """Render a line of `llm_decisions.jsonl`: what was decided, or what became of it."""
    try:
        record = DECISION_LINES.validate_json(line)
    except ValidationError:
        return _unreadable(line)
    if isinstance(record, OutcomeRecord):
        return _outcome(record)
    if isinstance(record, HaltRecord):
        return _halt(record)
    return _decision(record)


def trade_line(line: str) -> Text:
    """Render a line of `trade_experience.jsonl`: a trade with its first lesson, or a wording."""
    try:
        record = TRADE_LINES.validate_json(line)
    except ValidationError:
        return _unreadable(line)
    return _lesson(record) if isinstance(record, LessonRecord) else _trade(record)


def plain_line(line: str) -> Text:
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


def _decision(record: DecisionRecord) -> Text:
    confidence = record.call.get("confidence_score")
    shown_confidence = f"{confidence:3.0f}" if isinstance(confidence, float) else "  -"
    line = Text.assemble(
        _start(record.at, record.mode, record.pair),
        f"{action(record):<19} ",
        (f"{record.status:<10} ", STATUS_STYLES[record.status]),
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


def _outcome(record: OutcomeRecord) -> Text:
    trade = f"trade {record.trade_id} " if record.trade_id is not None else ""
    line = Text.assemble(
        _start(record.at, "", record.pair),
        f"{record.tool:<19} ",
        (f"{record.outcome:<10} ", STATUS_STYLES[record.outcome]),
        f"     {trade}{_first_line(record.detail)}",
    )
    line.rstrip()
    return line


def _trade(record: TradeRecord) -> Text:
    lessons = record.reflection.lessons
    lesson = lessons[0] if lessons else record.reflection.summary
    profit_pct = 100 * record.profit_ratio
    return Text.assemble(
        _start(record.closed_at, record.mode, record.pair),
        f"{record.side:<5} {record.leverage:g}x ",
        (f"{profit_pct:+7.2f} %  ", "green" if profit_pct > 0 else "red"),
        (f"{record.evaluation.grade}  ", "bold"),
        f"{printable(record.exit_reason):<20} {_first_line(lesson)}",
    )


def _lesson(record: LessonRecord) -> Text:
    return Text.assemble(
        _start(record.at, record.mode, record.pair),
        f"lesson of trade {record.trade_id}: {_first_line(record.text)}",
    )


def _start(at: datetime, mode: str, pair: str) -> Text:
    return Text.assemble(
        (f"{at:%m-%d %H:%M:%S} ", "dim"), (f"{mode:<7} ", "magenta"), f"{printable(pair):<15} "
    )


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return printable(lines[0])[:REASON_LENGTH] if lines else ""


def _unreadable(line: str) -> Text:
    return Text.assemble(("unreadable line: ", "red"), printable(line)[:REASON_LENGTH])


def _halt(record: HaltRecord) -> Text:
    return Text.assemble(
        _start(record.at, record.mode, "all pairs"),
        (f"{record.event:<19} ", STATUS_STYLES[record.event]),
        _first_line(record.text),
    )

"""What the gate did, counted over the whole journal of decisions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError
from rich.table import Table

from llm_modules.journal.parts import found_lines
from llm_modules.journal.records import DECISION_LINES, DecisionRecord, Reason
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import shown
from llm_modules.operations.session import Session
from llm_modules.operations.viewing.choosing import DecisionChoice
from llm_modules.operations.viewing.render import STATUS_STYLES, printable

STATUSES = ("approved", "clamped", "refused", "failed", "skipped")
KINDS = ("refusal", "clamp", "remark")
# Lines of before the kind was recorded: what was said is then what became of the decision.
KIND_BY_STATUS = {"refused": "refusal", "clamped": "clamp"}


@dataclass(slots=True)
class Tally:
    """How often something happened, by sort, and when last."""

    counts: dict[str, int] = field(default_factory=dict)
    newest: datetime | None = None

    def add(self, sort: str, at: datetime) -> None:
        """Count one more."""
        self.counts[sort] = self.counts.get(sort, 0) + 1
        self.newest = at if self.newest is None else max(at, self.newest)


@dataclass(slots=True)
class Summary:
    """Tallies per status and per code of a check; `bad_lines` could not be read."""

    statuses: dict[str, Tally] = field(default_factory=dict)
    codes: dict[str, Tally] = field(default_factory=dict)
    bad_lines: int = 0

    @property
    def skipped(self) -> int:
        """How many questions the model was not asked."""
        return self.count("skipped")

    def count(self, status: str) -> int:
        """How many decisions have a status."""
        return self.statuses.get(status, Tally()).counts.get(status, 0)

    def take(self, record: DecisionRecord) -> None:
        """Count one decision and what each check said about it."""
        self.statuses.setdefault(record.status, Tally()).add(record.status, record.at)
        for reason in record.reasons:
            kind = _kind(reason, record)
            self.codes.setdefault(printable(reason.code), Tally()).add(kind, record.at)


EVERYTHING = DecisionChoice()


def show_summary(session: Session, choice: DecisionChoice = EVERYTHING) -> ExitStatus:
    """Show how many of the decisions chosen were approved, clamped, refused, by which checks."""
    path, screen = session.journals().decisions, session.screen
    summary = summed((line.text for line in found_lines(path)), choice)
    if summary.bad_lines:
        screen.complain(f"{summary.bad_lines} unreadable lines of {shown(path)} are not counted.")
    if not summary.statuses:
        which = "decision" if choice.is_everything else "such decision"
        screen.say(f"There is no {which} in {shown(path)} yet.")
        return ExitStatus.DONE
    screen.table(_status_table(summary))
    if summary.skipped:
        screen.say(_saved(summary))
    if summary.codes:
        screen.table(_code_table(summary))
    return ExitStatus.DONE


def summed(lines: Iterable[bytes], choice: DecisionChoice = EVERYTHING) -> Summary:
    """Count the lines of a journal in one pass; outcomes and halts are no decisions."""
    summary = Summary()
    for line in lines:
        try:
            record = DECISION_LINES.validate_json(line)
        except ValidationError:
            # The last line may be in the middle of being written.
            summary.bad_lines += line.endswith(b"\n")
            continue
        if isinstance(record, DecisionRecord) and choice.fits(record):
            summary.take(record)
    return summary


def _kind(reason: Reason, record: DecisionRecord) -> str:
    return KIND_BY_STATUS.get(record.status, "remark") if reason.kind == "unknown" else reason.kind


def _status_table(summary: Summary) -> Table:
    table = _table("status", "decisions")
    for status in STATUSES:
        when = _when(summary.statuses.get(status, Tally()))
        count = str(summary.count(status))
        table.add_row(status, count, when, style=STATUS_STYLES[status])
    return table


def _saved(summary: Summary) -> str:
    skipped, total = summary.skipped, sum(map(summary.count, STATUSES))
    return f"{skipped:,} of {total:,} questions were not put to the model: {skipped / total:.1%}."


def _code_table(summary: Summary) -> Table:
    table = _table("check", "refused", "clamped", "remarked")
    rows = [
        (code, [tally.counts.get(kind, 0) for kind in KINDS], _when(tally))
        for code, tally in summary.codes.items()
    ]
    # The busiest check first.
    for code, counts, newest in sorted(rows, key=lambda row: (-sum(row[1]), row[0])):
        table.add_row(code, *map(str, counts), newest)
    return table


def _table(first: str, *counted: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, overflow="fold", min_width=28)
    for name in counted:
        table.add_column(name, justify="right", no_wrap=True, min_width=9)
    table.add_column("newest (UTC)", no_wrap=True)
    return table


def _when(tally: Tally) -> str:
    return "-" if tally.newest is None else f"{tally.newest:%Y-%m-%d %H:%M}"

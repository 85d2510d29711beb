"""Which lines of a journal somebody wants to see: by pair, tool, verdict, model, side and time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from llm_modules.domain import Side
from llm_modules.errors import UserError
from llm_modules.journal.records import (
    DECISION_LINES,
    TRADE_LINES,
    DecisionLine,
    DecisionRecord,
    DecisionStatus,
    HaltRecord,
    LessonRecord,
    TradeLine,
)
from llm_modules.operations.viewing.newest import Finding

# A moment as it was typed: so long ago, or at a time of the calendar.
Moment = timedelta | datetime
Result = Literal["won", "lost"]
# Lines are in the order of their times but for a clock that was set back.
SLACK = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Span:
    """From a time on, up to and not including another; None is no limit."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Tell whether a time lies within."""
        begun = self.since is None or at >= self.since
        return begun and (self.until is None or at < self.until)

    def is_over_before(self, at: datetime) -> bool:
        """Tell whether a line of that time has none before it that would lie within."""
        return self.since is not None and at < self.since - SLACK


@dataclass(frozen=True, slots=True)
class DecisionChoice:
    """Decisions to see; None is all. Outcomes and halts have no verdict and no model.

    `pair` may be the base alone, `model` any part of a name.
    """

    pair: str | None = None
    tool: str | None = None
    verdict: DecisionStatus | None = None
    model: str | None = None
    span: Span = Span()

    @property
    def is_everything(self) -> bool:
        """Whether every line is wanted, unreadable ones too."""
        return self == DecisionChoice()

    def __call__(self, line: bytes) -> Finding:
        """Tell whether a line is sought."""
        if self.span.since is None and not _may_hold(
            line, (self.pair, self.tool, self.verdict, self.model)
        ):
            return "other"
        try:
            record = DECISION_LINES.validate_json(line)
        except ValidationError:
            return "other"
        if self.span.is_over_before(record.at):
            return "too_old"
        return "sought" if self.span.holds(record.at) and self._fits(record) else "other"

    def fits(self, record: DecisionLine) -> bool:
        """Tell whether a record is wanted."""
        return self.span.holds(record.at) and self._fits(record)

    def _fits(self, record: DecisionLine) -> bool:
        if isinstance(record, HaltRecord):
            return not (self.pair or self.tool or self.verdict or self.model)
        if not is_pair(self.pair, record.pair) or self.tool not in (None, record.tool):
            return False
        if isinstance(record, DecisionRecord):
            is_verdict = self.verdict in (None, record.status)
            return is_verdict and is_part(self.model, record.model)
        return not (self.verdict or self.model)


@dataclass(frozen=True, slots=True)
class TradeChoice:
    """Closed trades to see, by the time they closed; None is all.

    The wordings of lessons have neither side nor result, and are not what the model said.
    """

    pair: str | None = None
    side: Side | None = None
    model: str | None = None
    result: Result | None = None
    span: Span = Span()

    @property
    def is_everything(self) -> bool:
        """Whether every line is wanted, unreadable ones too."""
        return self == TradeChoice()

    def __call__(self, line: bytes) -> Finding:
        """Tell whether a line is sought."""
        if self.span.since is None and not _may_hold(line, (self.pair, self.side, self.model)):
            return "other"
        try:
            record = TRADE_LINES.validate_json(line)
        except ValidationError:
            return "other"
        if self.span.is_over_before(record.at):
            return "too_old"
        return "sought" if self._fits(record) else "other"

    def _fits(self, record: TradeLine) -> bool:
        if not is_pair(self.pair, record.pair):
            return False
        if isinstance(record, LessonRecord):
            is_of_time = self.span.holds(record.at)
            return is_of_time and not (self.side or self.model or self.result)
        model = record.entry.model if record.entry else ""
        result = "won" if record.profit_ratio > 0 else "lost"
        return (
            self.span.holds(record.closed_at)
            and self.side in (None, record.side)
            and self.result in (None, result)
            and is_part(self.model, model)
        )


def span_of(since: Moment | None, until: Moment | None, now: datetime) -> Span:
    """Return the span that was typed. Raises UserError when nothing can lie in it."""
    begin, end = (
        now - moment if isinstance(moment, timedelta) else moment for moment in (since, until)
    )
    if begin is not None and end is not None and begin >= end:
        raise UserError(
            f"--since {begin:%Y-%m-%d %H:%M} UTC is not before --until {end:%Y-%m-%d %H:%M} UTC: "
            "nothing lies between them"
        )
    return Span(begin, end)


def is_pair(wanted: str | None, pair: str) -> bool:
    """Tell whether a pair is meant: `BTC`, `BTC/USDT` and `BTC/USDT:USDT` all name one."""
    if wanted is None:
        return True
    market, whole = pair.partition(":")[0], pair
    names = {name.casefold() for name in (market.partition("/")[0], market, whole)}
    return wanted.casefold() in names


def is_part(wanted: str | None, name: str) -> bool:
    """Tell whether a name holds what is wanted, in small letters or large ones."""
    return wanted is None or wanted.casefold() in name.casefold()


def _may_hold(line: bytes, wanted: Iterable[str | None]) -> bool:
    """Tell whether a line can be one of those wanted: reading it takes ten times as long."""
    upper = line.upper()
    return all(_hint(text) in upper for text in wanted if text)


def _hint(text: str) -> bytes:
    # What JSON may have written in another way says nothing.
    is_plain = text.isascii() and text.isprintable() and not {'"', "\\", "/"} & set(text)
    return text.upper().encode() if is_plain else b""

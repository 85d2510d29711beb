"""The journals of a bot, read once for a report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from llm_modules.domain import ClosedTrade, Thesis, TradingMode
from llm_modules.journal.gist import gist_of
from llm_modules.journal.reader import BadLine, each_record, read_newest
from llm_modules.journal.records import (
    DECISION_LINES,
    TRADE_LINES,
    LessonRecord,
    Line,
    OutcomeRecord,
    TradeKey,
    TradeLine,
    TradeRecord,
    trade_key,
)
from llm_modules.learning.remembered import RememberedTrade, remembered
from llm_modules.operations.places import shown
from llm_modules.operations.records.journals import Journals
from llm_modules.report.decided import Decided
from llm_modules.report.span import Span

LineT = TypeVar("LineT", bound=Line)
# The newest lines may be outcomes, which tell no mode.
LINES_LOOKED_AT = 200
LINES_PER_REPORT = 5000
# What a record and the domain's trade call the same.
_TRADE_FIELDS = {one.name for one in fields(ClosedTrade)} & set(TradeRecord.model_fields)
# Called now and then with a file and how many of its lines were read.
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the journals tell: decisions and trades of the span, and all trades before its end.

    `trades` closed within the span, in that order; `past` are all that closed until its end,
    which is what memory knew then. `taught` holds the first lesson of each trade of the span, or
    its summary, `worded` what a model made of one.
    """

    span: Span
    decided: Decided
    trades: tuple[TradeRecord, ...]
    past: tuple[RememberedTrade, ...]
    taught: Mapping[TradeKey, str]
    worded: Mapping[TradeKey, str]
    bad_lines: Mapping[str, int]

    @property
    def lately(self) -> tuple[RememberedTrade, ...]:
        """The trades of the span as memory keeps them."""
        return tuple(trade for trade in self.past if trade.closed_at >= self.span.since)

    def lesson(self, trade: ClosedTrade | TradeRecord) -> str | None:
        """Return what a trade taught, as a model worded it or by the rules; None where unknown."""
        key = (self.span.mode, trade.trade_id, trade.opened_at)
        return self.worded.get(key) or self.taught.get(key)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to report."""
        return not (self.decided.n or self.trades or self.decided.halts)


@dataclass(slots=True)
class _Trades:
    """Takes in the trade journal; a trade that is told twice counts once."""

    span: Span
    known: set[TradeKey] = field(default_factory=set)
    within: list[TradeRecord] = field(default_factory=list)
    past: list[RememberedTrade] = field(default_factory=list)
    taught: dict[TradeKey, str] = field(default_factory=dict)
    worded: dict[TradeKey, str] = field(default_factory=dict)

    def take(self, line: TradeLine) -> None:
        key = trade_key(line)
        if line.mode != self.span.mode:
            return
        if isinstance(line, LessonRecord):
            self.worded[key] = line.text
        elif key not in self.known and line.closed_at <= self.span.until:
            self.known.add(key)
            self.past.append(remembered(gist_of(line)))
            if line.closed_at >= self.span.since:
                self.within.append(line)
                reflection = line.reflection
                self.taught[key] = next(iter(reflection.lessons), reflection.summary)


def newest_mode(journals: Journals) -> TradingMode | None:
    """Return the mode of the newest line that has one; None where there is none yet.

    A backtest has a report and journals of its own: its lines would be strays here.
    """
    decisions = read_newest(journals.decisions, DECISION_LINES, LINES_LOOKED_AT).records
    trades = read_newest(journals.trades, TRADE_LINES, LINES_LOOKED_AT).records
    told = (*(line for line in decisions if not isinstance(line, OutcomeRecord)), *trades)
    found = ((line.at, line.mode) for line in told if line.mode != "backtest")
    return max(found, default=(None, None))[1]


def read(journals: Journals, span: Span, progress: Progress) -> Facts:
    """Read both journals; those that are missing are empty. Raises OSError."""
    decided, trades = Decided(span), _Trades(span)
    bad_lines = {
        shown(journals.decisions): _all(journals.decisions, DECISION_LINES, decided.take, progress),
        shown(journals.trades): _all(journals.trades, TRADE_LINES, trades.take, progress),
    }
    within = tuple(sorted(trades.within, key=lambda one: (one.closed_at, one.trade_id)))
    past = tuple(sorted(trades.past, key=lambda one: (one.closed_at, one.trade_id)))
    return Facts(span, decided, within, past, trades.taught, trades.worded, bad_lines)


def _all(
    path: Path, lines: TypeAdapter[LineT], take: Callable[[LineT], None], progress: Progress
) -> int:
    """Hand over every record of a journal and return how many lines are none."""
    bad_lines: list[BadLine] = []
    for number, line in enumerate(each_record(path, lines, bad_lines.append), start=1):
        take(line)
        if number % LINES_PER_REPORT == 0:
            progress(path.name, number)
    return len(bad_lines)


def closed_trade(record: TradeRecord) -> ClosedTrade:
    """Return a record as the trade it is about; what was not recorded is unknown."""
    told = record.model_dump(include=_TRADE_FIELDS)
    thesis = Thesis(**record.entry.model_dump()) if record.entry else None
    return ClosedTrade(**told, thesis=thesis, liquidation_price=None)

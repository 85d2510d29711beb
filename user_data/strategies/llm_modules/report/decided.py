"""The decisions of a period, counted while the journal is read: it may hold millions of them."""

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime

from llm_modules.journal.records import DecisionLine, DecisionRecord, DecisionStatus, HaltRecord
from llm_modules.report.span import Span

# As many as people read; the journal holds the rest.
NEWEST_REFUSED = 25
NEWEST_HALTS = 25
NO_TOOL = "none"


@dataclass(slots=True)
class Check:
    """What one check of the gate did: how often it refused, cut back, remarked, and last when."""

    counts: Counter[str] = field(default_factory=Counter)
    newest: datetime | None = None
    text: str = ""


@dataclass(slots=True)
class Decided:
    """Decisions by tool and verdict, what checks said, the account as it was seen, halts.

    `equity` holds milliseconds since the epoch and the account in stake currency.
    """

    span: Span
    verdicts: Counter[tuple[str, DecisionStatus]] = field(default_factory=Counter)
    checks: dict[str, Check] = field(default_factory=dict)
    models: Counter[str] = field(default_factory=Counter)
    equity: list[tuple[int, float]] = field(default_factory=list)
    refused: deque[DecisionRecord] = field(default_factory=lambda: deque(maxlen=NEWEST_REFUSED))
    halts: deque[HaltRecord] = field(default_factory=lambda: deque(maxlen=NEWEST_HALTS))
    pairs: set[str] = field(default_factory=set)
    timeframe: str = ""

    @property
    def n(self) -> int:
        """How many decisions there were."""
        return self.verdicts.total()

    def count(self, status: DecisionStatus) -> int:
        """How many of them have a status."""
        return sum(n for (_, found), n in self.verdicts.items() if found == status)

    def take(self, line: DecisionLine) -> None:
        """Count one line, where it is of the span's mode and time."""
        if isinstance(line, HaltRecord):
            if self.span.has(line.mode, line.at):
                self.halts.append(line)
        elif isinstance(line, DecisionRecord) and self.span.has(line.mode, line.at):
            self._count(line)

    def _count(self, record: DecisionRecord) -> None:
        self.verdicts[record.tool or record.default_tool or NO_TOOL, record.status] += 1
        self.models[record.model] += 1
        self.pairs.add(record.pair)
        self.timeframe = record.timeframe or self.timeframe
        if record.equity is not None and math.isfinite(record.equity):
            self.equity.append((round(record.at.timestamp() * 1000), record.equity))
        if record.status == "refused":
            self.refused.append(record)
        for reason in record.reasons:
            check = self.checks.setdefault(reason.code, Check())
            check.counts[reason.kind] += 1
            check.newest, check.text = record.at, reason.text

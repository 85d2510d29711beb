"""What only the journals of a run tell: counts, costs by time, calibration, lessons."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from llm_modules.backtest.outcome import Outcome
from llm_modules.domain import ClosedTrade
from llm_modules.journal.gist import gist_of
from llm_modules.journal.reader import BadLine, each_record
from llm_modules.journal.records import (
    DECISION_LINES,
    TRADE_LINES,
    DecisionRecord,
    DecisionStatus,
    LessonRecord,
    TradeLine,
)
from llm_modules.learning.calibration import Calibration, Reliability
from llm_modules.learning.remembered import remembered

# A trade's id alone is not enough where stretches of time were run apart.
LessonKey = tuple[int, datetime]


@dataclass(frozen=True, slots=True)
class Journals:
    """Decisions by status, what each question cost in USD, what confidence was worth, lessons.

    `costs` are in the order of the journal and leave out `unpriced` questions, whose price nobody
    knows. `bad_lines` could not be read.
    """

    statuses: Mapping[DecisionStatus, int]
    costs: tuple[tuple[datetime, float], ...]
    unpriced: int
    reliability: Reliability
    lessons: Mapping[LessonKey, str]
    bad_lines: int

    def lesson(self, trade: ClosedTrade) -> str | None:
        """Return what a trade taught, None where that is not recorded."""
        return self.lessons.get((trade.trade_id, trade.opened_at))


def read(outcome: Outcome) -> Journals:
    """Read the journals in a run's folder; those that are missing are empty. Raises OSError."""
    bad_lines: list[BadLine] = []
    statuses: Counter[DecisionStatus] = Counter()
    costs: list[tuple[datetime, float]] = []
    unpriced = 0
    path = outcome.folder / "llm_decisions.jsonl"
    for line in each_record(path, DECISION_LINES, bad_lines.append):
        if not isinstance(line, DecisionRecord):
            continue
        statuses[line.status] += 1
        # Without an attempt nothing was sent, and nothing is to be paid.
        if line.cost is not None:
            costs.append((line.at, line.cost))
        elif line.attempts:
            unpriced += 1
    calibration = Calibration()
    lessons: dict[LessonKey, str] = {}
    path = outcome.folder / "trade_experience.jsonl"
    for trade in each_record(path, TRADE_LINES, bad_lines.append):
        _learn(trade, calibration, lessons)
    whole = calibration.reliability()
    return Journals(dict(statuses), tuple(costs), unpriced, whole, lessons, len(bad_lines))


def _learn(line: TradeLine, calibration: Calibration, lessons: dict[LessonKey, str]) -> None:
    key = line.trade_id, line.opened_at
    if isinstance(line, LessonRecord):
        lessons[key] = line.text
        return
    calibration.add(remembered(gist_of(line)))
    lessons[key] = next(iter(line.reflection.lessons), line.reflection.summary)

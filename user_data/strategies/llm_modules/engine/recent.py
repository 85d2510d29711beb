"""RecentDecisions: what was decided lately, for the chart and for the start after a restart."""

import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime

from llm_modules.domain import OpenPosition, Thesis
from llm_modules.engine.recording import thesis_of
from llm_modules.journal.records import DecisionLine, DecisionRecord, OutcomeRecord

# Three weeks of five pairs at 30 minutes.
MOST_DECISIONS = 5000
ADDING_TOOLS = frozenset({"signal_entry_long", "signal_entry_short", "adjust_position"})


class RecentDecisions:
    """The newest decisions in the order they were made; any thread may add and ask."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._records: deque[DecisionRecord] = deque(maxlen=MOST_DECISIONS)
        self._aborted: set[str] = set()

    def load(self, past: Sequence[DecisionLine]) -> None:
        """Take in what the journal holds."""
        self._records.extend(line for line in past if isinstance(line, DecisionRecord))
        self._aborted = {
            line.decision_id
            for line in past
            if isinstance(line, OutcomeRecord) and line.outcome == "aborted"
        }

    def add(self, record: DecisionRecord) -> None:
        """Take in a new decision."""
        with self._mutex:
            self._records.append(record)

    def all(self) -> tuple[DecisionRecord, ...]:
        """Return every decision kept, oldest first."""
        with self._mutex:
            return tuple(self._records)

    def about(self, pair: str, start: datetime, end: datetime) -> tuple[DecisionRecord, ...]:
        """Return the decisions about a pair whose candle closed within a span of time."""
        return tuple(
            record
            for record in self.all()
            if record.pair == pair and start <= record.candle_at <= end
        )

    def entry_of(self, position: OpenPosition) -> DecisionRecord | None:
        """Return the approved entry that a position came from: nothing opens without one."""
        tool = f"signal_entry_{position.side}"
        for record in reversed(self.all()):
            is_entry = record.pair == position.pair and record.tool == tool
            if is_entry and record.approved is not None and record.at <= position.opened_at:
                return record
        return None

    def thesis_of(self, position: OpenPosition) -> Thesis | None:
        """Return the thesis of a position whose booking died with an earlier run."""
        entry = self.entry_of(position)
        return None if entry is None else thesis_of(entry)

    def acted_candles(self) -> dict[str, datetime]:
        """Return the newest candle of each pair on which an order was approved.

        It gets no second one after a restart. Where nothing was to be done, or it was cut short,
        asking again is harmless; an exit may not have happened.
        """
        newest: dict[str, datetime] = {}
        for record in self.all():
            acted = record.tool in ADDING_TOOLS and record.status in {"approved", "clamped"}
            if acted and record.decision_id not in self._aborted:
                known = newest.get(record.pair, record.candle_at)
                newest[record.pair] = max(record.candle_at, known)
        return newest

"""The patterns as they were known at some time, without counting every trade for every question."""

from datetime import UTC, datetime

from llm_modules.journal.records import TradeRecord
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.patterns import ConditionCounts, Pattern, PatternAnalyzer

_EVER = datetime.min.replace(tzinfo=UTC)


class PatternMemory:
    """Counts each trade once, as time moves on, and judges again only when a trade was counted.

    All trades of the history that closed before `_until` are counted. Called from one thread.
    """

    def __init__(self, history: HistoricalQueryEngine, analyzer: PatternAnalyzer) -> None:
        self._history = history
        self._analyzer = analyzer
        self._until = _EVER
        self._counts = ConditionCounts()
        self._patterns: tuple[Pattern, ...] | None = None

    def add(self, record: TradeRecord) -> None:
        """Count a trade that has just joined the history, if its time was already looked at."""
        if record.closed_at < self._until:
            self._count(record)

    def before(self, at: datetime) -> tuple[Pattern, ...]:
        """Return the patterns of all trades closed strictly before a time."""
        # Counts cannot be taken back, so an earlier question starts again; live, time moves on.
        if at < self._until:
            self._forget()
        for record in self._history.closed_between(self._until, at):
            self._count(record)
        self._until = at
        if self._patterns is None:
            self._patterns = self._analyzer.significant(self._counts)
        return self._patterns

    def _count(self, record: TradeRecord) -> None:
        self._counts.add(record)
        self._patterns = None

    def _forget(self) -> None:
        self._until = _EVER
        self._counts = ConditionCounts()
        self._patterns = None

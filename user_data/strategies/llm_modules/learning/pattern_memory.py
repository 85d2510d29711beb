"""The patterns as they were known at some time, judged again only when a trade was counted."""

from datetime import datetime

from llm_modules.learning.condition_counts import ConditionCounts
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.patterns import Pattern, PatternAnalyzer
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.up_to import UpTo


class PatternMemory:
    """Counts each trade once, as time moves on; called from one thread only."""

    def __init__(self, history: HistoricalQueryEngine, analyzer: PatternAnalyzer) -> None:
        self._analyzer = analyzer
        self._counts = UpTo(history, ConditionCounts)
        self._judged: tuple[ConditionCounts, int] | None = None
        self._patterns: tuple[Pattern, ...] = ()

    def add(self, trade: RememberedTrade) -> None:
        """Count a trade that has just joined the history, if its time was already looked at."""
        self._counts.add(trade)

    def before(self, at: datetime) -> tuple[Pattern, ...]:
        """Return the patterns worth telling of all trades closed strictly before a time."""
        counts = self._counts.before(at)
        # Trades are only ever added to one count, so itself and its number name one set of them.
        if self._judged is None or self._judged[0] is not counts or self._judged[1] != counts.n:
            self._patterns = self._analyzer.told(counts)
            self._judged = counts, counts.n
        return self._patterns

"""TradeOutbox: closed trades on their way into the journal; none is lost to a full disk."""

import logging
from collections import deque
from datetime import UTC, datetime

from llm_modules.domain import ClosedTrade
from llm_modules.engine.lesson_writer import LessonWriter
from llm_modules.errors import JournalError
from llm_modules.journal.records import TradeRecord
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.learning.experience import ExperienceLibrary

logger = logging.getLogger(__name__)


class TradeOutbox:
    """Learns from closed trades and writes them down; used on the decision thread only.

    With a `writer`, a model words what a trade taught once it is written.
    """

    def __init__(
        self, library: ExperienceLibrary, journal: TradeLogger, writer: LessonWriter | None
    ) -> None:
        self._library = library
        self._journal = journal
        self._writer = writer
        self._unwritten: deque[TradeRecord] = deque()

    async def learn(self, trade: ClosedTrade) -> None:
        """Learn from a trade, once, and write it; only the wording of its lesson is waited for."""
        record = self._library.learn(trade, datetime.now(UTC))
        if record is None:
            return
        self._unwritten.append(record)
        self.write()
        # A lesson must not stand in the journal before its trade.
        if self._writer is not None and not self._unwritten:
            await self._writer.word(record)

    def write(self) -> None:
        """Write what was learnt; what the disk refuses is tried again the next time."""
        while self._unwritten:
            try:
                # The oldest first and nothing past it: the journal keeps the order of closes.
                self._journal.trade(self._unwritten[0])
            except JournalError:
                logger.exception("Trade %d is not in the journal yet", self._unwritten[0].trade_id)
                return
            self._unwritten.popleft()

"""TradeOutbox: closed trades on their way into the journal; none is lost to a full disk."""

import logging
from collections import deque
from datetime import UTC, datetime

from llm_modules.domain import ClosedTrade
from llm_modules.errors import JournalError
from llm_modules.journal.records import TradeRecord
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.learning.experience import ExperienceLibrary

logger = logging.getLogger(__name__)


class TradeOutbox:
    """Learns from closed trades and writes them down; used on the decision thread only."""

    def __init__(self, library: ExperienceLibrary, journal: TradeLogger) -> None:
        self._library = library
        self._journal = journal
        self._unwritten: deque[TradeRecord] = deque()

    def learn(self, trade: ClosedTrade) -> None:
        """Learn from a trade, once, and write it."""
        if not self._library.knows(trade.trade_id, trade.opened_at):
            self._unwritten.append(self._library.learn(trade, datetime.now(UTC)))
        self.write()

    def write(self) -> None:
        """Write what was learnt; what the disk refuses is tried again the next time."""
        while self._unwritten:
            try:
                self._journal.trade(self._unwritten[0])
            except JournalError:
                logger.exception("Trade %d is not in the journal yet", self._unwritten[0].trade_id)
                return
            self._unwritten.popleft()

    @property
    def is_empty(self) -> bool:
        """Whether everything learnt is written."""
        return not self._unwritten

"""TradeOutbox: closed trades on their way into the journal; none is lost to a full disk."""

import logging
from collections import deque

from llm_modules.domain import ClosedTrade
from llm_modules.engine.cycle import Rooms
from llm_modules.errors import JournalError
from llm_modules.journal.records import TradeRecord

MOST_REVIEWS = 200
logger = logging.getLogger(__name__)


class TradeOutbox:
    """Learns from closed trades and writes them down; used on the decision thread.

    Only `reviews` is for Freqtrade's.
    With a writer among the rooms, a model words what a trade taught once it is written.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._unwritten: deque[TradeRecord] = deque()
        # In a backtest nobody takes them.
        self._reviews: deque[TradeRecord] = deque(maxlen=MOST_REVIEWS)

    async def learn(self, trade: ClosedTrade) -> None:
        """Learn from a trade, once, and write it; only the wording of its lesson is waited for."""
        record = self._rooms.library.learn(trade, self._rooms.clock())
        if record is None:
            return
        self._unwritten.append(record)
        self._reviews.append(record)
        self.write()
        # A lesson must not stand in the journal before its trade.
        if self._rooms.writer is not None and not self._unwritten:
            await self._rooms.writer.word(record)

    def reviews(self) -> tuple[TradeRecord, ...]:
        """Take what was learnt since the last call; for Freqtrade's thread, which keeps it."""
        taken = []
        while self._reviews:
            taken.append(self._reviews.popleft())
        return tuple(taken)

    def write(self) -> None:
        """Write what was learnt; what the disk refuses is tried again the next time."""
        while self._unwritten:
            try:
                # The oldest first and nothing past it: the journal keeps the order of closes.
                self._rooms.journal.trade(self._unwritten[0])
            except JournalError:
                logger.exception("Trade %d is not in the journal yet", self._unwritten[0].trade_id)
                return
            self._unwritten.popleft()

"""The closed trades a start remembers: the newest lines of the trade journal, read once."""

from collections.abc import Iterator
from datetime import UTC, datetime

from llm_modules.domain import RunMode
from llm_modules.engine.recording import close_of
from llm_modules.gate.conduct import Close
from llm_modules.journal.gist import GistLine, TradeGist
from llm_modules.journal.trade_logger import NEWEST_TRADES, TradeLogger

_EVER = datetime.fromtimestamp(0, UTC)


class Past:
    """What the trade journal holds of a mode; of each trade its close stays behind in `closes`.

    Lines are handed on one by one: thousands of them at once would take a gigabyte.
    """

    def __init__(self, journal: TradeLogger, mode: RunMode) -> None:
        self._journal = journal
        self._mode = mode
        self._lines = 0
        self.closes: list[Close] = []

    def __iter__(self) -> Iterator[GistLine]:
        for line in self._journal.past_trades():
            self._lines += 1
            if line.mode != self._mode:
                continue
            if isinstance(line, TradeGist):
                self.closes.append(close_of(line))
            yield line

    @property
    def since(self) -> datetime:
        """The time after which every recorded close is among `closes`, once they are read."""
        if self._lines < NEWEST_TRADES or not self.closes:
            return _EVER
        # Lines stand in the order they were written, and a trade that closed while the bot was
        # away is written late: half of what is remembered is room for that.
        return self.closes[len(self.closes) // 2].closed_at

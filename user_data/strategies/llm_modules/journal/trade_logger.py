"""TradeLogger: the two journals of a bot, opened together, each switchable."""

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from llm_modules.config import ExperienceConfig
from llm_modules.journal.gist import GIST_LINES, GistLine
from llm_modules.journal.log import Durability, JsonlLog, Rotation
from llm_modules.journal.reader import BadLine, each_newest, read_newest
from llm_modules.journal.records import (
    DECISION_LINES,
    DecisionLine,
    LessonRecord,
    TradeLine,
    TradeRecord,
)

# A year of one pair at 30 minutes, two weeks of thirty: read in half a second.
NEWEST_LINES = 20_000
# Years of trading, and no more than about a second of a start, however long the journal is.
NEWEST_TRADES = 25_000
MEGABYTE = 1_048_576

logger = logging.getLogger(__name__)


class TradeLogger:
    """Writes decisions and closed trades; a journal that is switched off swallows its records.

    Decisions are as durable as configured, trades wait for the disk unless they can be made again.
    Raises JournalLockedError or JournalError when a journal cannot be opened.
    """

    def __init__(self, config: ExperienceConfig, trade_durability: Durability = "fsync") -> None:
        self._decision_path = Path(config.decision_log_path)
        self._trade_path = Path(config.trade_log_path)
        self._decisions = self._trades = None
        self._trades_wait = False
        if config.log_decisions:
            self._decisions = JsonlLog(
                self._decision_path,
                durability=config.decision_log_durability,
                rotation=_rotation(config, config.decision_log_kept_parts),
            )
        # Decisions are many and replaceable; a lost trade would be a lost lesson.
        if config.log_trades:
            rotation = _rotation(config, config.trade_log_kept_parts)
            self._trades = JsonlLog(
                self._trade_path, durability=trade_durability, rotation=rotation
            )

    def decision(self, record: DecisionLine) -> bool:
        """Append a decision, what became of it, or a halt. Raises JournalError.

        True when everything so far is recorded: False when decisions are switched off, or while a
        closed trade waits for the disk. No new exposure may follow then.
        """
        if self._decisions is None:
            return False
        self._decisions.append(record)
        return not self._trades_wait

    def trade(self, record: TradeRecord) -> None:
        """Append a closed trade and wait until it is on disk. Raises JournalError."""
        self._trades_wait = True
        self._append_trade(record)
        self._trades_wait = False

    def lesson(self, record: LessonRecord) -> None:
        """Append words for the lesson of a trade; nothing waits for them. Raises JournalError."""
        self._append_trade(record)

    def past_decisions(self, limit: int = NEWEST_LINES) -> tuple[DecisionLine, ...]:
        """Read the newest decision lines, oldest first; bad lines are logged and left out."""
        content = read_newest(self._decision_path, DECISION_LINES, limit)
        for bad_line in content.bad_lines:
            _tell(self._decision_path, bad_line)
        return content.records

    def past_trades(self, limit: int = NEWEST_TRADES) -> Iterator[GistLine]:
        """Yield the gist of the newest closed trades, oldest first; bad lines are left out.

        Thousands of them at once would take gigabytes. Raises OSError if a file is unreadable.
        """
        return each_newest(self._trade_path, GIST_LINES, limit, partial(_tell, self._trade_path))

    def close(self) -> None:
        """Release both files."""
        for log in (self._decisions, self._trades):
            if log is not None:
                log.close()

    def _append_trade(self, record: TradeLine) -> None:
        if self._trades is not None:
            self._trades.append(record)


def _rotation(config: ExperienceConfig, kept_parts: int) -> Rotation:
    return Rotation(config.log_rotate_megabytes * MEGABYTE, kept_parts)


def _tell(path: Path, bad: BadLine) -> None:
    logger.warning("%s line %d skipped: %s", path, bad.number, bad.problem)

"""TradeLogger: the two journals of a bot, opened together, each switchable."""

import logging
from pathlib import Path

from llm_modules.config import ExperienceConfig
from llm_modules.journal.log import JsonlLog
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import (
    DECISION_LINES,
    TRADE_LINES,
    DecisionLine,
    TradeRecord,
)

logger = logging.getLogger(__name__)


class TradeLogger:
    """Writes decisions and closed trades; a journal that is switched off swallows its records.

    Raises JournalLockedError or JournalError when a journal cannot be opened.
    """

    def __init__(self, config: ExperienceConfig) -> None:
        self._decision_path = Path(config.decision_log_path)
        self._trade_path = Path(config.trade_log_path)
        self._decisions = (
            JsonlLog(self._decision_path, fsync=False) if config.log_decisions else None
        )
        # Decisions are many and replaceable; a lost trade would be a lost lesson.
        self._trades = JsonlLog(self._trade_path, fsync=True) if config.log_trades else None

    def decision(self, record: DecisionLine) -> None:
        """Append a decision, what became of it, or a halt. Raises JournalError."""
        if self._decisions is not None:
            self._decisions.append(record)

    def trade(self, record: TradeRecord) -> None:
        """Append a closed trade and wait until it is on disk. Raises JournalError."""
        if self._trades is not None:
            self._trades.append(record)

    def past_decisions(self) -> tuple[DecisionLine, ...]:
        """Read all decision lines written so far; bad lines are logged and left out."""
        content = read_journal(self._decision_path, DECISION_LINES)
        for bad in content.bad_lines:
            logger.warning("%s line %d skipped: %s", self._decision_path, bad.number, bad.problem)
        return content.records

    def past_trades(self) -> tuple[TradeRecord, ...]:
        """Read all closed trades written so far; bad lines are logged and left out."""
        content = read_journal(self._trade_path, TRADE_LINES)
        for bad in content.bad_lines:
            logger.warning("%s line %d skipped: %s", self._trade_path, bad.number, bad.problem)
        return content.records

    def close(self) -> None:
        """Release both files."""
        for log in (self._decisions, self._trades):
            if log is not None:
                log.close()

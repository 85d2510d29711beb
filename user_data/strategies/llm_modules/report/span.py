"""Which records a report is about."""

from dataclasses import dataclass
from datetime import datetime

from llm_modules.domain import RunMode, TradingMode


@dataclass(frozen=True, slots=True)
class Span:
    """The records of one mode from one time up to another, both included."""

    mode: TradingMode
    since: datetime
    until: datetime

    def has(self, mode: RunMode, at: datetime) -> bool:
        """Tell whether a record of that mode and time counts."""
        return mode == self.mode and self.since <= at <= self.until

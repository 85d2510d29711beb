"""A closed trade as memory keeps it: small, because there may be a million of them."""

from dataclasses import dataclass
from datetime import datetime

from llm_modules.domain import Regime, Side
from llm_modules.journal.records import Finding


@dataclass(frozen=True, slots=True)
class RememberedTrade:
    """What later questions need of a closed trade; ratios are leveraged, after fees and funding.

    `is_own` is False when people or a halt ended it: it counts in statistics, but says nothing
    about the model. `conditions` are codes of `conditions.py`, `situation` the market at entry as
    `similar.py` measures it, `lesson` the finished text of records written before findings were.
    """

    trade_id: int
    pair: str
    side: Side
    leverage: float
    opened_at: datetime
    closed_at: datetime
    profit_ratio: float
    mfe_ratio: float
    mae_ratio: float
    exit_reason: str
    model: str
    confidence_score: float | None
    regime: Regime
    score: float
    grade: str
    reward: float
    is_own: bool
    conditions: tuple[str, ...]
    situation: tuple[float, ...] | None
    findings: tuple[Finding, ...]
    lesson: str

    @property
    def duration_hours(self) -> float:
        """Hours the position was open."""
        return (self.closed_at - self.opened_at).total_seconds() / 3600

"""A closed trade as memory keeps it: small, because there may be a million of them."""

from datetime import UTC, datetime
from sys import intern
from typing import NamedTuple

from llm_modules.domain import Regime, Side
from llm_modules.journal.gist import ReflectionGist, TradeGist
from llm_modules.journal.records import Finding
from llm_modules.learning.conditions import conditions
from llm_modules.learning.regime import regime
from llm_modules.learning.situation import situation

# Freqtrade's names for what people did, and our tags of the emergency stop and of a halt.
ENDED_BY_OTHERS = frozenset(
    {"force_exit", "emergency_exit", "sold_on_exchange", "emergency_stop", "halt", "flatten"}
)
# No more of a sentence is ever quoted.
LONGEST_LESSON = 300


class RememberedTrade(NamedTuple):
    """What later questions need of a closed trade; ratios are leveraged, after fees and funding.

    `is_own` is False when people or a halt ended it, or no decision of ours opened it: it counts
    in statistics, but says nothing about the model. `conditions` are codes of `conditions.py`,
    `situation` the market at entry as `situation.py` measures it, `lesson` the finished text of
    records written before findings were.
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


def remembered(gist: TradeGist) -> RememberedTrade:
    """Return a closed trade as memory keeps it.

    Texts that repeat are shared between trades, because there may be a million of them; of mixes
    of conditions six in seven are unique. Times are in UTC, whatever zone they were written in.
    """
    entry = gist.entry
    facts = entry.facts if entry else {}
    return RememberedTrade(
        gist.trade_id,
        intern(gist.pair),
        gist.side,
        gist.leverage,
        gist.opened_at.astimezone(UTC),
        gist.closed_at.astimezone(UTC),
        gist.profit_ratio,
        gist.mfe_ratio,
        gist.mae_ratio,
        intern(gist.exit_reason),
        intern(entry.model) if entry else "",
        entry.confidence_score if entry else None,
        regime(facts),
        gist.evaluation["score"],
        gist.evaluation["grade"],
        gist.reward,
        # Whatever no decision of ours opened was somebody else's as well.
        entry is not None and gist.exit_reason not in ENDED_BY_OTHERS,
        conditions(gist),
        situation(facts),
        gist.reflection.get("findings", ()),
        _lesson(gist.reflection),
    )


def _lesson(reflection: ReflectionGist) -> str:
    """Return the sentence of a record written before there were findings, else nothing."""
    if reflection.get("findings"):
        return ""
    return next(iter(reflection["lessons"]), reflection["summary"])[:LONGEST_LESSON]

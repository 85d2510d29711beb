"""From a line of the trade journal to what memory keeps of it."""

from datetime import UTC
from sys import intern

from llm_modules.journal.gist import ReflectionGist, TradeGist
from llm_modules.learning.conditions import conditions
from llm_modules.learning.regime import regime
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.similar import situation

# Freqtrade's names for what people did, and our tags of the emergency stop and of a halt.
ENDED_BY_OTHERS = frozenset(
    {"force_exit", "emergency_exit", "sold_on_exchange", "emergency_stop", "halt", "flatten"}
)
# No more of a sentence is ever quoted.
LONGEST_LESSON = 300


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
        gist.exit_reason not in ENDED_BY_OTHERS,
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

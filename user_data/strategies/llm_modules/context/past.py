"""What the past taught, as lists of the quoted block: reasons and lessons are someone's text."""

from llm_modules.context.blocks import Block, QuotedKind
from llm_modules.context.numbers import percent, trimmed, utc_minute
from llm_modules.context.quoting import one_word, quoted
from llm_modules.domain import Experience, PastDecision, PastTrade, Thesis
from llm_modules.phrases import Phrases

# There are many of these: enough to remember a decision by, the verdict on it stands in full.
_LONGEST_DECISION_REASON = 100
# Codes are short; trades of earlier versions have a sentence there.
_LONGEST_TAUGHT = 160


def past_blocks(
    pair: str, thesis: Thesis | None, experience: Experience, phrases: Phrases
) -> tuple[Block, ...]:
    """Return the quoted lists that are not empty; what has a time goes oldest first.

    Only what happened in another pair than `pair` names its pair.
    """
    decisions = sorted(experience.decisions, key=lambda decision: decision.at)
    trades = sorted(experience.trades, key=lambda trade: trade.closed_at)
    # What changes least comes first, and the thesis before all: it is what is being judged.
    lists: dict[QuotedKind, tuple[str, ...]] = {
        "thesis": _thesis(thesis, phrases),
        "statistics": tuple(map(quoted, experience.statistics)),
        "patterns": tuple(map(quoted, experience.patterns)),
        "lessons": tuple(map(quoted, experience.lessons)),
        "trades": tuple(_trade(trade, pair, phrases) for trade in trades),
        "decisions": tuple(_decision(decision, pair, phrases) for decision in decisions),
        "habits": tuple(quoted(habit.text) for habit in experience.habits),
    }
    return tuple(
        Block(kind, phrases(f"past.title.{kind}"), lines) for kind, lines in lists.items() if lines
    )


def _thesis(thesis: Thesis | None, phrases: Phrases) -> tuple[str, ...]:
    if thesis is None:
        return ()
    reason = phrases("past.thesis.reason", reason=quoted(thesis.reason))
    if thesis.invalidation is None:
        return (reason,)
    invalidation = quoted(thesis.invalidation)
    return (reason, phrases("past.thesis.invalidation", invalidation=invalidation))


def _decision(decision: PastDecision, pair: str, phrases: Phrases) -> str:
    return phrases(
        "past.decision.line",
        at=utc_minute(decision.at) + _other_pair(decision.pair, pair),
        tool=one_word(decision.tool),
        confidence=trimmed(decision.confidence_score),
        result=quoted(decision.result),
        reason=quoted(decision.reason, _LONGEST_DECISION_REASON),
    )


def _trade(trade: PastTrade, pair: str, phrases: Phrases) -> str:
    line = phrases(
        "past.trade.line",
        at=utc_minute(trade.closed_at) + _other_pair(trade.pair, pair),
        side=trade.side,
        leverage=trimmed(trade.leverage),
        profit=percent(trade.profit_ratio),
        mfe=percent(trade.mfe_ratio),
        mae=percent(trade.mae_ratio),
        held=_held(trade.duration_hours),
        exit_reason=one_word(trade.exit_reason),
        grade=one_word(trade.grade),
    )
    if not trade.taught:
        return line
    taught = quoted(", ".join(trade.taught), _LONGEST_TAUGHT)
    return line + phrases("past.trade.taught", lessons=taught)


def _held(hours: float) -> str:
    return f"{60 * hours:.0f}min" if hours < 1 else f"{trimmed(hours)}h"


def _other_pair(pair: str, asked: str) -> str:
    return "" if pair == asked else f" {one_word(pair)}"

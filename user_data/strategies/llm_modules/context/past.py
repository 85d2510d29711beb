"""What the past taught, as lists of the quoted block: reasons and lessons are someone's text."""

from llm_modules.context.blocks import Block
from llm_modules.context.numbers import percent, trimmed, utc_minute
from llm_modules.context.quoting import one_word, quoted
from llm_modules.domain import Experience, PastDecision, PastTrade, Thesis

# There are many of these: enough to remember a decision by, the verdict on it stands in full.
_LONGEST_DECISION_REASON = 100


def past_blocks(pair: str, thesis: Thesis | None, experience: Experience) -> tuple[Block, ...]:
    """Return the quoted lists that are not empty; what has a time goes oldest first.

    Only what happened in another pair than `pair` names its pair.
    """
    decisions = sorted(experience.decisions, key=lambda decision: decision.at)
    trades = sorted(experience.trades, key=lambda trade: trade.closed_at)
    # What changes least comes first, and the thesis before all: it is what is being judged.
    blocks = (
        Block("thesis", "Why this position was opened", _thesis(thesis)),
        Block("statistics", "Statistics", tuple(map(quoted, experience.statistics))),
        Block("patterns", "Patterns", tuple(map(quoted, experience.patterns))),
        Block(
            "trades",
            "Closed trades and their lessons",
            tuple(_trade(trade, pair) for trade in trades),
        ),
        Block(
            "decisions",
            "Recent decisions and what became of them",
            tuple(_decision(decision, pair) for decision in decisions),
        ),
        Block(
            "habits",
            "Habits in your recent decisions",
            tuple(quoted(habit.text) for habit in experience.habits),
        ),
    )
    return tuple(block for block in blocks if block.lines)


def _thesis(thesis: Thesis | None) -> tuple[str, ...]:
    if thesis is None:
        return ()
    reason = f"reason: {quoted(thesis.reason)}"
    if thesis.invalidation is None:
        return (reason,)
    return (reason, f"wrong if: {quoted(thesis.invalidation)}")


def _decision(decision: PastDecision, pair: str) -> str:
    return (
        f"{utc_minute(decision.at)}{_other_pair(decision.pair, pair)} {one_word(decision.tool)}"
        f" confidence {trimmed(decision.confidence_score)}, {quoted(decision.result)}"
        f" | {quoted(decision.reason, _LONGEST_DECISION_REASON)}"
    )


def _trade(trade: PastTrade, pair: str) -> str:
    return (
        f"{utc_minute(trade.closed_at)}{_other_pair(trade.pair, pair)} {trade.side}"
        f" {trimmed(trade.leverage)}x profit {percent(trade.profit_ratio)}%"
        f" mfe {percent(trade.mfe_ratio)}% mae {percent(trade.mae_ratio)}%"
        f" held {trimmed(trade.duration_hours)}h exit {one_word(trade.exit_reason)}"
        f" grade {one_word(trade.grade)} | lesson: {quoted(trade.lesson)}"
    )


def _other_pair(pair: str, asked: str) -> str:
    return "" if pair == asked else f" {one_word(pair)}"

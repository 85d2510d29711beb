"""What the gate refused, what that would have earned, and which check saved or cost how much."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from llm_modules.backtest.assessment import CheckEffect, RefusedEntry
from llm_modules.backtest.outcome import Outcome
from llm_modules.domain import ClosedTrade
from llm_modules.journal.records import DecisionRecord

SIDES = {"signal_entry_long": "long", "signal_entry_short": "short"}


def refused_entries(
    decisions: Iterable[DecisionRecord], ungated: Outcome | None
) -> tuple[RefusedEntry, ...]:
    """Return each entry the gate refused, with the profit of its trade in the run without gate.

    A trade is found by the decision that opened it. None where that run made no trade of it: it
    was not played, or had a position in the pair, no slot or no money then.
    """
    trades = ungated.trades if ungated is not None else ()
    by_decision = {trade.thesis.decision_id: trade for trade in trades if trade.thesis is not None}
    return tuple(
        _refused(one, by_decision.get(one.decision_id))
        for one in decisions
        if one.status == "refused" and one.tool in SIDES
    )


def effects(refused: Sequence[RefusedEntry]) -> tuple[CheckEffect, ...]:
    """Sum up by check; an entry that several checks refused counts in full for each of them."""
    by_code: defaultdict[str, list[RefusedEntry]] = defaultdict(list)
    for one in refused:
        for code in dict.fromkeys(one.codes):
            by_code[code].append(one)
    return tuple(_effect(code, by_code[code]) for code in sorted(by_code))


def _refused(decision: DecisionRecord, trade: ClosedTrade | None) -> RefusedEntry:
    return RefusedEntry(
        decision_id=decision.decision_id,
        pair=decision.pair,
        at=decision.at,
        side=SIDES[decision.tool or ""],
        codes=tuple(reason.code for reason in decision.reasons if reason.kind == "refusal"),
        profit_abs=trade.profit_abs if trade else None,
        profit_ratio=trade.profit_ratio if trade else None,
    )


def _effect(code: str, refused: Sequence[RefusedEntry]) -> CheckEffect:
    profits = [one.profit_abs for one in refused if one.profit_abs is not None]
    return CheckEffect(code, len(refused), len(profits), math.fsum(profits))

"""The last few decisions of each pair and what became of them, as the model is reminded of them."""

from collections import defaultdict, deque
from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from llm_modules.domain import PastDecision
from llm_modules.journal.records import (
    DecisionLine,
    DecisionRecord,
    HaltRecord,
    OutcomeRecord,
    Reason,
)

KEPT_PER_PAIR = 120
LONGEST_RESULT = 160


class DecisionMemory:
    """Keeps the last 120 decisions of each pair; older ones and their outcomes are forgotten.

    That is more than a context may ask for (100), so that decisions hidden by `before` do not
    push out those it may show. Called from one thread only.
    """

    def __init__(self) -> None:
        self._pairs: defaultdict[str, deque[DecisionRecord]] = defaultdict(deque)
        self._outcomes: dict[str, list[OutcomeRecord]] = {}

    def note(self, line: DecisionLine) -> None:
        """Remember one line of the decision journal; a repeated decision is ignored.

        An outcome whose decision is not (or no longer) remembered is ignored too.
        """
        if isinstance(line, HaltRecord):
            return
        if isinstance(line, OutcomeRecord):
            outcomes = self._outcomes.get(line.decision_id)
            # Outcomes of forgotten or foreign decisions would only pile up.
            if outcomes is not None:
                outcomes.append(line)
            return
        if line.decision_id in self._outcomes:
            return
        self._outcomes[line.decision_id] = []
        decisions = self._pairs[line.pair]
        decisions.append(line)
        if len(decisions) > KEPT_PER_PAIR:
            del self._outcomes[decisions.popleft().decision_id]

    def recent(self, count: int, *, pair: str, before: datetime) -> tuple[PastDecision, ...]:
        """Return the last decisions made strictly before a time, newest first.

        What became of them is told as it was known at that time.
        """
        # In the order they were made, which is the order they are noted in.
        known = (item for item in reversed(self._pairs.get(pair, ())) if item.at < before)
        return tuple(self._remembered(item, before) for item in islice(known, count))

    def _remembered(self, decision: DecisionRecord, before: datetime) -> PastDecision:
        outcomes = (item for item in self._outcomes[decision.decision_id] if item.at < before)
        return PastDecision(
            at=decision.at,
            pair=decision.pair,
            tool=decision.tool or "none",
            confidence_score=_number(decision.call.get("confidence_score")),
            reason=str(decision.call.get("reason") or ""),
            result=result_phrase(decision, outcomes),
        )


def result_phrase(decision: DecisionRecord, outcomes: Iterable[OutcomeRecord] = ()) -> str:
    """Say in a few words what became of a decision, such as `filled` or `failed: timeout`.

    The last outcome counts. A decision without one is told by its verdict.
    """
    reasons = _joined(decision.reasons)
    if decision.status == "failed":
        faults = (decision.fault,) if decision.fault else ()
        return _phrase("failed", "; ".join((*faults, *decision.problems)))
    if decision.status == "refused":
        return _phrase("refused", reasons)
    phrases = [_phrase(item.outcome, item.detail) for item in outcomes]
    if decision.status == "clamped":
        return _phrase("clamped", ", ".join([*phrases[-1:], reasons]))
    return phrases[-1] if phrases else "approved"


def _phrase(word: str, detail: str) -> str:
    return f"{word}: {detail}"[:LONGEST_RESULT] if detail else word


def _joined(reasons: Iterable[Reason]) -> str:
    return "; ".join(f"{reason.code} {reason.text}" for reason in reasons)


def _number(value: str | float | None) -> float | None:
    return None if isinstance(value, str) else value

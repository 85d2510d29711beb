"""The last few decisions of each pair and what became of them, as the model is reminded of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from llm_modules.domain import PastDecision
from llm_modules.journal.records import (
    DecisionLine,
    DecisionRecord,
    HaltRecord,
    OutcomeRecord,
    Reason,
)
from llm_modules.learning.wording import price

KEPT_PER_PAIR = 120
LONGEST_RESULT = 300
# What was wrong with an answer is of less use than which limit was in its way.
LONGEST_FAILURE = 160
REFUSALS_SHOWN = 2
# Older ones were about another market and another account.
REFUSALS_LOOKED_AT = 50
REFUSALS_SHOWN_FOR = timedelta(days=1)

# Old lines do not tell the kind of a reason; all of them are told then.
_TELLS_REFUSAL = frozenset({"refusal", "unknown"})
_TELLS_CLAMP = frozenset({"clamp", "unknown"})
_NEVER = datetime.min.replace(tzinfo=UTC)


class _OfPair:
    """The last decisions of one pair, in the order they were made, which is how they are noted."""

    def __init__(self) -> None:
        self.noted = 0
        self._newest_first: tuple[DecisionRecord, ...] = ()
        self._newest_at = _NEVER

    def add(self, decision: DecisionRecord) -> DecisionRecord | None:
        """Keep one more; return the one that is forgotten for it, if any."""
        self.noted += 1
        self._newest_at = max(self._newest_at, decision.at)
        known = (decision, *self._newest_first)
        self._newest_first = known[:KEPT_PER_PAIR]
        return known[KEPT_PER_PAIR] if len(known) > KEPT_PER_PAIR else None

    def before(self, at: datetime) -> tuple[DecisionRecord, ...]:
        """Return those made before a time, newest first."""
        # Usually all are, and comparing each one's time costs more than all the rest.
        if self._newest_at < at:
            return self._newest_first
        return tuple([item for item in self._newest_first if item.at < at])


class DecisionMemory:
    """Keeps the last 120 decisions of each pair; older ones and their outcomes are forgotten.

    That is more than a context may ask for (100), so that decisions hidden by `before` do not
    push out those it may show. Called from one thread only.
    """

    def __init__(self) -> None:
        self._pairs: defaultdict[str, _OfPair] = defaultdict(_OfPair)
        self._outcomes: dict[str, list[OutcomeRecord]] = {}
        self._told: dict[str, tuple[Sequence[OutcomeRecord], PastDecision]] = {}

    def note(self, line: DecisionLine) -> None:
        """Remember one line of the decision journal; a repeated decision is ignored.

        An outcome whose decision is not (or no longer) remembered is ignored too, and so is a
        question that was not asked: nothing was decided, and many of them would hide the others.
        """
        if isinstance(line, HaltRecord):
            return
        if isinstance(line, OutcomeRecord):
            outcomes = self._outcomes.get(line.decision_id)
            # Outcomes of forgotten or foreign decisions would only pile up.
            if outcomes is not None:
                outcomes.append(line)
            return
        if line.status == "skipped" or line.decision_id in self._outcomes:
            return
        self._outcomes[line.decision_id] = []
        forgotten = self._pairs[line.pair].add(line)
        if forgotten is not None:
            del self._outcomes[forgotten.decision_id]
            self._told.pop(forgotten.decision_id, None)

    def noted(self, pair: str) -> int:
        """Return how many decisions about a pair were ever noted: the same number, the same."""
        return self._pairs[pair].noted

    def recent(self, count: int, *, pair: str, before: datetime) -> tuple[PastDecision, ...]:
        """Return the last decisions made strictly before a time, newest first.

        If none of them was refused, the newest two refusals of the last day follow: a model that
        has forgotten a refusal asks for the same again. What became of a decision is told as it
        was known at that time. With a count of 0 nothing is told.
        """
        if not count:
            return ()
        known = self.last(max(count, REFUSALS_LOOKED_AT), pair=pair, before=before)
        shown = (*known[:count], *_forgotten_refusals(known, count, before))
        return tuple(self._remembered(item, before) for item in shown)

    def last(self, count: int, *, pair: str, before: datetime) -> tuple[DecisionRecord, ...]:
        """Return the records of the last decisions made strictly before a time, newest first."""
        return self._before(pair, before)[:count]

    def model_of(self, pair: str, before: datetime) -> str | None:
        """Return the model that last answered before a time, for the pair or else for any."""
        # A failed decision names the model that was asked, not one that answered.
        own = self._answer(pair, before)
        if own is not None:
            return own.model
        others = filter(None, (self._answer(one, before) for one in self._pairs))
        newest = max(others, key=lambda answer: answer.at, default=None)
        return newest.model if newest else None

    def _answer(self, pair: str, before: datetime) -> DecisionRecord | None:
        return next((item for item in self._before(pair, before) if item.tool), None)

    def _before(self, pair: str, before: datetime) -> tuple[DecisionRecord, ...]:
        """Return all that is kept of a pair from before a time, newest first."""
        return self._pairs[pair].before(before)

    def _remembered(self, decision: DecisionRecord, before: datetime) -> PastDecision:
        noted = self._outcomes[decision.decision_id]
        # Of most decisions nothing more becomes.
        outcomes = tuple([item for item in noted if item.at < before]) if noted else ()
        known = self._told.get(decision.decision_id)
        if known is None or known[0] != outcomes:
            known = outcomes, _past_decision(decision, outcomes)
            self._told[decision.decision_id] = known
        return known[1]


def result_phrase(decision: DecisionRecord, outcomes: Iterable[OutcomeRecord] = ()) -> str:
    """Say in a few words what became of a decision, such as `filled` or `failed: timeout`.

    The last outcome counts. A decision without one is told by its verdict: a refusal with every
    code, a clamp with what went from where to where. Remarks changed nothing and are not told.
    """
    if decision.status == "failed":
        # Sums of money and seconds left are nothing to decide by, and never twice the same.
        fault = decision.fault if decision.attempts else (decision.fault or "").partition(":")[0]
        faults = (fault,) if fault else ()
        return _phrase("failed", "; ".join((*faults, *decision.problems)))[:LONGEST_FAILURE]
    if decision.status == "refused":
        return _refused([item for item in decision.reasons if item.kind in _TELLS_REFUSAL])
    phrases = [_phrase(item.outcome, item.detail) for item in outcomes]
    if decision.status == "clamped":
        clamps = [_clamped(item) for item in decision.reasons if item.kind in _TELLS_CLAMP]
        return _phrase("clamped", "; ".join([*phrases[-1:], *clamps]))
    return phrases[-1] if phrases else "approved"


def _past_decision(decision: DecisionRecord, outcomes: Iterable[OutcomeRecord]) -> PastDecision:
    return PastDecision(
        at=decision.at,
        pair=decision.pair,
        tool=decision.tool or "none",
        confidence_score=_number(decision.call.get("confidence_score")),
        reason=str(decision.call.get("reason") or ""),
        result=result_phrase(decision, outcomes),
    )


def _forgotten_refusals(
    known: Sequence[DecisionRecord], shown: int, before: datetime
) -> Iterable[DecisionRecord]:
    if "refused" in [item.status for item in known[:shown]]:
        return ()
    since = before - REFUSALS_SHOWN_FOR
    refused = [item for item in known[shown:] if item.status == "refused"]
    return islice((item for item in refused if item.at >= since), REFUSALS_SHOWN)


def _refused(refusals: Sequence[Reason]) -> str:
    whole = "; ".join(map(_worded, refusals))
    if len(whole) > LONGEST_RESULT - len("refused: "):
        # No code may fall to the cut: each names a limit the next call should respect.
        whole = f"{', '.join(reason.code for reason in refusals)}: {whole}"
    return _phrase("refused", whole)


def _clamped(clamp: Reason) -> str:
    # The configuration may fix a field at what was asked for; its text says what it fixed else.
    if clamp.field is None or clamp.before == clamp.after:
        return _worded(clamp)
    before = "none" if clamp.before is None else price(clamp.before)
    after = "unchanged" if clamp.after is None else price(clamp.after)
    return f"{clamp.code} {clamp.field} {before}->{after}"


def _worded(reason: Reason) -> str:
    return f"{reason.code} {reason.text}"


def _phrase(word: str, detail: str) -> str:
    return f"{word}: {detail}"[:LONGEST_RESULT] if detail else word


def _number(value: str | float | None) -> float | None:
    return None if isinstance(value, str) else value

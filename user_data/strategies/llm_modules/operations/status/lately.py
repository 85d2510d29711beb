"""The decisions of the last 24 hours, read from the end of their journal."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from llm_modules.domain import RunMode
from llm_modules.journal.records import DECISION_LINES, DecisionRecord, Reason
from llm_modules.operations.status.facts import LastDecision, ModelFacts, RefusalFacts
from llm_modules.operations.viewing.newest import Finding, newest_sought

DAY = timedelta(hours=24)
# So many are read in a fifth of a second; more in a day are for `decisions --summary`.
MOST_LINES = 10_000
# However old: who decides once a day wants to see the last decisions all the same.
FEWEST_LINES = 200
# Reading a line whole takes ten times as long.
WRITTEN_AT = re.compile(rb'"at":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Lately:
    """What was read: decisions of every mode, oldest first, and how much of the journal that is."""

    decisions: tuple[DecisionRecord, ...]
    lines: int
    unreadable: int
    since: datetime | None
    is_cut: bool

    @property
    def mode(self) -> RunMode | None:
        """The mode of the newest decision."""
        return self.decisions[-1].mode if self.decisions else None

    @property
    def equity(self) -> tuple[datetime, float] | None:
        """The equity that a decision told last, and when."""
        told = ((one.at, one.equity) for one in reversed(self.decisions) if one.equity is not None)
        return next(told, None)

    def of_mode(self, mode: RunMode | None) -> "Lately":
        """Leave out the decisions of other modes: simulated ones prove nothing of real ones."""
        kept = tuple(one for one in self.decisions if one.mode == mode)
        return Lately(kept, self.lines, self.unreadable, self.since, self.is_cut)


def read_lately(path: Path, now: datetime) -> Lately:
    """Read the last 24 hours of a journal of decisions. Raises OSError."""
    begin = now - DAY

    def is_recent(line: bytes) -> Finding:
        # A line that does not tell its time is for the count of those that cannot be read.
        found = WRITTEN_AT.search(line)
        return "too_old" if found and _is_before(found[1], begin) else "sought"

    lines = newest_sought(path, MOST_LINES, is_recent)
    if len(lines) < FEWEST_LINES:
        lines = newest_sought(path, FEWEST_LINES)
    decisions, unreadable = _records(lines)
    since = decisions[0].at if decisions else None
    is_cut = len(lines) == MOST_LINES and since is not None and since > begin
    return Lately(decisions, len(lines), unreadable, since, is_cut)


def _is_before(text: bytes, begin: datetime) -> bool:
    try:
        at = datetime.fromisoformat(text.decode())
    except ValueError:
        return False
    return at.tzinfo is not None and at < begin


def _records(lines: Iterable[bytes]) -> tuple[tuple[DecisionRecord, ...], int]:
    """Return the decisions among lines, and how many lines could not be read."""
    decisions = []
    unreadable = 0
    for line in lines:
        try:
            record = DECISION_LINES.validate_json(line)
        except ValidationError:
            unreadable += 1
            continue
        if isinstance(record, DecisionRecord):
            decisions.append(record)
    return tuple(decisions), unreadable


def last_decisions(decisions: Iterable[DecisionRecord], now: datetime) -> tuple[LastDecision, ...]:
    """Return the newest decision about each pair, by pair."""
    newest = {one.pair: one for one in decisions}
    return tuple(_last(newest[pair], now) for pair in sorted(newest))


def refusals(decisions: Iterable[DecisionRecord], now: datetime) -> RefusalFacts:
    """Count the refused decisions of the last 24 hours, and what refused them, busiest first."""
    refused = [one for one in decisions if one.status == "refused" and one.at > now - DAY]
    codes = Counter(reason.code for one in refused for reason in one.reasons if _is_refusal(reason))
    ordered = sorted(codes.items(), key=lambda item: (-item[1], item[0]))
    return RefusalFacts(len(refused), dict(ordered))


def model_facts(
    decisions: Iterable[DecisionRecord],
    name: str | None,
    configured: Collection[str],
    now: datetime,
) -> ModelFacts:
    """Sum up how the model did in the last 24 hours.

    `configured` names the model and the cheap one that may answer before it. Where no `name` is
    configured, the one that was asked last stands for it.
    """
    recent = [one for one in decisions if one.at > now - DAY]
    put = [one for one in recent if one.status != "skipped"]
    asked = [one for one in put if one.attempts]
    failed = [one for one in put if one.status == "failed"]
    seconds = sorted(one.latency_seconds for one in asked)
    answered = (one for one in asked if one.status != "failed")
    return ModelFacts(
        name=name or (put[-1].model if put else None),
        asked=len(asked),
        failed=len(failed),
        error_ratio=len(failed) / len(put) if put else None,
        latency_p50_seconds=_percentile(seconds, 50),
        latency_p95_seconds=_percentile(seconds, 95),
        fallback=sum(bool(configured) and one.model not in configured for one in answered),
        breaker=_faults(failed, "unavailable"),
        over_budget=_faults(failed, "over_budget"),
        skipped=len(recent) - len(put),
    )


def _last(record: DecisionRecord, now: datetime) -> LastDecision:
    confidence = record.call.get("confidence_score")
    return LastDecision(
        pair=record.pair,
        decision_id=record.decision_id,
        at=record.at,
        age_seconds=max(0, int((now - record.at).total_seconds())),
        tool=record.tool,
        verdict=record.status,
        confidence=confidence if isinstance(confidence, float) else None,
    )


def _is_refusal(reason: Reason) -> bool:
    # Old lines do not tell the kind: what refused is what a refused decision names.
    return reason.kind in ("refusal", "unknown")


def _faults(failed: Iterable[DecisionRecord], kind: str) -> int:
    return sum((one.fault or "").partition(":")[0] == kind for one in failed)


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the nearest rank: the value that so many percent do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]

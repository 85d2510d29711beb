"""Sums over the ledger, as people ask for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from llm_modules.llm.spending.ledger import Ledger, milliseconds, moment

Grouping = Literal["hour", "day", "pair", "model", "kind"]
_HOUR_MS = 3_600_000
_KEYS: dict[Grouping | None, str] = {
    None: "''",
    "hour": f"at - at % {_HOUR_MS}",
    "day": f"at - at % {24 * _HOUR_MS}",
    "pair": "pair",
    "model": "model",
    "kind": "kind",
}
_DATES: dict[Grouping | None, str] = {"hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d"}
# Whoever looks at an old decision again has not decided anything.
_DECIDED = "decision_id <> '' AND kind <> 'replay'"
_SUMS = f"""
    count(*), count(fault), sum(prompt_tokens), coalesce(sum(cached_tokens), 0),
    sum(completion_tokens), coalesce(sum(reasoning_tokens), 0), coalesce(sum(cost), 0.0),
    sum(cost IS NULL),
    count(DISTINCT CASE WHEN {_DECIDED} AND cost IS NOT NULL THEN decision_id END),
    coalesce(sum(CASE WHEN {_DECIDED} THEN cost END), 0.0)
"""


@dataclass(frozen=True, slots=True)
class Total:
    """What requests that have something in common took.

    `usd` leaves out the `unpriced` ones, whose price nobody knows, and `decisions` those of which
    nothing is known; `decision_usd` is what the requests for decisions cost.
    """

    name: str
    requests: int
    failed: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    usd: float
    unpriced: int
    decisions: int
    decision_usd: float

    @property
    def tokens(self) -> int:
        """Prompts and answers together."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def cached_ratio(self) -> float:
        """Share of the prompts that came out of a cache."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


NO_REQUESTS = Total("", 0, 0, 0, 0, 0, 0, 0.0, 0, 0, 0.0)


def totals(
    ledger: Ledger, since: datetime, until: datetime, by: Grouping, mode: str | None = None
) -> tuple[Total, ...]:
    """Return the sums per group from one time up to another, in the groups' order.

    Raises JournalError.
    """
    return _found(ledger, since, until, by, mode)


def total(ledger: Ledger, since: datetime, until: datetime, mode: str | None = None) -> Total:
    """Return the sum of everything from one time up to another. Raises JournalError."""
    return next(iter(_found(ledger, since, until, None, mode)), NO_REQUESTS)


def dated_costs(
    ledger: Ledger, since: datetime, until: datetime, mode: str | None = None
) -> tuple[tuple[datetime, float], ...]:
    """Return what was spent in each hour that anything was, dated to its start."""
    key = _KEYS["hour"]
    query = f"SELECT {key}, coalesce(sum(cost), 0.0) {_FROM} GROUP BY 1 ORDER BY 1"
    found = ledger.rows(query, milliseconds(since), milliseconds(until), mode, mode)
    return tuple((moment(at), usd) for at, usd in found)


def first_request(ledger: Ledger) -> datetime | None:
    """Return when the ledger begins, None while there is nothing in it. Raises JournalError."""
    ((at,),) = ledger.rows("SELECT min(at) FROM requests") or [(None,)]
    return None if at is None else moment(at)


_FROM = "FROM requests WHERE at >= ? AND at < ? AND (? IS NULL OR mode = ?)"


def _found(
    ledger: Ledger, since: datetime, until: datetime, by: Grouping | None, mode: str | None
) -> tuple[Total, ...]:
    query = f"SELECT {_KEYS[by]} AS name, {_SUMS} {_FROM} GROUP BY name ORDER BY name"
    found = ledger.rows(query, milliseconds(since), milliseconds(until), mode, mode)
    date = _DATES.get(by)
    return tuple(
        Total(moment(name).strftime(date) if date else str(name), *sums) for name, *sums in found
    )

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
    ledger: Ledger,
    since: datetime,
    until: datetime,
    by: Grouping,
    *,
    is_sandbox: bool | None = None,
) -> tuple[Total, ...]:
    """Return the sums per group from one time up to another, in the groups' order.

    `is_sandbox` False leaves the sandbox out, True all else. Raises JournalError.
    """
    return _found(ledger, by, _Extent(since, until, is_sandbox=is_sandbox))


def total(
    ledger: Ledger,
    since: datetime,
    until: datetime,
    mode: str | None = None,
    *,
    is_sandbox: bool | None = None,
) -> Total:
    """Return the sum of everything from one time up to another, as `totals` does."""
    extent = _Extent(since, until, mode, is_sandbox)
    return next(iter(_found(ledger, None, extent)), NO_REQUESTS)


def dated_costs(
    ledger: Ledger, since: datetime, until: datetime, mode: str | None = None
) -> tuple[tuple[datetime, float], ...]:
    """Return what was spent in each hour that anything was, dated to its start."""
    key = _KEYS["hour"]
    query = f"SELECT {key}, coalesce(sum(cost), 0.0) {_FROM} GROUP BY 1 ORDER BY 1"
    found = ledger.rows(query, *_Extent(since, until, mode).values)
    return tuple((moment(at), usd) for at, usd in found)


def first_request(ledger: Ledger, *, is_sandbox: bool | None = None) -> datetime | None:
    """Return when the ledger begins, None while there is nothing in it. Raises JournalError."""
    query = "SELECT min(at) FROM requests WHERE ?1 IS NULL OR (mode = 'sandbox') = ?1"
    ((at,),) = ledger.rows(query, is_sandbox) or [(None,)]
    return None if at is None else moment(at)


_FROM = """FROM requests WHERE at >= ?1 AND at < ?2 AND (?3 IS NULL OR mode = ?3)
    AND (?4 IS NULL OR (mode = 'sandbox') = ?4)"""


@dataclass(frozen=True, slots=True)
class _Extent:
    """Which requests are summed up: from when until when, of one mode, in the sandbox or not."""

    since: datetime
    until: datetime
    mode: str | None = None
    is_sandbox: bool | None = None

    @property
    def values(self) -> tuple[object, ...]:
        """The values of `_FROM`."""
        return milliseconds(self.since), milliseconds(self.until), self.mode, self.is_sandbox


def _found(ledger: Ledger, by: Grouping | None, extent: _Extent) -> tuple[Total, ...]:
    query = f"SELECT {_KEYS[by]} AS name, {_SUMS} {_FROM} GROUP BY name ORDER BY name"
    found = ledger.rows(query, *extent.values)
    date = _DATES.get(by)
    return tuple(
        Total(moment(name).strftime(date) if date else str(name), *sums) for name, *sums in found
    )

"""The market of the past, cut off at a moment: what a backtest may know of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from freqtrade.exchange.exchange_types import LeverageTier
from freqtrade.persistence.pairlock import PairLock

from llm_modules.backtest.past_locks import PastLocks
from llm_modules.domain import Candles, FloatArray, IntArray
from llm_modules.engine.bridge import CANDLE_ROWS
from llm_modules.market.timeframes import duration_ms

NAME_CHARACTERS = 6
_NEVER_MS = 2**63


@dataclass(frozen=True, slots=True)
class FundingRates:
    """The funding rates of a pair, as ratios, and when each was paid, in milliseconds."""

    paid_at: IntArray
    rates: FloatArray


@dataclass(frozen=True, slots=True)
class Recorded:
    """All that is recorded: candles by pair and timeframe, funding by pair, rules by pair."""

    candles: Mapping[tuple[str, str], Candles]
    funding: Mapping[str, FundingRates]
    markets: Mapping[str, Mapping[str, Any]]
    tiers: Mapping[str, Sequence[LeverageTier]]


@dataclass(slots=True)
class _Newest:
    """How many of the recorded candles had closed, and when the last of them did.

    True from `since_ms` until before `until_ms`, when another one closes. `cuts` are the stretches
    asked for meanwhile, by their length.
    """

    candles: Candles
    since_ms: int
    until_ms: int
    end: int
    closed_at: datetime | None
    cuts: dict[int, Candles] = field(default_factory=dict)


class PastMarket:
    """What was known at `moment`; nothing that came later can be reached through it."""

    def __init__(self, recorded: Recorded, pairs: Sequence[str]) -> None:
        self._recorded = recorded
        self._pairs = tuple(pairs)
        self._moment_ms = 0
        self._newest: dict[tuple[str, str], _Newest] = {}
        self._locks = PastLocks()

    @property
    def recorded(self) -> Recorded:
        """All there is, the future too: for another run on the same candles."""
        return self._recorded

    def set_moment(self, moment: datetime) -> None:
        """Let this be the present."""
        self._moment_ms = int(moment.timestamp() * 1000)

    def whitelist(self) -> Sequence[str]:
        """Return the pairs of the run."""
        return self._pairs

    def newest_close(self, pair: str, timeframe: str) -> datetime | None:
        """Return when the newest closed candle closed, None without any."""
        return self._known(pair, timeframe).closed_at

    def newest_price(self, pair: str, timeframe: str) -> float | None:
        """Return the close of the newest closed candle, None without any."""
        known = self._known(pair, timeframe)
        return known.candles.close.item(known.end - 1) if known.end else None

    def candles(self, pair: str, timeframe: str, rows: int = CANDLE_ROWS) -> Candles:
        """Return the newest closed candles: the same object until another one closes."""
        known = self._known(pair, timeframe)
        cut = known.cuts.get(rows)
        if cut is None:
            cut = known.cuts[rows] = _last(rows, known)
        return cut

    def funding_rate(self, pair: str) -> float | None:
        """Return the last funding rate paid; None where none is recorded."""
        funding = self._recorded.funding.get(pair)
        if funding is None:
            return None
        end = int(funding.paid_at.searchsorted(self._moment_ms, side="right"))
        return funding.rates.item(end - 1) if end else None

    def market(self, pair: str) -> Mapping[str, Any] | None:
        """Return ccxt's description of a pair, as it is today."""
        return self._recorded.markets.get(pair)

    def tiers(self, pair: str) -> Sequence[LeverageTier]:
        """Return the leverage tiers of a pair, as they are today."""
        return self._recorded.tiers.get(pair, ())

    def locks(self, after: datetime) -> Sequence[PairLock]:
        """Return the locks of the run that end after a time, which never goes back."""
        return self._locks.after(after)

    def decision_id(self, pair: str, at: datetime) -> str:
        """Name a decision by its time and pair: another run names it the same."""
        return f"{_stamp(at)}-{pair.partition('/')[0]}-{_short_name(pair)}"

    def _known(self, pair: str, timeframe: str) -> _Newest:
        """Return what had closed of a pair's candles; looked for once per candle."""
        known = self._newest.get((pair, timeframe))
        if known is None or not known.since_ms <= self._moment_ms < known.until_ms:
            known = _newest(self._recorded.candles[pair, timeframe], timeframe, self._moment_ms)
            self._newest[pair, timeframe] = known
        return known


def _newest(recorded: Candles, timeframe: str, moment_ms: int) -> _Newest:
    span_ms = duration_ms(timeframe)
    open_times = recorded.open_times
    end = int(open_times.searchsorted(moment_ms - span_ms, side="right"))
    until_ms = open_times.item(end) + span_ms if end < len(open_times) else _NEVER_MS
    if end == 0:
        return _Newest(recorded, 0, until_ms, 0, None)
    closed_ms = open_times.item(end - 1) + span_ms
    closed_at = datetime.fromtimestamp(closed_ms / 1000, UTC)
    return _Newest(recorded, closed_ms, until_ms, end, closed_at)


def _last(rows: int, known: _Newest) -> Candles:
    recorded = known.candles
    shown = slice(max(0, known.end - rows), known.end)
    return recorded.taken(shown)


# All pairs of a candle share it.
@lru_cache(maxsize=4)
def _stamp(at: datetime) -> str:
    return f"{at:%y%m%d%H%M%S}"


@lru_cache(maxsize=1024)
def _short_name(pair: str) -> str:
    return hashlib.sha256(pair.encode()).hexdigest()[:NAME_CHARACTERS]

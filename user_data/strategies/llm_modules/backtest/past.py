"""The market of the past, cut off at a moment: what a backtest may know of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
from freqtrade.exchange import timeframe_to_msecs
from freqtrade.exchange.exchange_types import LeverageTier

from llm_modules.domain import Candles, FloatArray, IntArray
from llm_modules.engine.bridge import CANDLE_ROWS

NAME_CHARACTERS = 6


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


@dataclass(frozen=True, slots=True)
class _Newest:
    """How many of the recorded candles had closed at a moment, and when the last of them did."""

    candles: Candles
    moment_ms: int
    end: int
    closed_at: datetime | None


class PastMarket:
    """What was known at `moment`; nothing that came later can be reached through it."""

    def __init__(self, recorded: Recorded, pairs: Sequence[str]) -> None:
        self._recorded = recorded
        self._pairs = tuple(pairs)
        self._moment_ms = 0
        self._newest: dict[tuple[str, str], _Newest] = {}
        self._cut: dict[tuple[str, str, int], tuple[int, Candles]] = {}

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
        return float(known.candles.close[known.end - 1]) if known.end else None

    def candles(self, pair: str, timeframe: str, rows: int = CANDLE_ROWS) -> Candles:
        """Return the newest closed candles: the same object until another one closes."""
        known = self._known(pair, timeframe)
        cut = self._cut.get((pair, timeframe, rows))
        if cut is None or cut[0] != known.end:
            cut = self._cut[pair, timeframe, rows] = known.end, _last(rows, known)
        return cut[1]

    def funding_rate(self, pair: str) -> float | None:
        """Return the last funding rate paid; None where none is recorded."""
        funding = self._recorded.funding.get(pair)
        if funding is None:
            return None
        end = int(np.searchsorted(funding.paid_at, self._moment_ms, side="right"))
        return float(funding.rates[end - 1]) if end else None

    def market(self, pair: str) -> Mapping[str, Any] | None:
        """Return ccxt's description of a pair, as it is today."""
        return self._recorded.markets.get(pair)

    def tiers(self, pair: str) -> Sequence[LeverageTier]:
        """Return the leverage tiers of a pair, as they are today."""
        return self._recorded.tiers.get(pair, ())

    def decision_id(self, pair: str, at: datetime) -> str:
        """Name a decision by its time and pair: another run names it the same."""
        return f"{at:%y%m%d%H%M%S}-{pair.partition('/')[0]}-{_short_name(pair)}"

    def _known(self, pair: str, timeframe: str) -> _Newest:
        """Return what had closed of a pair's candles; looked for once in a moment."""
        known = self._newest.get((pair, timeframe))
        if known is None or known.moment_ms != self._moment_ms:
            known = _newest(self._recorded.candles[pair, timeframe], timeframe, self._moment_ms)
            self._newest[pair, timeframe] = known
        return known


def _newest(recorded: Candles, timeframe: str, moment_ms: int) -> _Newest:
    span_ms = timeframe_to_msecs(timeframe)
    end = int(recorded.open_times.searchsorted(moment_ms - span_ms, side="right"))
    if end == 0:
        return _Newest(recorded, moment_ms, 0, None)
    closed_ms = int(recorded.open_times[end - 1]) + span_ms
    return _Newest(recorded, moment_ms, end, datetime.fromtimestamp(closed_ms / 1000, UTC))


def _last(rows: int, known: _Newest) -> Candles:
    recorded = known.candles
    shown = slice(max(0, known.end - rows), known.end)
    return recorded.taken(shown)


@lru_cache(maxsize=1024)
def _short_name(pair: str) -> str:
    return hashlib.sha256(pair.encode()).hexdigest()[:NAME_CHARACTERS]

"""The market of the past, cut off at a moment: what a backtest may know of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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


class PastMarket:
    """What was known at `moment`; nothing that came later can be reached through it."""

    def __init__(self, recorded: Recorded, pairs: Sequence[str]) -> None:
        self._recorded = recorded
        self._pairs = tuple(pairs)
        self._moment_ms = 0

    def set_moment(self, moment: datetime) -> None:
        """Let this be the present."""
        self._moment_ms = int(moment.timestamp() * 1000)

    def whitelist(self) -> Sequence[str]:
        """Return the pairs of the run."""
        return self._pairs

    def newest_close(self, pair: str, timeframe: str) -> datetime | None:
        """Return when the newest closed candle closed, None without any."""
        known, end = self._known(pair, timeframe)
        if end == 0:
            return None
        closed_ms = int(known.open_times[end - 1]) + timeframe_to_msecs(timeframe)
        return datetime.fromtimestamp(closed_ms / 1000, UTC)

    def newest_price(self, pair: str, timeframe: str) -> float | None:
        """Return the close of the newest closed candle, None without any."""
        known, end = self._known(pair, timeframe)
        return float(known.close[end - 1]) if end else None

    def candles(self, pair: str, timeframe: str, rows: int = CANDLE_ROWS) -> Candles:
        """Return the newest closed candles."""
        known, end = self._known(pair, timeframe)
        rows_known = slice(max(0, end - rows), end)
        return Candles(
            timeframe=timeframe,
            open_times=known.open_times[rows_known],
            open=known.open[rows_known],
            high=known.high[rows_known],
            low=known.low[rows_known],
            close=known.close[rows_known],
            volume=known.volume[rows_known],
        )

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
        name = hashlib.sha256(pair.encode()).hexdigest()[:NAME_CHARACTERS]
        return f"{at:%y%m%d%H%M%S}-{pair.partition('/')[0]}-{name}"

    def _known(self, pair: str, timeframe: str) -> tuple[Candles, int]:
        """Return a pair's candles, and how many of them had closed."""
        known = self._recorded.candles[pair, timeframe]
        newest_open = self._moment_ms - timeframe_to_msecs(timeframe)
        return known, int(np.searchsorted(known.open_times, newest_open, side="right"))

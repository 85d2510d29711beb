"""Where candles and market rules come from: Freqtrade's newest, or the past in a backtest."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType
from freqtrade.exchange.exchange_types import LeverageTier
from freqtrade.persistence import PairLocks
from freqtrade.persistence.pairlock import PairLock
from pandas import DataFrame

from llm_modules.domain import Candles
from llm_modules.engine.bridge.market import (
    CANDLE_ROWS,
    candles,
    newest_close,
    newest_funding_rate,
)


class Source(Protocol):
    """What is known of the market at this moment, and how its decisions are named."""

    def whitelist(self) -> Sequence[str]:
        """Return the pairs to be decided about."""
        ...

    def newest_close(self, pair: str, timeframe: str) -> datetime | None:
        """Return when the newest closed candle closed, None without any."""
        ...

    def newest_price(self, pair: str, timeframe: str) -> float | None:
        """Return the close of the newest closed candle, None without any."""
        ...

    def candles(self, pair: str, timeframe: str, rows: int = CANDLE_ROWS) -> Candles:
        """Return the newest closed candles, which nothing changes later."""
        ...

    def funding_rate(self, pair: str) -> float | None:
        """Return the last funding rate paid, as a ratio; None where it is unknown."""
        ...

    def market(self, pair: str) -> Mapping[str, Any] | None:
        """Return ccxt's description of a pair."""
        ...

    def tiers(self, pair: str) -> Sequence[LeverageTier]:
        """Return the leverage tiers of a pair, empty where they are unknown."""
        ...

    def locks(self, after: datetime) -> Sequence[PairLock]:
        """Return Freqtrade's locks that end after a time, which never goes back."""
        ...

    def decision_id(self, pair: str, at: datetime) -> str:
        """Name a decision: sortable by time, readable, unique."""
        ...


class Newest:
    """The newest candles Freqtrade has fetched."""

    def __init__(self, provider: DataProvider) -> None:
        self._provider = provider

    def whitelist(self) -> Sequence[str]:
        """Return the pairs Freqtrade trades now."""
        pairs: Sequence[str] = self._provider.current_whitelist()
        return pairs

    def newest_close(self, pair: str, timeframe: str) -> datetime | None:
        """Return when the newest candle closed."""
        return newest_close(self._frame(pair, timeframe), timeframe)

    def newest_price(self, pair: str, timeframe: str) -> float | None:
        """Return the newest close."""
        frame = self._frame(pair, timeframe)
        return None if frame.empty else float(frame["close"].iloc[-1])

    def candles(self, pair: str, timeframe: str, rows: int = CANDLE_ROWS) -> Candles:
        """Copy the newest candles."""
        return candles(self._frame(pair, timeframe), timeframe, rows)

    def funding_rate(self, pair: str) -> float | None:
        """Return the last funding rate fetched."""
        timeframe = self._provider.get_funding_rate_timeframe()
        return newest_funding_rate(self._frame(pair, timeframe, CandleType.FUNDING_RATE))

    def market(self, pair: str) -> Mapping[str, Any] | None:
        """Return ccxt's description of a pair."""
        market: Mapping[str, Any] | None = self._provider.market(pair)
        return market

    def tiers(self, pair: str) -> Sequence[LeverageTier]:
        """Return the tiers Freqtrade has loaded."""
        return tiers_of(self._provider, pair)

    def locks(self, after: datetime) -> Sequence[PairLock]:
        """Return the locks of Freqtrade's database."""
        locks: Sequence[PairLock] = PairLocks.get_pair_locks(None, after)
        return locks

    def decision_id(self, pair: str, at: datetime) -> str:
        """Name a decision, another one each time."""
        return f"{at:%y%m%d%H%M%S}-{pair.partition('/')[0]}-{secrets.token_hex(3)}"

    def _frame(
        self, pair: str, timeframe: str, candle_type: CandleType = CandleType.FUTURES
    ) -> DataFrame:
        frame: DataFrame = self._provider.ohlcv(
            pair, timeframe, copy=False, candle_type=candle_type
        )
        return frame


def tiers_of(provider: DataProvider, pair: str) -> Sequence[LeverageTier]:
    """Return the leverage tiers Freqtrade has loaded for a pair."""
    # Freqtrade offers the tiers themselves nowhere, only answers for one stake.
    known: Mapping[str, Sequence[LeverageTier]] = provider._exchange._leverage_tiers  # noqa: SLF001
    return known.get(pair, ())

"""What Freqtrade knows of the market, in our words: candles, limits, funding, locks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from freqtrade.exchange import timeframe_to_msecs
from freqtrade.exchange.exchange_types import LeverageTier as FreqtradeTier
from freqtrade.persistence.pairlock import PairLock
from pandas import DataFrame

from llm_modules.domain import Candles, FloatArray, LeverageTier, MarketRules, RunMode, Side

# What the configuration may ask for, and the slowest indicator's warm-up before it.
CANDLE_ROWS = 600
LOOPBACK = ("127.0.0.1", "localhost")


def run_mode(config: Mapping[str, Any]) -> RunMode:
    """Tell from the merged configuration what is simulated.

    A dry-run against an exchange on this very machine is the sandbox.
    """
    if not config.get("dry_run", True):
        return "live"
    urls = str(config.get("exchange", {}).get("ccxt_config", {}).get("urls", ""))
    return "sandbox" if any(host in urls for host in LOOPBACK) else "dry_run"


def candles(frame: DataFrame, timeframe: str, rows: int = CANDLE_ROWS) -> Candles:
    """Copy the newest rows of a candle frame into arrays that another thread may read."""
    if frame.empty:
        # Freqtrade has not got any yet: the snapshot says so, for this pair alone.
        nothing = np.array([], dtype=np.float64)
        return Candles(timeframe, nothing.astype(np.int64), *(nothing,) * 5)
    # A copy: the decision thread reads while Freqtrade replaces the frame.
    tail = frame.iloc[-rows:]
    return Candles(
        timeframe=timeframe,
        open_times=tail["date"].to_numpy(dtype="datetime64[ms]").astype(np.int64),
        open=_column(tail, "open"),
        high=_column(tail, "high"),
        low=_column(tail, "low"),
        close=_column(tail, "close"),
        volume=_column(tail, "volume"),
    )


def newest_close(frame: DataFrame, timeframe: str) -> datetime | None:
    """Return when the newest candle of a frame closed, None for an empty frame."""
    if frame.empty:
        return None
    opened_ms = int(frame["date"].iloc[-1].timestamp() * 1000)
    return datetime.fromtimestamp((opened_ms + timeframe_to_msecs(timeframe)) / 1000, UTC)


def newest_funding_rate(frame: DataFrame) -> float | None:
    """Return the last funding rate paid, as a ratio; None where the exchange told none."""
    rate = None if frame.empty else float(frame["funding_rate"].iloc[-1])
    return rate if rate is not None and np.isfinite(rate) else None


def market_rules(
    market: Mapping[str, Any] | None, tiers: Sequence[FreqtradeTier] = ()
) -> MarketRules:
    """Read step, minimum and maximum leverage of a ccxt market; unknown limits do not limit."""
    # Finer than any coin's price; 125 is Binance's highest leverage.
    market = market or {}
    limits = market.get("limits", {})
    return MarketRules(
        price_step=float(market.get("precision", {}).get("price") or 1e-8),
        min_notional=float(limits.get("cost", {}).get("min") or 0.0),
        max_leverage=float(limits.get("leverage", {}).get("max") or 125.0),
        tiers=tuple(_tier(tier) for tier in tiers),
    )


def locked_sides(locks: Sequence[PairLock], pair: str, candle_at: datetime) -> frozenset[Side]:
    """Return the sides in which Freqtrade's locks forbid an entry on this candle."""
    # Nearly always: a lock follows a close or a series of losses.
    if not locks:
        return frozenset()
    # Each attribute of a lock is asked of SQLAlchemy: none twice.
    locked = {
        lock.side
        for lock in locks
        if lock.pair in {pair, "*"} and lock.lock_end_time.replace(tzinfo=UTC) > candle_at
    }
    sides: tuple[Side, ...] = ("long", "short")
    return frozenset(sides if "*" in locked else locked.intersection(sides))


def _tier(tier: FreqtradeTier) -> LeverageTier:
    return LeverageTier(
        max_notional=float(tier["maxNotional"] or np.inf),
        max_leverage=float(tier["maxLeverage"]),
        maintenance_ratio=float(tier["maintenanceMarginRate"]),
    )


def _column(frame: DataFrame, name: str) -> FloatArray:
    return frame[name].to_numpy(dtype=np.float64, copy=True)

"""Candles for the battery: the shipped real ones for the replay, made ones for single cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from llm_modules.domain import Candles, LeverageTier, MarketRules
from llm_modules.errors import UserError
from llm_modules.market.returns import Returns, log_returns
from llm_modules.sandbox.contracts import CONTRACTS, Contract
from llm_modules.sandbox.history import load_history

TIMEFRAME = "5m"
CANDLE = timedelta(minutes=5)
CANDLE_MS = 300_000
# Enough for every indicator, and little enough to be computed in a fraction of a millisecond.
WINDOW_ROWS = 120

# The shape of Binance's brackets: the larger the position, the less leverage.
TIERS = (
    LeverageTier(max_notional=50_000.0, max_leverage=125.0, maintenance_ratio=0.004),
    LeverageTier(max_notional=600_000.0, max_leverage=50.0, maintenance_ratio=0.01),
    LeverageTier(max_notional=np.inf, max_leverage=10.0, maintenance_ratio=0.05),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One candle as the simulated exchange plays it."""

    open: float
    high: float
    low: float
    close: float


class RecordedMarket:
    """The shipped 5m candles of several pairs; positions count from the oldest candle."""

    def __init__(self, candles: Mapping[str, Candles], rules: Mapping[str, MarketRules]) -> None:
        self._candles = candles
        self.rules = rules
        self.pairs = tuple(candles)
        self.rows = min(len(rows) for rows in candles.values())

    def closed_at(self, position: int) -> datetime:
        """Return when a candle closed."""
        opened_ms = int(self._candles[self.pairs[0]].open_times[position])
        return datetime.fromtimestamp((opened_ms + CANDLE_MS) / 1000, UTC)

    def window(self, pair: str, position: int) -> Candles:
        """Return the newest candles known when a candle closed."""
        return cut(self._candles[pair], position + 1)

    def bars(self, position: int) -> dict[str, Bar]:
        """Return one candle of every pair."""
        return {pair: bar_of(rows, position) for pair, rows in self._candles.items()}

    def returns(self, position: int) -> dict[str, Returns]:
        """Return the newest returns of every pair."""
        return {pair: log_returns(self.window(pair, position)) for pair in self.pairs}


def recorded_market(data_dir: Path, rows: int) -> RecordedMarket:
    """Read the newest candles of the shipped pairs. Raises UserError when there are too few."""
    candles = {contract.pair: _recorded(data_dir, contract) for contract in CONTRACTS}
    least = min(len(item) for item in candles.values())
    if rows > least:
        raise UserError(f"{data_dir} holds {least} candles, {rows} are needed: ask for fewer")
    rules = {contract.pair: _rules(contract) for contract in CONTRACTS}
    return RecordedMarket({pair: cut(all_, least, rows) for pair, all_ in candles.items()}, rules)


def made_candles(closed_at: datetime, price: float = 100.0, rows: int = WINDOW_ROWS) -> Candles:
    """Return a calm wave that ends at a price, its newest candle closing at a moment."""
    steps = np.arange(rows)
    wave = 1 + 0.004 * np.sin(steps / 5) + 0.002 * np.sin(steps / 3)
    close = price * wave / wave[-1]
    opened = np.concatenate((close[:1], close[:-1]))
    newest_ms = int(closed_at.timestamp() * 1000)
    return Candles(
        timeframe=TIMEFRAME,
        open_times=newest_ms - CANDLE_MS * np.arange(rows, 0, -1, dtype=np.int64),
        open=opened,
        high=np.maximum(opened, close) * 1.001,
        low=np.minimum(opened, close) * 0.999,
        close=close,
        volume=1000 + 100 * np.cos(steps / 4),
    )


def bar_of(candles: Candles, position: int) -> Bar:
    """Return one candle as plain numbers."""
    columns = (candles.open, candles.high, candles.low, candles.close)
    return Bar(*(float(column[position]) for column in columns))


def cut(candles: Candles, end: int, rows: int = WINDOW_ROWS) -> Candles:
    """Return the `rows` candles before position `end`, without copying them."""
    return candles.taken(slice(max(0, end - rows), end))


def without(candles: Candles, positions: Sequence[int]) -> Candles:
    """Return the candles with some of them missing."""
    return candles.taken(np.delete(np.arange(len(candles)), positions))


def _recorded(data_dir: Path, contract: Contract) -> Candles:
    ticks = load_history(data_dir, contract).candles
    scale = 10.0**contract.price_decimals
    return Candles(
        timeframe=TIMEFRAME,
        open_times=ticks.open_times,
        open=ticks.open / scale,
        high=ticks.high / scale,
        low=ticks.low / scale,
        close=ticks.close / scale,
        volume=ticks.volume / 10.0**contract.quantity_decimals,
    )


def _rules(contract: Contract) -> MarketRules:
    return MarketRules(
        price_step=10.0**-contract.price_decimals,
        min_notional=float(contract.min_notional),
        max_leverage=125.0,
        tiers=TIERS,
    )

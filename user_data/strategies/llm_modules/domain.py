"""Words shared by the rooms: frozen facts, no behaviour beyond what derives from them.

Ratios are fractions of one (0.05 is 5 %), times are aware UTC, prices and stakes are in the
quote currency. Arrays run from oldest to newest.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["long", "short"]
Language = Literal["en", "zh"]
Stance = Literal["flat", "in_position"]
TradingMode = Literal["sandbox", "dry_run", "live"]
RunMode = TradingMode | Literal["backtest"]
Regime = Literal["volatile", "trending", "ranging", "unknown"]
Judgement = Literal["skill", "luck", "misfortune", "mistake"]
HaltKind = Literal["tripped", "halted", "resumed", "flatten", "flattened"]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Candles:
    """Closed OHLCV candles of one pair and timeframe; all arrays have the same length.

    `open_times` are milliseconds since the epoch, UTC. `is_flawless` says that no rule for candles
    is known to be broken by any of them (market/candle_checks.py); False says nothing.
    """

    timeframe: str
    open_times: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    # Not handed in: nothing is known of candles with a column replaced.
    is_flawless: bool = field(default=False, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.close)

    def taken(self, rows: slice | IntArray | NDArray[np.bool_]) -> "Candles":
        """Return some of the candles; those of a slice are not copied."""
        taken = Candles(
            timeframe=self.timeframe,
            open_times=self.open_times[rows],
            open=self.open[rows],
            high=self.high[rows],
            low=self.low[rows],
            close=self.close[rows],
            volume=self.volume[rows],
        )
        # Neighbours stay neighbours in a plain slice alone.
        if self.is_flawless and isinstance(rows, slice) and rows.step is None:
            object.__setattr__(taken, "is_flawless", True)
        return taken

    def vouched_for(self) -> "Candles":
        """Return the same candles, known to be flawless: whoever asks has looked at all of them."""
        vouched = self.taken(slice(None))
        object.__setattr__(vouched, "is_flawless", True)
        return vouched


@dataclass(frozen=True, slots=True)
class LeverageTier:
    """What the exchange allows up to a position value (stake x leverage) in quote currency.

    A position is liquidated once its losses leave less than `maintenance_ratio` of its value.
    """

    max_notional: float
    max_leverage: float
    maintenance_ratio: float


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What the exchange demands of an order in this pair.

    `min_notional` is the smallest stake x leverage in quote currency; `tiers` go from small to
    large positions and are empty where the exchange does not tell them.
    """

    price_step: float
    min_notional: float
    max_leverage: float
    tiers: tuple[LeverageTier, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeframeView:
    """Candles of one timeframe with the indicators computed on them, warm-up as NaN."""

    candles: Candles
    indicators: Mapping[str, FloatArray]

    @property
    def timeframe(self) -> str:
        """Freqtrade's name of the timeframe, such as `30m`."""
        return self.candles.timeframe

    def latest(self, name: str) -> float | None:
        """Return the newest value of an indicator, or None while it is warming up."""
        value: float = self.indicators[name].item(-1)
        return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class MarketSnapshot:
    """All that is known of one pair's market at the close of one candle."""

    pair: str
    candle_at: datetime
    price: float
    rules: MarketRules
    main: TimeframeView
    informative: tuple[TimeframeView, ...]
    facts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Thesis:
    """Why a position was opened, in the model's own words and numbers.

    `model` and `timeframe` are empty in theses kept by earlier versions.
    """

    decision_id: str
    reason: str
    confidence_score: float
    key_support: float
    key_resistance: float
    stop_price: float | None
    target_price: float | None
    invalidation: str | None
    facts: Mapping[str, float]
    model: str = ""
    timeframe: str = ""


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """One open trade as Freqtrade holds it; profit, MFE and MAE are leveraged, fees included.

    `best_rate` is the most favourable rate since the entry.
    """

    trade_id: int
    pair: str
    side: Side
    opened_at: datetime
    open_rate: float
    stake_amount: float
    leverage: float
    current_rate: float
    best_rate: float
    profit_ratio: float
    mfe_ratio: float
    mae_ratio: float
    stop_price: float
    liquidation_price: float | None
    entries: int
    adjustments: int
    thesis: Thesis | None


@dataclass(frozen=True, slots=True)
class AccountState:
    """The account at one moment; `equity` counts open profit, `used_stake` open stakes.

    `version` grows with every observation, so that a state can be ordered against bookings.
    `day_start_equity` is the first equity seen on this UTC day; 0 while there is none.
    """

    version: int
    stake_currency: str
    equity: float
    free: float
    used_stake: float
    open_trades: int
    peak_equity: float
    day_start_equity: float
    halted: bool


@dataclass(frozen=True, slots=True)
class Conduct:
    """What the account did lately, for rules that look back; profits are leveraged ratios.

    `entries` are the openings of the last hour, `last_losses` the newest losing close of each
    pair, `loss_streak` the losses in a row up to the newest close of all pairs, `last_loss_at` the
    newest of them. The means are over all closed trades, 0 where there is none; losses positive.
    """

    entries: tuple[datetime, ...] = ()
    last_losses: Mapping[str, datetime] = field(default_factory=dict)
    loss_streak: int = 0
    last_loss_at: datetime | None = None
    closed_trades: int = 0
    win_rate: float = 0.0
    mean_win_ratio: float = 0.0
    mean_loss_ratio: float = 0.0


@dataclass(frozen=True, slots=True)
class Habit:
    """Something the last decisions about a pair have in common that should be known.

    `serious` ones keep the gate from adding exposure.
    """

    code: str
    serious: bool
    text: str


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A trade that ended, however it ended; profit is Freqtrade's, after fees and funding.

    `exit_facts` are the market's at the last decision about it; empty when there was none.
    """

    trade_id: int
    pair: str
    side: Side
    leverage: float
    stake_amount: float
    opened_at: datetime
    closed_at: datetime
    open_rate: float
    close_rate: float
    profit_abs: float
    profit_ratio: float
    funding_fees: float
    mfe_ratio: float
    mae_ratio: float
    stop_price: float
    liquidation_price: float | None
    exit_reason: str
    entries: int
    exits: int
    thesis: Thesis | None
    exit_decision_id: str | None
    model_score: float | None
    exit_reflection: str | None
    exit_facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A fact of the market at two times; `significant` when it changed what the market is."""

    code: str
    before: float
    after: float
    significant: bool


@dataclass(frozen=True, slots=True)
class PastDecision:
    """One earlier decision as the model will be reminded of it."""

    at: datetime
    pair: str
    tool: str
    confidence_score: float | None
    reason: str
    result: str


@dataclass(frozen=True, slots=True)
class PastTrade:
    """One closed trade as the model will be reminded of it; `taught` names its lessons."""

    trade_id: int
    pair: str
    side: Side
    leverage: float
    closed_at: datetime
    profit_ratio: float
    mfe_ratio: float
    mae_ratio: float
    duration_hours: float
    exit_reason: str
    grade: str
    taught: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Experience:
    """What the past teaches for one decision; every field may be empty.

    `statistics`, `patterns` and `lessons` are finished sentences with their number of trades.
    """

    trades: tuple[PastTrade, ...] = ()
    decisions: tuple[PastDecision, ...] = ()
    statistics: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    lessons: tuple[str, ...] = ()
    habits: tuple[Habit, ...] = ()

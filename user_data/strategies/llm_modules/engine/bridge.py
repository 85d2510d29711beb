"""Freqtrade's objects in our words; beside the strategy, the only module that knows them."""

import logging
import math
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from freqtrade.data.dataprovider import DataProvider
from freqtrade.exchange import timeframe_to_msecs
from freqtrade.persistence import PairLocks, Trade
from freqtrade.persistence.pairlock import PairLock
from freqtrade.wallets import Wallets
from pandas import DataFrame

from llm_modules.domain import (
    AccountState,
    Candles,
    ClosedTrade,
    FloatArray,
    MarketRules,
    OpenPosition,
    RunMode,
    Side,
    Thesis,
)
from llm_modules.engine.book import Booking
from llm_modules.engine.question import Question, World

logger = logging.getLogger(__name__)

# What the configuration may ask for, and the slowest indicator's warm-up before it.
CANDLE_ROWS = 600
THESIS_KEY = "thesis"
EXIT_KEY = "model_exit"
EXIT_TOOL = "signal_exit"
LATE_CANDLE_SECONDS = 15
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


def market_rules(market: Mapping[str, Any] | None) -> MarketRules:
    """Read step, minimum and maximum leverage of a ccxt market; unknown limits do not limit."""
    # Finer than any coin's price; 125 is Binance's highest leverage.
    market = market or {}
    limits = market.get("limits", {})
    return MarketRules(
        price_step=float(market.get("precision", {}).get("price") or 1e-8),
        min_notional=float(limits.get("cost", {}).get("min") or 0.0),
        max_leverage=float(limits.get("leverage", {}).get("max") or 125.0),
    )


def open_position(trade: Trade, rate: float) -> OpenPosition:
    """Describe an open trade at a rate; MFE and MAE come from the extremes Freqtrade keeps.

    After an addition the old extremes say nothing about the new average: only the rate counts
    then, and the tracker remembers what was seen before.
    """
    # Empty until Freqtrade has seen a first rate.
    best, worst = trade.max_rate or trade.open_rate, trade.min_rate or trade.open_rate
    if trade.is_short:
        best, worst = worst, best
    best_rate = best
    if trade.nr_of_successful_entries > 1:
        best = worst = rate
    return OpenPosition(
        trade_id=trade.id,
        pair=trade.pair,
        side=trade.trade_direction,
        opened_at=trade.open_date_utc,
        open_rate=trade.open_rate,
        stake_amount=trade.stake_amount,
        leverage=trade.leverage,
        current_rate=rate,
        best_rate=best_rate,
        profit_ratio=trade.calc_profit_ratio(rate),
        mfe_ratio=trade.calc_profit_ratio(best),
        mae_ratio=trade.calc_profit_ratio(worst),
        stop_price=trade.stop_loss,
        liquidation_price=trade.liquidation_price,
        entries=trade.nr_of_successful_entries,
        adjustments=trade.nr_of_successful_entries + trade.nr_of_successful_exits - 1,
        thesis=stored_thesis(trade),
    )


def closed_trade(trade: Trade) -> ClosedTrade:
    """Describe a trade that ended, with Freqtrade's own profit after fees and funding."""
    position = open_position(trade, trade.close_rate or trade.open_rate)
    # The words belong to the exit the model asked for, not to a stop that came first.
    words = trade.get_custom_data(EXIT_KEY) if trade.exit_reason == EXIT_TOOL else None
    final: Mapping[str, Any] = words or {}
    return ClosedTrade(
        trade_id=trade.id,
        pair=trade.pair,
        side=position.side,
        leverage=trade.leverage,
        stake_amount=trade.max_stake_amount or trade.stake_amount,
        opened_at=trade.open_date_utc,
        closed_at=trade.close_date_utc or datetime.now(UTC),
        open_rate=trade.open_rate,
        close_rate=trade.close_rate or trade.open_rate,
        profit_abs=trade.close_profit_abs or 0.0,
        profit_ratio=trade.close_profit or 0.0,
        funding_fees=trade.funding_fees or 0.0,
        mfe_ratio=position.mfe_ratio,
        mae_ratio=position.mae_ratio,
        stop_price=trade.stop_loss,
        liquidation_price=trade.liquidation_price,
        exit_reason=trade.exit_reason or "unknown",
        entries=trade.nr_of_successful_entries,
        exits=trade.nr_of_successful_exits,
        thesis=position.thesis,
        exit_decision_id=final.get("decision_id"),
        model_score=final.get("trade_score"),
        exit_reflection=final.get("reason"),
    )


def store_thesis(trade: Trade, thesis: Thesis) -> None:
    """Keep the whole thesis with the trade in Freqtrade's database."""
    trade.set_custom_data(THESIS_KEY, asdict(thesis))


def stored_thesis(trade: Trade) -> Thesis | None:
    """Read the thesis back; trades that are not ours, or of another version, have none."""
    stored = trade.get_custom_data(THESIS_KEY)
    if not isinstance(stored, dict):
        return None
    try:
        return Thesis(**stored)
    except TypeError:
        logger.warning("The thesis kept with trade %d is of another version", trade.id)
        return None


def anchor_stop(trade_id: int) -> None:
    """Make Freqtrade's stop ratio relative to the open rate, before an order changes the trade.

    After each fill Freqtrade applies the ratio to the open rate, but it was taken at the rate of
    the moment the stop was set: unanchored, a reduction in loss moves the stop beyond the price.
    """
    for trade in Trade.get_open_trades():
        if trade.id == trade_id and trade.stop_loss:
            trade.stop_loss_pct = -abs(1 - trade.stop_loss / trade.open_rate) * trade.leverage


def store_exit(trade: Trade, booking: Booking) -> None:
    """Keep the model's last word on a trade with it, so that a restart does not lose it."""
    words = {
        "decision_id": booking.decision_id,
        "trade_score": booking.model_score,
        "reason": booking.reason,
    }
    # Asked every few seconds until the fill; the database is written once.
    if trade.get_custom_data(EXIT_KEY) != words:
        trade.set_custom_data(EXIT_KEY, words)


def locked_sides(locks: Sequence[PairLock], pair: str, candle_at: datetime) -> frozenset[Side]:
    """Return the sides in which Freqtrade's locks forbid an entry on this candle."""
    sides: tuple[Side, ...] = ("long", "short")
    return frozenset(
        side
        for side in sides
        for lock in locks
        if lock.pair in {pair, "*"}
        and lock.side in {side, "*"}
        and lock.lock_end_time.replace(tzinfo=UTC) > candle_at
    )


def decision_id(pair: str, at: datetime) -> str:
    """Name a decision: sortable by time, readable, unique."""
    return f"{at:%y%m%d%H%M%S}-{pair.partition('/')[0]}-{secrets.token_hex(3)}"


def now() -> datetime:
    """Return the present moment, aware UTC."""
    return datetime.now(UTC)


class View:
    """Looks at Freqtrade's candles, wallets and trades, once per loop.

    `decided` tells the newest candle of each pair that was decided before a restart.
    """

    def __init__(
        self,
        provider: DataProvider,
        timeframe: str,
        informative: Sequence[str],
        decided: Mapping[str, datetime],
    ) -> None:
        self._provider = provider
        self._timeframes = (timeframe, *informative)
        self._span = timedelta(milliseconds=timeframe_to_msecs(timeframe))
        self._asked = dict(decided)
        self._rates: dict[int, float] = {}

    def saw(self, trade_id: int, rate: float) -> None:
        """Remember the latest rate of a trade; it values the position until the next one."""
        self._rates[trade_id] = rate

    def positions(self, trades: Sequence[Trade]) -> tuple[OpenPosition, ...]:
        """Describe every trade that holds something."""
        self._rates = {
            trade.id: self._rates[trade.id] for trade in trades if trade.id in self._rates
        }
        return tuple(
            open_position(trade, self._rate(trade)) for trade in trades if trade.has_open_position
        )

    def account(
        self, wallets: Wallets, stake_currency: str, trades: Sequence[Trade]
    ) -> AccountState:
        """Value the account: balance plus the open profit of every position.

        An empty balance is one that could not be read: equity is unknown (NaN) then.
        """
        balance = wallets.get_total(stake_currency) or math.nan
        profit = sum(
            trade.calculate_profit(self._rate(trade)).profit_abs
            for trade in trades
            if trade.has_open_position
        )
        return AccountState(
            # Until the desk knows better: a state it never completed must refuse.
            version=0,
            stake_currency=stake_currency,
            equity=balance + profit,
            free=wallets.get_available_stake_amount(),
            used_stake=sum(trade.stake_amount for trade in trades),
            open_trades=len(trades),
            peak_equity=0.0,
            day_start_equity=0.0,
            halted=True,
        )

    def due(
        self, world: World, busy: Collection[str], mode: RunMode, at: datetime
    ) -> tuple[Question, ...]:
        """Return a question for each pair that has a closed candle nobody was asked about."""
        # A pair that left the whitelist still has its position to decide about.
        pairs = dict.fromkeys([*self._provider.current_whitelist(), *world.positions])
        locks = PairLocks.get_pair_locks(None, at - self._span)
        questions = (
            self._question(pair, world, mode, at, locks) for pair in pairs if pair not in busy
        )
        return tuple(question for question in questions if question is not None)

    def _question(
        self, pair: str, world: World, mode: RunMode, at: datetime, locks: Sequence[PairLock]
    ) -> Question | None:
        candle_at = newest_close(self._frame(pair, self._timeframes[0]), self._timeframes[0])
        # After an outage the newest candle is old, and its answer would be stale on arrival.
        if candle_at is None or self._asked.get(pair) == candle_at or at >= candle_at + self._span:
            return None
        late = at < candle_at + timedelta(seconds=LATE_CANDLE_SECONDS)
        if late and not self._others_have_closed(pair, candle_at):
            return None
        self._asked[pair] = candle_at
        return Question(
            decision_id=decision_id(pair, at),
            pair=pair,
            candle_at=candle_at,
            valid_until=candle_at + self._span,
            frames=tuple(candles(self._frame(pair, name), name) for name in self._timeframes),
            rules=market_rules(self._provider.market(pair)),
            world=world,
            mode=mode,
            locked_sides=locked_sides(locks, pair, candle_at),
        )

    def _others_have_closed(self, pair: str, candle_at: datetime) -> bool:
        """Tell whether the informative candles that end with this one have arrived too."""
        for name in self._timeframes[1:]:
            closed = newest_close(self._frame(pair, name), name)
            span = timedelta(milliseconds=timeframe_to_msecs(name))
            if closed is None or closed + span <= candle_at:
                return False
        return True

    def _frame(self, pair: str, timeframe: str) -> DataFrame:
        frame: DataFrame = self._provider.ohlcv(pair, timeframe, copy=False)
        return frame

    def _rate(self, trade: Trade) -> float:
        """Return the latest rate of a trade, or the newest close before Freqtrade has one."""
        if trade.id in self._rates:
            return self._rates[trade.id]
        frame = self._frame(trade.pair, self._timeframes[0])
        return float(trade.open_rate if frame.empty else frame["close"].iloc[-1])


def _column(frame: DataFrame, name: str) -> FloatArray:
    return frame[name].to_numpy(dtype=np.float64, copy=True)

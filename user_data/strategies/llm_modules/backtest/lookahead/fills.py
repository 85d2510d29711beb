"""Proof (d): orders are filled after their decision, at prices that come after it."""

import math
from datetime import datetime, timedelta

import numpy as np
from freqtrade.persistence import LocalTrade, Trade

from llm_modules.backtest.lookahead.breaches import Breaches
from llm_modules.backtest.lookahead.ground import Ground
from llm_modules.backtest.lookahead.hearing import Fill, Listener
from llm_modules.backtest.lookahead.pasts import closed_rows
from llm_modules.backtest.outcome import Moment
from llm_modules.domain import OpenPosition
from llm_modules.engine.cycle import Rooms
from llm_modules.journal.records import DecisionLine, DecisionRecord
from llm_modules.market.timeframes import duration_ms

# A price that is not an opening is rounded to the exchange's step.
STEP_RATIO = 1e-4
SAME_RATIO = 1e-9
# Hit within a candle, at a price that was set before.
STOPS = frozenset({"stop_loss", "trailing_stop_loss", "liquidation", "roi"})
DECIDED = frozenset({"signal_entry_long", "signal_entry_short", "signal_exit", "adjust_position"})


class FillProof(Listener):
    """Looks at the price and time of each order, and at what positions are said to be worth.

    `fills` and `values` count what was looked at.
    """

    def __init__(self, ground: Ground, breaches: Breaches) -> None:
        self.fills = self.values = 0
        self._ground = ground
        self._breaches = breaches
        self._opened: dict[int, datetime] = {}
        self._approved: set[tuple[str, str, datetime]] = set()
        self._started_with: float | None = None
        self._span = timedelta(milliseconds=duration_ms(ground.timeframes[0]))

    def decided(self, line: DecisionLine) -> None:
        """Demand that a decision is about the candle that has just closed."""
        if not isinstance(line, DecisionRecord):
            return
        if line.candle_at != line.at:
            self._tell(f"{line.decision_id}, of {line.at}, is about the candle of {line.candle_at}")
        if line.tool is not None and line.status in {"approved", "clamped"}:
            self._approved.add((line.pair, line.tool, line.candle_at))

    def filled(self, fill: Fill) -> None:
        """Demand that an order follows its decision, at a price of the candle after it."""
        self.fills += 1
        self._opened.setdefault(fill.trade_id, fill.at)
        problem = self._too_early(fill) or self._wrong_price(fill)
        if problem is not None:
            order = f"{fill.tag} of trade {fill.trade_id}, {fill.pair}, filled at {fill.at}"
            self._tell(f"{order}: {problem}")

    def stood(self, moment: Moment, rooms: Rooms) -> None:
        """Demand that the account is worth what it is at the newest closes."""
        world, at_ms = rooms.world(), int(moment.at.timestamp() * 1000)
        for position in world.positions.values():
            self._value(position, at_ms)
        trades = [trade for trade in Trade.get_open_trades() if trade.has_open_position]
        profit = LocalTrade.bt_total_profit + sum(trade.realized_profit for trade in trades)
        for trade in trades:
            close = self._newest_close(trade.pair, at_ms)
            profit += trade.calculate_profit(close).profit_abs
        equity = world.account.equity
        if self._started_with is None:
            self._started_with = equity - profit
        worth = self._started_with + profit
        if not math.isclose(equity, worth, rel_tol=SAME_RATIO):
            self._tell(f"equity at {moment.at} was {equity!r}, at the newest closes {worth!r}")

    def _value(self, position: OpenPosition, at_ms: int) -> None:
        self.values += 1
        close = self._newest_close(position.pair, at_ms)
        if position.current_rate != close:
            self._tell(
                f"{position.pair}: the position was valued at {position.current_rate!r}, the "
                f"newest close was {close!r}"
            )

    def _newest_close(self, pair: str, at_ms: int) -> float:
        candles = self._ground.recorded.candles[pair, self._ground.timeframes[0]]
        return float(candles.close[closed_rows(candles, at_ms) - 1])

    def _too_early(self, fill: Fill) -> str | None:
        if fill.at < self._opened[fill.trade_id]:
            return f"its trade was opened at {self._opened[fill.trade_id]} only"
        epoch = datetime.fromtimestamp(0, fill.at.tzinfo)
        candle = fill.at - (fill.at - epoch) % self._span
        if fill.tag in DECIDED and (fill.pair, fill.tag, candle) not in self._approved:
            return f"nothing of the kind was approved at {candle}"
        return None

    def _wrong_price(self, fill: Fill) -> str | None:
        """Say what is wrong with a price: an order's is the open, a stop's is in its candle."""
        at_ms = int(fill.at.timestamp() * 1000)
        for name in self._ground.filled_on:
            candles = self._ground.recorded.candles[fill.pair, name]
            row = int(np.searchsorted(candles.open_times, at_ms))
            if row == len(candles) or candles.open_times[row] != at_ms:
                continue
            if fill.tag not in STOPS and not math.isclose(
                fill.rate, candles.open[row], rel_tol=SAME_RATIO
            ):
                return f"at {fill.rate!r}, the candle opened at {float(candles.open[row])!r}"
            low, high = candles.low[row] * (1 - STEP_RATIO), candles.high[row] * (1 + STEP_RATIO)
            if not low <= fill.rate <= high:
                return f"at {fill.rate!r}, the candle went from {low!r} to {high!r}"
            return None
        return "there is no candle then"

    def _tell(self, text: str) -> None:
        self._breaches.add("d", text)

"""Freqtrade's callbacks and nothing else: each asks the desk or tells it, none reasons."""

import math
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from freqtrade.enums import CandleType, RunMode, SignalDirection
from freqtrade.exceptions import OperationalException
from freqtrade.exchange import timeframe_to_minutes
from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy, stoploss_from_absolute
from pandas import DataFrame

from llm_modules.backtest.fingerprint import put_fingerprint
from llm_modules.backtest.outcome import AS_CONFIGURED
from llm_modules.backtest.session import Session, prepare
from llm_modules.config import ContextConfig, parse_config
from llm_modules.domain import Side
from llm_modules.engine import bridge
from llm_modules.engine.chart import annotations
from llm_modules.engine.desk import Desk
from llm_modules.engine.guard import contained, guarded
from llm_modules.engine.plotting import plot_config
from llm_modules.engine.startup import open_desk
from llm_modules.errors import UserError
from llm_modules.market.indicators import compute
from llm_modules.unsigned import keep_signatures_out


class LLMFunctionStrategy(IStrategy):
    """A large language model trades futures through six validated tools."""

    INTERFACE_VERSION = 3
    can_short = True
    timeframe = "30m"
    # Four lengths of EMA 50: less than 1 % of its seed is left.
    startup_candle_count = 200
    process_only_new_candles = True
    position_adjustment_enable = True
    max_entry_position_adjustment = 3
    use_exit_signal = True
    use_custom_stoploss = True
    stoploss = -0.85  # of the margin: the last resort behind every booked stop
    minimal_roi: dict[str, float] = {}  # noqa: RUF012 - Freqtrade's own declaration
    order_types = {  # noqa: RUF012 - Freqtrade's own declaration
        "entry": "market",
        "exit": "market",
        "stoploss": "market",
        "emergency_exit": "market",
        "stoploss_on_exchange": False,
    }
    plot_config = plot_config()
    desk: Desk | None = None
    session: Session | None = None
    variant = AS_CONFIGURED

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        put_fingerprint(config)
        if self._is_live():
            keep_signatures_out()
            self.order_types = self.order_types | bridge.STOPS_ON_EXCHANGE

    @property
    def protections(self) -> list[dict[str, Any]]:
        """Pause a pair after its close, and everything after repeated stops or a drawdown."""
        return [
            {"method": "CooldownPeriod", "stop_duration_candles": 1},
            {
                "method": "StoplossGuard",
                # In candles of 30 minutes 48 are a day, 96 two.
                "lookback_period_candles": 48,
                "trade_limit": 4,
                "stop_duration_candles": 12,
            },
            {
                "method": "MaxDrawdown",
                "lookback_period_candles": 96,
                "trade_limit": 10,
                "stop_duration_candles": 24,
                "max_allowed_drawdown": 0.1,
            },
        ]

    def bot_start(self, **kwargs: Any) -> None:
        """Open the journals and start deciding; trades closed while we were away are learnt."""
        try:
            self.plot_config = plot_config(self._context().extra_indicators)
            if self.dp.runmode not in {RunMode.DRY_RUN, RunMode.LIVE}:
                self.open_session = prepare(self)
                return
            bridge.demand_protections(self, is_live=self._is_live())
            config = parse_config(self.config)
            bridge.demand_permission(self.config, config)
            mode = bridge.run_mode(self.config)
            user_data = Path(self.config["user_data_dir"])
            currency = self.config["stake_currency"]
            self.desk = open_desk(config, mode, currency, user_data, os.environ)
        except UserError as error:
            raise OperationalException(str(error)) from error
        source, decided = bridge.Newest(self.dp), self.desk.decided_candles()
        timeframes = self.timeframe, self._informative()
        self.view = bridge.View(source, *timeframes, decided, is_live=self._is_live())
        for trade in bridge.closed_since(self.desk.remembers_since):
            if not self.desk.knows(trade.trade_id, trade.opened_at):
                self.desk.closed(trade)

    def ft_bot_cleanup(self) -> None:
        """Stop the decision thread before Freqtrade ends or reloads."""
        if self.desk is not None:
            self.desk.stop()
        super().ft_bot_cleanup()

    @guarded(None)
    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Show the desk the account, and hand it every pair that has a new closed candle."""
        if self.desk is None or self.desk.mode == "backtest":
            return
        with contained("Looking at the account") as outcome:
            self._look(self.desk, current_time)
        if outcome.error is not None:
            # Who cannot see must not trade, and a halt has to work all the same.
            self.desk.cannot_see(current_time)

    def _look(self, desk: Desk, current_time: datetime) -> None:
        trades = Trade.get_open_trades()
        account = self.view.account(self.wallets, self.config["stake_currency"], trades)
        busy = {trade.pair for trade in trades if trade.has_open_orders}
        desk.observe(account, self.view.positions(trades), busy, current_time)
        self.view.keep(trades, desk.world().positions)
        bridge.store_reviews(desk.outbox.reviews())
        for notice in desk.notices():
            self.dp.send_msg(notice, always_send=True)
        desk.ask(self.view.due(desk.world(), busy, desk.mode, current_time))

    def informative_pairs(self) -> list[tuple[str, str] | tuple[str, str, str]]:
        """Have Freqtrade fetch every pair on every informative timeframe, and funding rates."""
        funding = (self.dp.get_funding_rate_timeframe(), CandleType.FUNDING_RATE.value)
        pairs = self.dp.current_whitelist()
        return [
            *((pair, timeframe) for pair in pairs for timeframe in self._informative()),
            *((pair, *funding) for pair in pairs),
        ]

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Add the indicators that the model sees, for the chart."""
        # The whole frame, not CANDLE_ROWS: the chart shows all of it.
        candles = bridge.candles(dataframe, self.timeframe, len(dataframe))
        indicators = compute(candles)
        # One of pandas_ta's that fails must not take the others from the chart.
        with contained("Computing extra_indicators for the chart"):
            indicators = compute(candles, self._context().extra_indicators)
        return dataframe.assign(**indicators)

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Set no signal: entries come from the book."""
        return dataframe.assign(enter_long=0, enter_short=0)

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Set no signal: exits come from the book."""
        return dataframe.assign(exit_long=0, exit_short=0)

    @guarded((None, None))
    def get_entry_signal(
        self, pair: str, timeframe: str, dataframe: DataFrame
    ) -> tuple[SignalDirection | None, str | None]:
        """Enter what is booked, whenever its decision arrived."""
        # Not from populate_entry_trend: that runs once per candle, the answer comes later.
        booking = self.desk.entry(pair, bridge.now()) if self.desk else None
        return (SignalDirection(booking.side), booking.tool) if booking else (None, None)

    @guarded(1.0)
    def leverage(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_leverage: float,
        max_leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Use the booked leverage."""
        booking = self.desk.entry(pair, current_time) if self.desk else None
        # Whole: Binance knows no other, and Freqtrade would set less there than it reckons with.
        return float(math.floor(min(booking.leverage, max_leverage))) if booking else 1.0

    @guarded(0.0)
    def custom_stake_amount(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Use the booked stake; without a booking, or below the minimum, there is no order."""
        booking = self.desk.entry(pair, current_time) if self.desk else None
        stake = min(booking.stake_amount, max_stake) if booking else 0.0
        # Freqtrade would raise a small stake to the minimum by up to 30 %, more than approved.
        return stake if stake >= (min_stake or 0.0) else 0.0

    @guarded(False)
    def confirm_trade_entry(
        self,
        pair: str,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        current_time: datetime,
        entry_tag: str | None,
        side: Side,
        **kwargs: Any,
    ) -> bool:
        """Let only booked entries out, at a price near the one that was decided on."""
        return self.desk is not None and self.desk.confirm_entry(pair, side, rate, current_time)

    @guarded(True)
    def check_entry_timeout(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> bool:
        """Take an unfilled order back once trading is halted."""
        return self.desk is None or self.desk.world().account.halted

    @guarded(None)
    def custom_exit(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        **kwargs: Any,
    ) -> str | None:
        """Exit what is booked, keeping the model's last word with the trade."""
        if self.desk is None:
            return None
        # Here too: Freqtrade leaves custom_stoploss out once its stop is crossed.
        self.view.saw(trade.id, current_rate)
        booking = self.desk.exit_booking(pair, trade.id, current_time)
        if booking is not None:
            # Before the order: a restart until its fill would lose the model's words.
            bridge.store_exit(trade, booking)
        # With its stops on the exchange Freqtrade does not look at them itself.
        enforced = None if self.order_types["stoploss_on_exchange"] else trade.stop_loss
        crossed = self.desk.crossed_stop(trade.id, current_rate, enforced)
        return self.desk.exit_reason(pair, trade.id, current_time) or crossed

    @guarded(None)
    def adjust_trade_position(
        self,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        min_stake: float | None,
        max_stake: float,
        current_entry_rate: float,
        current_exit_rate: float,
        current_entry_profit: float,
        current_exit_profit: float,
        **kwargs: Any,
    ) -> tuple[float, str] | None:
        """Add or reduce what is booked, once the previous order is done."""
        if self.desk is None or trade.has_open_orders:
            return None
        booking = self.desk.adjustment(trade.pair, trade.id, current_rate, current_time)
        if booking is None:
            return None
        stake = min(booking.stake_amount, max_stake)
        # Freqtrade would raise a small addition to the minimum, and sell at a negative maximum.
        if booking.stake_amount > 0 and (stake <= 0 or stake < (min_stake or 0.0)):
            return None
        bridge.anchor_stop(trade.id)
        return (stake if booking.stake_amount > 0 else booking.stake_amount), booking.tool

    @guarded(None)
    def custom_stoploss(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        after_fill: bool,  # noqa: FBT001 - Freqtrade's own signature
        **kwargs: Any,
    ) -> float | None:
        """Place the stop at the booked price; Freqtrade never moves it away again."""
        stop = self.desk.stop_price(trade.id) if self.desk else None
        # Also without a stop: this callback brings a live rate for each open trade.
        self.view.saw(trade.id, current_rate)
        # Placing the same stop again would move it: each time Freqtrade rounds it to a tick.
        # After a fill it starts from its own far stop, whatever stood there before.
        if stop is None or not (after_fill or bridge.is_tighter(stop, trade)):
            return None
        return float(
            stoploss_from_absolute(
                stop, current_rate, is_short=trade.is_short, leverage=trade.leverage
            )
        )

    @guarded(None)
    def order_filled(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> None:
        """Tell the desk what was executed."""
        if self.desk is None:
            return
        if not trade.is_open:
            self.desk.closed(bridge.closed_trade(trade))
            return
        if self.session is not None and bridge.is_closing(trade, order):
            return
        # First of all: what fails after this cannot make the order again.
        booking = self.desk.settle(pair, order.ft_order_tag or "", trade.id, order.order_id)
        if booking is not None and booking.thesis is not None:
            bridge.store_thesis(trade, booking.thesis)
        self.desk.filled(bridge.open_position(trade, order.safe_price), booking)

    def plot_annotations(
        self,
        pair: str,
        start_date: datetime,
        end_date: datetime,
        dataframe: DataFrame,
        **kwargs: Any,
    ) -> list[dict[str, Any]]:
        """Draw every decision on the Web UI's chart."""
        if self.desk is None:
            return []
        candle = timedelta(minutes=timeframe_to_minutes(self.timeframe))
        return annotations(self.desk.chart(pair, start_date, end_date + candle), candle)

    def _is_live(self) -> bool:
        return not self.config.get("dry_run", True)

    def _context(self) -> ContextConfig:
        return parse_config(self.config).context_config

    def _informative(self) -> tuple[str, ...]:
        return self._context().informative_timeframes

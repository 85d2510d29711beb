"""One backtest: before each candle every pair is decided, after it what happened is learnt."""

import fcntl
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TextIO

from freqtrade.configuration import TimeRange
from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import RunMode
from freqtrade.exchange import timeframe_to_minutes
from freqtrade.persistence import CustomDataWrapper, LocalTrade, Trade
from freqtrade.wallets import Wallets

from llm_modules.backtest import hook
from llm_modules.backtest.forerunner import Course, Forerunner
from llm_modules.backtest.loading import load
from llm_modules.backtest.outcome import Moment, Outcome, Variant
from llm_modules.backtest.past import PastMarket, Recorded
from llm_modules.backtest.settings import BacktestSettings, applied, settings_of
from llm_modules.backtest.tally import Tally
from llm_modules.config import TraderConfig, parse_config
from llm_modules.context.template_files import OWN_PROMPTS
from llm_modules.domain import ClosedTrade
from llm_modules.engine import bridge
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.desk import Desk
from llm_modules.engine.inline import InlineService
from llm_modules.engine.startup import Premises, open_desk
from llm_modules.errors import BacktestError, ConfigError
from llm_modules.llm.providers.findings import FINDINGS_NAME

TAPE_PATIENCE_SECONDS = 30.0
# What Freqtrade reads of a row: enter_long, exit_long, enter_short, exit_short, both tags.
Signal = tuple[int, int, int, int, str | None, None]


class Traded(Protocol):
    """What a session needs of the strategy it trades through."""

    desk: Desk | None
    view: bridge.View
    dp: DataProvider
    wallets: Wallets
    config: Mapping[str, Any]
    timeframe: str
    position_adjustment_enable: bool
    session: "Session | None"
    variant: Variant


class PastView(bridge.View):
    """Values every position at the newest close, and waits for no candle."""

    # Whatever is recorded of the past has arrived.
    late_candle_seconds = 0

    def saw(self, trade_id: int, rate: float) -> None:
        """Forget it: Freqtrade tells the best price of a candle that has only begun."""


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last candle of a run, as Freqtrade names them: by their opening."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Furnishing:
    """What a session is opened with."""

    config: TraderConfig
    settings: BacktestSettings
    past: PastMarket


class Session:
    """Keeps the present of a run; the strategy's callbacks read the same desk as ever."""

    def __init__(self, strategy: Traded, furnishing: Furnishing, span: Span) -> None:
        self.now = span.start
        self.tally = Tally()
        self._strategy = strategy
        self._past = furnishing.past
        self._span = span
        self._folder = Path(furnishing.settings.folder)
        self._closed: list[ClosedTrade] = []
        self._forerunner = Forerunner()
        self._starting_balance = strategy.wallets.get_total(self._currency)
        self.desk = self._open_desk(furnishing)
        timeframes = furnishing.config.context_config.informative_timeframes
        self.view = PastView(furnishing.past, strategy.timeframe, timeframes, {})
        strategy.desk, strategy.view, strategy.session = self.desk, self.view, self
        if strategy.variant.has_forerunner:
            # Last: whoever opened a session that failed could not end it.
            self._forerunner.start(self._course(furnishing.config))

    @property
    def recorded(self) -> Recorded:
        """All that was loaded for the run, for another one on the same candles."""
        return self._past.recorded

    def candle(self, at: datetime) -> None:
        """Learn what the candle before brought, and decide about every pair at its end.

        Raises BacktestError when the model cannot be asked any more.
        """
        self.now = at
        self._past.set_moment(at)
        self._learn()
        trades = Trade.get_open_trades()
        busy = {trade.pair for trade in trades if trade.has_open_orders}
        account = self.view.account(self._strategy.wallets, self._currency, trades)
        self.desk.observe(account, self.view.positions(trades), busy, at)
        self.tally.stood(at, account.equity)
        self.desk.ask(self.view.due(self.desk.world(), busy | self._silent(at), "backtest", at))
        # Looked at for each open trade, and its copies are dear: only where something waits.
        self._strategy.position_adjustment_enable = any(
            self.desk.adjusts(trade.pair, trade.id, at) for trade in trades
        )
        self.tally.demand_sense(at)
        self._strategy.variant.watch(self._moment(account.equity))

    def signal(self, pair: str) -> Signal:
        """Return what Freqtrade's row is to say about a pair."""
        booking = self.desk.entry(pair, self.now)
        if booking is None:
            return (0, 0, 0, 0, None, None)
        if booking.side == "long":
            return (1, 0, 0, 1, booking.tool, None)
        return (0, 1, 1, 0, booking.tool, None)

    def end(self) -> None:
        """Learn from the last closes and let go of the files."""
        try:
            self._learn()
            self.desk.stop()
        finally:
            # It holds all that is open, the lock too.
            self._forerunner.end()
            self._lock.close()

    def outcome(
        self, final_balance: float, rejected_entries: int, result_file: Path | None
    ) -> Outcome:
        """Return what the run came to."""
        self.tally.ended(self.now, final_balance)
        return Outcome(
            stake_currency=self._currency,
            starting_balance=self._starting_balance,
            final_balance=final_balance,
            timeframe=self._strategy.timeframe,
            start=self._span.start,
            end=self._span.end,
            pairs=tuple(self._past.whitelist()),
            equity=self.tally.equity,
            trades=tuple(self._closed),
            decided=self.tally.decided,
            asked=self.tally.asked,
            cost=self.tally.cost,
            rejected_entries=rejected_entries,
            folder=self._folder,
            result_file=result_file,
        )

    @property
    def _currency(self) -> str:
        currency: str = self._strategy.config["stake_currency"]
        return currency

    @property
    def _candle_span(self) -> timedelta:
        return timedelta(minutes=timeframe_to_minutes(self._strategy.timeframe))

    @property
    def _candles(self) -> int:
        return (self._span.end - self._span.start) // self._candle_span

    def _open_desk(self, furnishing: Furnishing) -> Desk:
        self._lock = _taken(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        variant = self._strategy.variant
        user_data = Path(self._strategy.config["user_data_dir"])
        premises = Premises(
            clock=lambda: self.now,
            service=InlineService,
            tape=Path(furnishing.settings.tape),
            # Other shards write it too, and nobody waits here for the next candle.
            tape_patience_seconds=TAPE_PATIENCE_SECONDS,
            findings=user_data / FINDINGS_NAME,
            prompts=user_data / OWN_PROMPTS,
            client=variant.client,
            refit=self._fitted,
        )
        config = applied(furnishing.config, furnishing.settings)
        return open_desk(config, "backtest", self._currency, self._folder, os.environ, premises)

    def _fitted(self, rooms: Rooms) -> Rooms:
        own = replace(rooms, heard=self.tally.heard, seen_before=self._forerunner)
        return self._strategy.variant.refit(own)

    def _course(self, config: TraderConfig) -> Course:
        start, span = self._span.start, self._candle_span
        return Course(
            past=self._past,
            view=self.view,
            world=self.desk.world(),
            context=config.context_config,
            moments=[start + count * span for count in range(1, self._candles + 1)],
            silent=self._silent,
        )

    def _silent(self, at: datetime) -> set[str]:
        """Return the pairs that the variant does not ask about."""
        asks = self._strategy.variant.asks
        return {pair for pair in self._past.whitelist() if not asks(pair, at)}

    def _learn(self) -> None:
        for trade in LocalTrade.bt_trades[len(self._closed) :]:
            closed = bridge.closed_trade(trade)
            self.desk.closed(closed)
            self._closed.append(closed)
            # Freqtrade searches all of it for each open position.
            CustomDataWrapper.delete_custom_data(trade.id)

    def _moment(self, equity: float) -> Moment:
        return Moment(
            at=self.now,
            candle=(self.now - self._span.start) // self._candle_span,
            candles=self._candles,
            decided=self.tally.decided,
            asked=self.tally.asked,
            equity=equity,
            cost=self.tally.cost,
        )


def _taken(folder: Path) -> TextIO:
    """Keep every other run out of a folder until what is returned is closed.

    Raises BacktestError when another run is in it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise BacktestError(f"another backtest is using {folder}: wait until it ends") from None
    return lock


def prepare(strategy: Traded) -> Callable[[datetime, datetime], Session]:
    """Return what opens the session of a strategy's next backtest.

    Raises ConfigError for settings that no run can have.
    """
    if strategy.dp.runmode == RunMode.HYPEROPT:
        raise ConfigError("there is nothing to optimise: use './manage.sh backtest'")
    bridge.demand_protections(strategy, is_live=False)
    config = parse_config(strategy.config)
    settings = settings_of(strategy.config)
    hook.install()
    return partial(open_session, strategy, config, settings)


def open_session(
    strategy: Traded,
    config: TraderConfig,
    settings: BacktestSettings,
    start: datetime,
    end: datetime,
) -> Session:
    """Load what is recorded and open a session on it."""
    timerange = TimeRange.parse_timerange(strategy.config.get("timerange"))
    timeframes = (strategy.timeframe, *config.context_config.informative_timeframes)
    pairs = strategy.dp.current_whitelist()
    known = strategy.variant.recorded
    recorded = known or load(strategy.config, strategy.dp, pairs, timeframes, timerange)
    furnishing = Furnishing(config, settings, PastMarket(recorded, pairs))
    return Session(strategy, furnishing, Span(start, end))

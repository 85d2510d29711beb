"""Freqtrade's wallets and trades, and the market, looked at once per loop."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade.exchange import timeframe_to_msecs
from freqtrade.exchange.exchange_types import LeverageTier
from freqtrade.persistence import Trade
from freqtrade.persistence.pairlock import PairLock
from freqtrade.wallets import Wallets

from llm_modules.domain import AccountState, MarketRules, OpenPosition, RunMode
from llm_modules.engine.bridge.market import locked_sides, market_rules
from llm_modules.engine.bridge.source import Source
from llm_modules.engine.bridge.trades import (
    open_position,
    open_profit,
    store_thesis,
    store_track,
    stored_thesis,
    track_changed,
    with_track,
)
from llm_modules.engine.guard import contained
from llm_modules.engine.question import Question, World
from llm_modules.market.returns import Returns, log_returns

LATE_CANDLE_SECONDS = 15


def now() -> datetime:
    """Return the present moment, aware UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Common:
    """What the questions of one moment share."""

    world: World
    mode: RunMode
    at: datetime
    whitelist: frozenset[str]
    locks: Sequence[PairLock]
    returns: Mapping[str, Returns]


@dataclass(frozen=True, slots=True)
class _Rules:
    """The limits of a pair, and what they were read from."""

    market: Mapping[str, Any] | None
    tiers: Sequence[LeverageTier]
    rules: MarketRules


class View:
    """Looks at the market and at Freqtrade's wallets and trades, once per loop.

    `decided` tells the newest candle of each pair that was decided before a restart.
    """

    late_candle_seconds = LATE_CANDLE_SECONDS

    def __init__(
        self,
        source: Source,
        timeframe: str,
        informative: Sequence[str],
        decided: Mapping[str, datetime],
        *,
        is_live: bool = False,
    ) -> None:
        self._source = source
        self._timeframes = (timeframe, *informative)
        self._span = timedelta(milliseconds=timeframe_to_msecs(timeframe))
        self._asked = dict(decided)
        self._is_live = is_live
        self._rates: dict[int, float] = {}
        self._kept: dict[int, OpenPosition] = {}
        self._returns: dict[str, tuple[datetime, Returns]] = {}
        self._rules: dict[str, _Rules] = {}

    def saw(self, trade_id: int, rate: float) -> None:
        """Remember the latest rate of a trade; it values the position until the next one."""
        self._rates[trade_id] = rate

    def positions(self, trades: Sequence[Trade]) -> tuple[OpenPosition, ...]:
        """Describe every trade that holds something."""
        self._rates = {
            trade.id: self._rates[trade.id] for trade in trades if trade.id in self._rates
        }
        self._kept = {trade.id: self._kept[trade.id] for trade in trades if trade.id in self._kept}
        return tuple(self._position(trade) for trade in trades if trade.has_open_position)

    def keep(self, trades: Sequence[Trade], positions: Mapping[str, OpenPosition]) -> None:
        """Store what was newly seen of each position with its trade, for after a restart."""
        for trade in trades:
            position = positions.get(trade.pair)
            if position is None or position.trade_id != trade.id:
                continue
            kept = self._kept.get(trade.id)
            if kept is None or track_changed(kept, position):
                store_track(trade, position)
            if kept is None and position.thesis is not None and stored_thesis(trade) is None:
                store_thesis(trade, position.thesis)
            self._kept[trade.id] = position

    def account(
        self, wallets: Wallets, stake_currency: str, trades: Sequence[Trade]
    ) -> AccountState:
        """Value the account: balance plus the open profit of every position.

        An empty balance is one that could not be read: equity is unknown (NaN) then.
        """
        balance = wallets.get_total(stake_currency) or math.nan
        profit = sum(
            open_profit(trade, self._rate(trade), is_live=self._is_live)
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
        whitelist = self._source.whitelist()
        pairs = tuple(dict.fromkeys([*whitelist, *world.positions]))
        due = {
            pair: candle_at
            for pair in pairs
            if pair not in busy and (candle_at := self._due_candle(pair, at)) is not None
        }
        if not due:
            return ()
        self._asked |= due
        locks, returns = self._source.locks(at - self._span), self._all_returns(pairs)
        common = Common(world, mode, at, frozenset(whitelist), locks, returns)
        questions = []
        for pair, candle_at in due.items():
            # One pair's trouble must not keep the others from being decided.
            with contained(f"Asking about {pair}"):
                questions.append(self._question(pair, candle_at, common))
        return tuple(questions)

    def _due_candle(self, pair: str, at: datetime) -> datetime | None:
        """Return the newest candle's close if it is to be decided now."""
        candle_at = self._source.newest_close(pair, self._timeframes[0])
        # After an outage the newest candle is old, and its answer would be stale on arrival.
        if candle_at is None or self._asked.get(pair) == candle_at or at >= candle_at + self._span:
            return None
        late = at < candle_at + timedelta(seconds=self.late_candle_seconds)
        if late and not self._others_have_closed(pair, candle_at):
            return None
        return candle_at

    def _question(self, pair: str, candle_at: datetime, common: Common) -> Question:
        market = self._source.market(pair)
        return Question(
            decision_id=self._source.decision_id(pair, common.at),
            pair=pair,
            candle_at=candle_at,
            valid_until=candle_at + self._span,
            frames=tuple([self._source.candles(pair, name) for name in self._timeframes]),
            rules=self._rules_of(pair, market),
            world=common.world,
            mode=common.mode,
            locked_sides=locked_sides(common.locks, pair, candle_at),
            tradable=pair in common.whitelist and (market or {}).get("active") is not False,
            returns=common.returns,
            funding_rate=self._source.funding_rate(pair),
        )

    def _rules_of(self, pair: str, market: Mapping[str, Any] | None) -> MarketRules:
        """Return the limits of a pair, read anew only where the exchange told them anew."""
        tiers = self._source.tiers(pair)
        known = self._rules.get(pair)
        if known is None or known.market is not market or known.tiers is not tiers:
            known = self._rules[pair] = _Rules(market, tiers, market_rules(market, tiers))
        return known.rules

    def _all_returns(self, pairs: Collection[str]) -> Mapping[str, Returns]:
        """Return the newest returns of every pair, computed anew only after a new candle."""
        fresh: dict[str, tuple[datetime, Returns]] = {}
        timeframe = self._timeframes[0]
        for pair in pairs:
            closed_at = self._source.newest_close(pair, timeframe)
            if closed_at is None:
                continue
            known = self._returns.get(pair)
            if known is not None and known[0] == closed_at:
                fresh[pair] = known
            else:
                fresh[pair] = closed_at, log_returns(self._source.candles(pair, timeframe))
        self._returns = fresh
        return {pair: returns for pair, (_, returns) in fresh.items()}

    def _position(self, trade: Trade) -> OpenPosition:
        position = open_position(trade, self._rate(trade))
        # What this run has seen itself is in the tracker.
        return position if trade.id in self._kept else with_track(position, trade)

    def _others_have_closed(self, pair: str, candle_at: datetime) -> bool:
        """Tell whether the informative candles that end with this one have arrived too."""
        for name in self._timeframes[1:]:
            closed = self._source.newest_close(pair, name)
            span = timedelta(milliseconds=timeframe_to_msecs(name))
            if closed is None or closed + span <= candle_at:
                return False
        return True

    def _rate(self, trade: Trade) -> float:
        """Return the latest rate of a trade, or the newest close before Freqtrade has one."""
        if trade.id in self._rates:
            return self._rates[trade.id]
        close = self._source.newest_price(trade.pair, self._timeframes[0])
        return float(trade.open_rate) if close is None else close

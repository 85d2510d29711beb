"""What an approved order means for each limit, worked out from the account and not by the gate.

A measure is a value beside the limit it is held to. Equity is that at the approval: it may fall
later, and no limit forces a sale then.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from llm_modules.config import RiskConfig
from llm_modules.domain import Side
from llm_modules.engine.question import Question
from llm_modules.journal.records import DecisionRecord
from llm_modules.market.returns import correlation
from llm_modules.selftest.account import SimulatedAccount

# Sums of floats in another order than the gate's.
TOLERANCE = 1e-9
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Measure:
    """One limit and what was reached of it; a `floor` may not be undercut, others not exceeded."""

    limit: str
    value: float
    bound: float
    floor: bool = False

    @property
    def holds(self) -> bool:
        """Whether the limit is kept; a value that is no number keeps none."""
        slack = TOLERANCE * max(1.0, abs(self.bound))
        if self.floor:
            return self.value >= self.bound - slack
        return self.value <= self.bound + slack


@dataclass(frozen=True, slots=True)
class Stake:
    """A stake that counts: what is held, or an approved order on its way."""

    pair: str
    side: Side
    stake: float
    leverage: float


@dataclass(frozen=True, slots=True)
class Approval:
    """An order that adds exposure, as the gate let it through, and everything at that moment.

    `others` are all stakes but this one, those of the pair itself included; `day_start` is the
    first equity of the day as the battery saw it.
    """

    record: DecisionRecord
    question: Question
    at: datetime
    stake: float
    leverage: float
    stop: float | None
    side: Side
    others: tuple[Stake, ...]
    account: SimulatedAccount
    day_start: float

    @property
    def equity(self) -> float:
        """The equity the limits are percentages of."""
        return self.question.world.account.equity

    @property
    def is_entry(self) -> bool:
        """Whether it opens a position."""
        return self.record.tool != "adjust_position"

    @property
    def price(self) -> float:
        """The price the decision was judged at."""
        position = self.question.position
        return position.current_rate if position else self.record.facts["price"]

    @property
    def held(self) -> float:
        """What the pair itself has at stake besides this order."""
        return sum(item.stake for item in self.others if item.pair == self.question.pair)

    @property
    def candle(self) -> timedelta:
        """The length of a candle."""
        return self.question.valid_until - self.question.candle_at


Measurement = Callable[[Approval, RiskConfig], Iterator[Measure]]


def percent_of_equity(amount: float, equity: float) -> float:
    """Return an amount in percent of the equity; no equity makes any amount too much."""
    return 100 * amount / equity if equity > 0 else math.inf


def is_one_bet(approval: Approval, other: Stake, max_correlation: float) -> bool:
    """Tell whether another stake wins and loses with this one; what is not known counts."""
    pair = approval.question.pair
    if other.pair == pair:
        return True
    mine = approval.question.returns.get(pair)
    theirs = approval.question.returns.get(other.pair)
    alike = correlation(mine, theirs) if mine and theirs else None
    if alike is None:
        return True
    return (alike if other.side == approval.side else -alike) >= max_correlation


def risk_pct(approval: Approval, stake: float, stop: float | None) -> float:
    """Return what a stake loses at its stop, in percent of equity."""
    if stop is None:
        return math.inf
    sign = 1 if approval.side == "long" else -1
    distance = sign * (approval.price - stop) / approval.price
    return percent_of_equity(stake * approval.leverage * distance, approval.equity)


def _position(approval: Approval, risk: RiskConfig) -> Iterator[Measure]:
    whole = approval.held + approval.stake
    value = percent_of_equity(whole, approval.equity)
    yield Measure("max_position_pct", value, risk.max_position_pct)
    yield Measure(
        "risk_per_trade_pct", risk_pct(approval, whole, approval.stop), risk.risk_per_trade_pct
    )


def _totals(approval: Approval, risk: RiskConfig) -> Iterator[Measure]:
    stakes = approval.stake + sum(item.stake for item in approval.others)
    notional = approval.stake * approval.leverage
    notional += sum(item.stake * item.leverage for item in approval.others)
    one_bet = approval.stake + sum(
        item.stake for item in approval.others if is_one_bet(approval, item, risk.max_correlation)
    )
    for limit, amount, bound in (
        ("max_total_stake_pct", stakes, risk.max_total_stake_pct),
        ("max_total_notional_pct", notional, risk.max_total_notional_pct),
        ("max_correlated_pct", one_bet, risk.max_correlated_pct),
    ):
        yield Measure(limit, percent_of_equity(amount, approval.equity), bound)


def _leverage(approval: Approval, risk: RiskConfig) -> Iterator[Measure]:
    rules = approval.question.rules
    yield Measure("max_leverage", approval.leverage, risk.max_leverage)
    notional = (approval.held + approval.stake) * approval.leverage
    tiers = (tier.max_leverage for tier in rules.tiers if notional <= tier.max_notional)
    yield Measure("the market's leverage", approval.leverage, next(tiers, rules.max_leverage))
    if approval.is_entry and not risk.allow_model_freedom:
        yield Measure("default_leverage", approval.leverage, risk.default_leverage)


def _confidence(approval: Approval, risk: RiskConfig) -> Iterator[Measure]:
    confidence = float(approval.record.call["confidence_score"] or 0)
    yield Measure("min_confidence", confidence, risk.min_confidence, floor=True)


def _day(approval: Approval, risk: RiskConfig) -> Iterator[Measure]:
    fallen = 100 * (1 - approval.equity / approval.day_start) if approval.day_start else math.inf
    yield Measure("daily_loss_limit_pct", fallen, risk.daily_loss_limit_pct)


def _streak(approval: Approval, risk: RiskConfig) -> Iterator[Measure]:
    streak = 0
    closes = approval.account.closes
    for trade in reversed(closes):
        if trade.profit_ratio >= 0:
            break
        streak += 1
    rested = (approval.at - closes[-1].closed_at) / approval.candle if closes else math.inf
    if streak >= risk.max_loss_streak:
        pause = risk.loss_streak_pause_candles
        yield Measure("loss_streak_pause_candles", rested, pause, floor=True)
    else:
        yield Measure("max_loss_streak", streak, risk.max_loss_streak)


def _cooldown(approval: Approval, risk: RiskConfig) -> Iterator[Measure]:
    lost = [
        trade.closed_at
        for trade in approval.account.closes
        if trade.pair == approval.question.pair and trade.profit_ratio < 0
    ]
    if approval.is_entry and lost:
        rested = (approval.at - lost[-1]) / approval.candle
        wanted = risk.cooldown_candles_after_loss
        yield Measure("cooldown_candles_after_loss", rested, wanted, floor=True)


def _hours(approval: Approval, risk: RiskConfig) -> Iterator[Measure]:
    if not approval.is_entry or not risk.trading_hours_utc:
        return
    start, end = risk.trading_hours_utc.split("-")
    clock = f"{approval.at:%H:%M}"
    is_open = start <= clock < end if start < end else clock >= start or clock < end
    yield Measure("trading_hours_utc", float(not is_open), 0.0)


MEASUREMENTS: tuple[Measurement, ...] = (
    _position,
    _totals,
    _leverage,
    _confidence,
    _day,
    _streak,
    _cooldown,
    _hours,
)


def at_approval(approval: Approval, risk: RiskConfig) -> Iterator[Measure]:
    """Return every measure of an approved order."""
    for measurement in MEASUREMENTS:
        yield from measurement(approval, risk)


def openings_within_an_hour(openings: list[datetime], now: datetime) -> int:
    """Count the positions opened in the hour before a moment, that moment included."""
    return sum(now - HOUR < at <= now for at in openings)

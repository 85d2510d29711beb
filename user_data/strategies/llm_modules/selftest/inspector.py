"""The inspector watches the simulated account and notes every promise that is not kept.

It believes nothing it is told: what the gate approved is held against the limits again, and what
became of it is read off the account.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from llm_modules.domain import AccountState, MarketRules, Side
from llm_modules.engine.book import Booking
from llm_modules.engine.question import Question
from llm_modules.gate.halt import is_there
from llm_modules.journal.records import DecisionRecord
from llm_modules.selftest.account import Holding, SimulatedAccount
from llm_modules.selftest.bench import Bench
from llm_modules.selftest.measures import (
    Approval,
    Measure,
    Stake,
    at_approval,
    openings_within_an_hour,
    percent_of_equity,
    risk_pct,
)
from llm_modules.selftest.orders import Order

# A peak may be a thousandth off after a crash; so much later may the emergency stop trip.
PEAK_SLACK = 0.998
BREACHES_TO_TRIP = 3
FORCED = frozenset({"emergency_stop", "halt", "flatten", "stop_crossed"})


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that was not kept, by the number of its invariant."""

    invariant: str
    text: str


class Inspector:
    """Sees everything the stand-in does; `breaches` stay empty while every invariant holds.

    `worst` is the nearest each limit came to being broken, `counts` what the gate said by code
    and kind, `checked` how often each invariant was looked at.
    """

    def __init__(
        self, bench: Bench, account: SimulatedAccount, rules: Mapping[str, MarketRules]
    ) -> None:
        self.breaches: list[Breach] = []
        self.worst: dict[str, Measure] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.statuses: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        self.orders = self.fills = 0
        self.halted = True
        self._bench = bench
        self._risk = bench.risk
        self._account = account
        self._rules = rules
        self._approvals: dict[str, Approval] = {}
        self._attempts: dict[str, tuple[float, float]] = {}
        self._used: set[str] = set()
        self._last_approval: Approval | None = None
        self._stops: dict[int, float] = {}
        self._openings: list[datetime] = []
        self.resumed()

    def resumed(self) -> None:
        """Take note that the account starts anew: with other money, or after a trip was lifted."""
        self._day: date | None = None
        self._day_start = self._day_peak = self._peak = 0.0
        self._breached = 0

    def attach(self, bench: Bench) -> None:
        """Go on watching after a restart; limits may have changed with it."""
        self._bench, self._risk = bench, bench.risk

    # What the stand-in shows

    def looked(self, account: AccountState, now: datetime) -> None:
        """See the account that was just shown to the desk, and work out whether it is halted."""
        switch = self._bench.switch
        files = (switch.by_hand, switch.tripped, switch.flatten)
        known = 0 < account.equity < float("inf")
        self.halted = not known or any(is_there(path) is not False for path in files)
        if known:
            self._measure_equity(account.equity, now)
        if self._breached >= BREACHES_TO_TRIP:
            self.halted = True
        self.checked["I5"] += self.halted
        if self.halted and not self._bench.desk.world().account.halted:
            self._note("I5", "the desk trades on although the account is halted")

    def judged(self, question: Question, record: DecisionRecord) -> None:
        """See a decision; an approved addition is measured against every limit."""
        self.statuses[record.status] += 1
        for reason in record.reasons:
            self.counts[reason.code, reason.kind] += 1
        approved = record.approved
        if approved is None:
            return
        if record.tool == "signal_exit":
            self._check_holding(question)
        approval = self._approval(question, record)
        self._approvals[record.decision_id] = approval
        if approved.stake_amount <= 0:
            return
        self._last_approval = approval
        if self.halted:
            self._note("I5", f"{record.tool} was approved while halted")
        for measure in at_approval(approval, self._risk):
            self._hold(measure)

    def ordered(self, order: Order, booking: Booking | None) -> None:
        """See an order before it is sent: approved, not halted, not made before."""
        self.orders += 1
        self.checked.update(("I3", "I7"))
        if order.adds and self.halted:
            self._note("I5", f"{order.tag} was sent while halted")
        if not order.decision_id:
            if order.adds or order.tag not in FORCED:
                self._note("I3", f"{order.tag} was sent without a decision")
            return
        self._check_numbers(order, booking)
        # An exit that was filled in part goes on until nothing is left of its trade.
        if order.decision_id in self._used and order.kind != "exit":
            self._note("I7", f"decision {order.decision_id} was carried out twice")

    def filled(self, order: Order, at: datetime) -> None:
        """See an order that was carried out, and measure what is held now."""
        self.fills += 1
        self._used.add(order.decision_id)
        if order.kind == "entry":
            self._openings.append(at)
        approval = self._approvals.get(order.decision_id)
        if not order.adds or approval is None:
            return
        holding = self._account.holdings[order.pair]
        share = percent_of_equity(holding.stake, approval.equity)
        self._hold(Measure("max_position_pct", share, self._risk.max_position_pct))
        lost = risk_pct(approval, holding.stake, holding.stop)
        self._hold(Measure("risk_per_trade_pct", lost, self._risk.risk_per_trade_pct))
        self._hold(Measure("max_leverage", holding.leverage, self._risk.max_leverage))
        entries = openings_within_an_hour(self._openings, at)
        self._hold(Measure("max_entries_per_hour", entries, self._risk.max_entries_per_hour))
        self.settled()

    def protected(self, holding: Holding, stop: float | None) -> None:
        """See the stop the desk names: there is one, it is near enough, it never loosens."""
        self.checked["I6"] += 1
        if stop is None:
            self._note("I6", f"{holding.pair} has no stop")
            return
        earlier = self._stops.get(holding.trade_id, stop)
        if holding.sign * (stop - earlier) < 0:
            self._note("I6", f"the stop of {holding.pair} moved from {earlier:g} to {stop:g}")
        self._stops[holding.trade_id] = stop
        away = 100 * holding.sign * (holding.open_rate - stop) / holding.open_rate
        self._hold(Measure("max_stop_pct", away, self._risk.max_stop_pct))

    def settled(self) -> None:
        """See the account after a change: funds, slots and sums within what was approved last."""
        account, risk = self._account, self._risk
        # Rounded: sums of large stakes are off by less than any coin.
        self._hold(Measure("free funds", round(account.free, 6), 0.0, floor=True))
        self._hold(Measure("max_open_trades", account.open_trades, risk.max_open_trades))
        if self._last_approval is None:
            return
        equity = self._last_approval.equity
        holdings = account.holdings.values()
        notional = sum(holding.stake * holding.leverage for holding in holdings)
        for limit, amount, bound in (
            ("max_total_stake_pct", account.used_stake, risk.max_total_stake_pct),
            ("max_total_notional_pct", notional, risk.max_total_notional_pct),
        ):
            measure = Measure(limit, percent_of_equity(amount, equity), bound)
            self._hold(measure, invariant="I2")

    # How it is worked out

    def _approval(self, question: Question, record: DecisionRecord) -> Approval:
        approved = record.approved
        assert approved is not None  # noqa: S101 - the caller has looked; this tells mypy
        position = question.position
        named = approved.stop_price
        if position is not None:
            nearer = max if position.side == "long" else min
            stop: float | None = nearer(position.stop_price, named or position.stop_price)
        else:
            stop = named
        side = position.side if position else _side_of(record)
        return Approval(
            record=record,
            question=question,
            at=self._bench.clock.now,
            stake=approved.stake_amount,
            leverage=approved.leverage,
            stop=stop,
            side=side,
            others=self._others(record.decision_id),
            account=self._account,
            day_start=self._day_start,
        )

    def _others(self, decision_id: str) -> tuple[Stake, ...]:
        held = tuple(
            Stake(item.pair, item.side, item.stake, item.leverage)
            for item in self._account.holdings.values()
        )
        version = self._bench.desk.world().account.version
        promised = tuple(
            Stake(item.pair, item.side, item.stake_amount, item.leverage)
            for item in self._bench.rooms.book.promised(version)
            if item.decision_id != decision_id and item.stake_amount > 0
        )
        return held + promised

    def _check_numbers(self, order: Order, booking: Booking | None) -> None:
        approval = self._approvals.get(order.decision_id)
        if approval is None or booking is None:
            self._note("I3", f"{order.tag} was sent without an approved verdict")
            return
        most = abs(approval.stake)
        if abs(order.stake) > most or order.leverage > approval.leverage:
            self._note("I3", f"{order.tag} was sent larger than it was approved")
        numbers = booking.leverage, booking.stake_amount
        if self._attempts.setdefault(order.decision_id, numbers) != numbers:
            self._note("I7", f"the retry of {order.decision_id} carries other numbers")

    def _check_holding(self, question: Question) -> None:
        position = question.position
        if position is None or self.halted or position.profit_ratio <= 0:
            return
        candle = question.valid_until - question.candle_at
        closes = -((position.opened_at - question.candle_at) // candle)
        wanted = self._risk.min_holding_candles
        self._hold(Measure("min_holding_candles", closes, wanted, floor=True))

    def _measure_equity(self, equity: float, now: datetime) -> None:
        if now.date() != self._day:
            self._day, self._day_start, self._day_peak = now.date(), equity, 0.0
        self._peak = max(self._peak, equity)
        self._day_peak = max(self._day_peak, equity)
        day_loss = self._risk.emergency_day_loss
        limits = [self._peak * (1 + self._risk.emergency_stop_loss)]
        limits += [] if day_loss is None else [self._day_peak * (1 + day_loss)]
        is_breach = any(equity <= limit * PEAK_SLACK for limit in limits)
        # Once it has tripped, only a resume lifts it.
        if self._breached < BREACHES_TO_TRIP:
            self._breached = self._breached + 1 if is_breach else 0

    def _hold(self, measure: Measure, *, invariant: str = "I1") -> None:
        self.checked[invariant] += 1
        if not measure.holds:
            self._note(invariant, f"{measure.limit} {measure.bound:g}: {measure.value:g}")
        known = self.worst.get(measure.limit)
        if known is None or _is_worse(measure, known):
            self.worst[measure.limit] = measure

    def _note(self, invariant: str, text: str) -> None:
        self.breaches.append(Breach(invariant, text))


def _is_worse(one: Measure, other: Measure) -> bool:
    if one.floor:
        return one.value - one.bound < other.value - other.bound
    return one.value - one.bound > other.value - other.bound


def _side_of(record: DecisionRecord) -> Side:
    return "short" if record.tool == "signal_entry_short" else "long"

"""What Freqtrade and its exchange do around the desk, step by step in Freqtrade's own order.

One loop: look at the account, ask, see to open orders, stops, exits, adjustments, entries. The
steps mirror the callbacks of LLMFunctionStrategy, which cannot run without Freqtrade.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from llm_modules.domain import AccountState, MarketRules
from llm_modules.engine.book import Booking
from llm_modules.engine.question import Question
from llm_modules.journal.records import DecisionRecord
from llm_modules.selftest.account import Holding, SimulatedAccount
from llm_modules.selftest.bench import Bench
from llm_modules.selftest.market import Bar
from llm_modules.selftest.orders import FILLED_PART, Fate, Order, Venue, fills_all

STOP_EXIT = "stop_loss"
LIQUIDATION_EXIT = "liquidation"
SLIPPAGE_RATIO = 0.0005

Rates = Mapping[str, float]


class Witness(Protocol):
    """Whoever watches that no promise is broken."""

    def looked(self, account: AccountState, now: datetime) -> None:
        """See the account that was just shown to the desk."""

    def judged(self, question: Question, record: DecisionRecord) -> None:
        """See a decision and what the gate made of it."""

    def ordered(self, order: Order, booking: Booking | None) -> None:
        """See an order that is about to be sent."""

    def filled(self, order: Order, at: datetime) -> None:
        """See an order that was carried out; its stop is in force."""

    def protected(self, holding: Holding, stop: float | None) -> None:
        """See the stop that the desk names for a holding."""

    def settled(self) -> None:
        """See the account after anything changed it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything the stand-in works with."""

    bench: Bench
    account: SimulatedAccount
    rules: Mapping[str, MarketRules]
    witness: Witness


class StandIn:
    """Plays Freqtrade's loop; `venue` says what becomes of each order."""

    def __init__(self, scene: Scene) -> None:
        self.bench = scene.bench
        self.account = scene.account
        self.venue: Venue = fills_all
        self.open_orders: dict[str, Order] = {}
        self._rules = scene.rules
        self._witness = scene.witness
        self._fills = 0

    def loop(self, now: datetime, rates: Rates) -> None:
        """Play one loop at these rates, without asking anything."""
        self.look(now, rates)
        self.act(now, rates)

    def look(self, now: datetime, rates: Rates, equity: float | None = None) -> None:
        """Show the desk the account; `equity` stands for one the exchange tells otherwise."""
        self.bench.clock.now = now
        account = self.account.state(rates)
        if equity is not None:
            account = replace(account, equity=equity)
        positions = self.account.positions(rates)
        self.bench.desk.observe(account, positions, frozenset(self.open_orders), now)
        self._witness.looked(account, now)

    def ask(self, question: Question) -> DecisionRecord:
        """Have a question decided about the world as it was just looked at."""
        question = replace(question, world=self.bench.desk.world())
        record = self.bench.ask(question)
        self._witness.judged(question, record)
        return record

    def act(self, now: datetime, rates: Rates) -> None:
        """Do what Freqtrade does after looking: open orders, stops, exits, additions, entries."""
        for order in tuple(self.open_orders.values()):
            self._see_to(order, now, rates)
        for pair in tuple(self.account.holdings):
            self._place_stop(pair)
            self._exit(pair, now, rates[pair])
        for pair in tuple(self.account.holdings):
            self._adjust(pair, now, rates[pair])
        for pair in rates:
            self._enter(pair, now, rates[pair])

    def play(self, bars: Mapping[str, Bar], at: datetime) -> None:
        """Let the market go through one candle: stops and liquidations happen inside it."""
        for pair in tuple(self.account.holdings):
            holding = self.account.holdings[pair]
            bar = bars[pair]
            self.account.holdings[pair] = holding.seen(bar.high, bar.low)
            end = forced_end(holding, bar)
            if end is not None:
                self.close(pair, *end, at)

    def close(self, pair: str, rate: float, reason: str, at: datetime) -> None:
        """Close a position for a reason that is not the model's, and take its orders back."""
        self._take_back(pair)
        self.bench.desk.closed(self.account.close(pair, rate, at, reason))
        self._witness.settled()

    def fill_while_away(self, pair: str, rate: float, at: datetime) -> None:
        """Fill an open order whose bot was down; Freqtrade finds it at the start."""
        self._fill(self.open_orders[pair], rate, at)

    # What becomes of orders

    def _send(self, order: Order, booking: Booking | None) -> None:
        self._witness.ordered(order, booking)
        self._settle_fate(order, self.venue(order), order.price, order.at)

    def _see_to(self, order: Order, now: datetime, rates: Rates) -> None:
        # check_entry_timeout: an unfilled order is taken back once trading is halted.
        halted = order.adds and self.bench.desk.world().account.halted
        fate = "cancelled" if halted else self.venue(order)
        self._settle_fate(order, fate, rates[order.pair], now)

    def _settle_fate(self, order: Order, fate: Fate, rate: float, now: datetime) -> None:
        self._take_back(order.pair)
        if fate == "open":
            self._keep(order)
        elif fate == "filled":
            self._fill(order, slipped(rate, order), now)
        elif fate == "partial":
            # An exit that is half done sells that half and stays a trade.
            held = self.account.holdings.get(order.pair)
            stake = -held.stake if held and order.kind == "exit" else order.stake
            part = replace(order, stake=stake * FILLED_PART)
            self._fill(part, slipped(rate, order), now)
        self._witness.settled()

    def _keep(self, order: Order) -> None:
        self.open_orders[order.pair] = order
        if order.adds:
            self.account.promised[order.pair] = order.stake
        if order.kind == "entry":
            self.account.pending_entries.add(order.pair)

    def _take_back(self, pair: str) -> None:
        self.open_orders.pop(pair, None)
        self.account.promised.pop(pair, None)
        self.account.pending_entries.discard(pair)

    def _fill(self, order: Order, rate: float, now: datetime) -> None:
        self._take_back(order.pair)
        if order.kind == "exit" and order.stake == 0:
            self.bench.desk.closed(self.account.close(order.pair, rate, now, order.tag))
            self._witness.settled()
            return
        holding = self._changed(order, rate, now)
        self._fills += 1
        order_id = f"order-{self._fills}"
        booking = self.bench.desk.settle(order.pair, order.tag, holding.trade_id, order_id)
        if booking is not None and booking.thesis is not None:
            holding = replace(holding, thesis=booking.thesis)
            self.account.holdings[order.pair] = holding
        self.bench.desk.filled(holding.position(rate), booking)
        self._place_stop(order.pair)
        self._witness.filled(order, now)

    def _changed(self, order: Order, rate: float, now: datetime) -> Holding:
        if order.kind == "entry":
            return self.account.enter(
                order.pair, order.side, order.leverage, order.stake, rate, now
            )
        if order.adds:
            return self.account.add(order.pair, order.stake, rate)
        return self.account.reduce(order.pair, -order.stake, rate)

    # What the callbacks do

    def _place_stop(self, pair: str) -> None:
        holding = self.account.holdings[pair]
        stop = self.bench.desk.stop_price(holding.trade_id)
        if stop is not None:
            self.account.protect(pair, stop)
        self._witness.protected(self.account.holdings[pair], stop)

    def _exit(self, pair: str, now: datetime, rate: float) -> None:
        holding = self.account.holdings[pair]
        desk = self.bench.desk
        booking = desk.exit_booking(pair, holding.trade_id, now)
        reason = desk.exit_reason(pair, holding.trade_id, now) or desk.crossed_stop(
            holding.trade_id, rate, holding.stop
        )
        if reason is not None:
            decided = booking.decision_id if booking and booking.tool == reason else ""
            order = _order(holding, "exit", reason, decided, now, rate)
            self._send(order, booking)

    def _adjust(self, pair: str, now: datetime, rate: float) -> None:
        holding = self.account.holdings.get(pair)
        if holding is None or pair in self.open_orders:
            return
        booking = self.bench.desk.adjustment(pair, holding.trade_id, rate, now)
        if booking is None:
            return
        stake = booking.stake_amount
        if stake > 0:
            stake = min(stake, max(0.0, self.account.free))
        # Of a reduction Freqtrade looks at the rest: it has to be large enough to be closed.
        judged = stake if stake > 0 else holding.stake + stake
        if self._is_large_enough(pair, judged, holding.leverage):
            order = _order(holding, "adjust", booking.tool, booking.decision_id, now, rate)
            self._send(replace(order, stake=stake), booking)

    def _enter(self, pair: str, now: datetime, rate: float) -> None:
        desk, rules = self.bench.desk, self._rules[pair]
        if pair in self.account.holdings or pair in self.open_orders:
            return
        # Freqtrade itself looks for a free slot first.
        if self.account.open_trades >= self.bench.risk.max_open_trades:
            return
        # Twice, as Freqtrade's callbacks do: a book that hands out only once must show.
        signal, wanted = desk.entry(pair, now), desk.entry(pair, now)
        if signal is None or wanted is None:
            return
        leverage = min(wanted.leverage, rules.max_leverage)
        stake = min(wanted.stake_amount, max(0.0, self.account.free))
        if not self._is_large_enough(pair, stake, leverage):
            return
        if not desk.confirm_entry(pair, signal.side, rate, now):
            return
        order = Order(
            signal.decision_id, "entry", signal.tool, pair, signal.side, leverage, stake, None,
            now, rate,
        )  # fmt: skip
        self._send(order, wanted)

    def _is_large_enough(self, pair: str, stake: float, leverage: float) -> bool:
        return stake > 0 and stake * leverage >= self._rules[pair].min_notional


def forced_end(holding: Holding, bar: Bar) -> tuple[float, str] | None:
    """Return rate and reason when a candle ends a holding, with the gap over its stop if any."""
    worst = bar.low if holding.side == "long" else bar.high
    hurts = min if holding.side == "long" else max
    if hurts(bar.open, holding.liquidation_price) == bar.open:
        return bar.open, LIQUIDATION_EXIT
    if hurts(worst, holding.stop) != worst:
        return None
    # A candle that opens beyond the stop fills there: nobody traded in between.
    return hurts(bar.open, holding.stop) * (1 - holding.sign * SLIPPAGE_RATIO), STOP_EXIT


def slipped(rate: float, order: Order) -> float:
    """Return a rate made a little worse for the order."""
    buys = (order.side == "long") is order.adds
    return rate * (1 + SLIPPAGE_RATIO if buys else 1 - SLIPPAGE_RATIO)


def _order(
    holding: Holding, kind: str, tag: str, decision_id: str, now: datetime, rate: float
) -> Order:
    return Order(
        decision_id=decision_id,
        kind="exit" if kind == "exit" else "adjust",
        tag=tag,
        pair=holding.pair,
        side=holding.side,
        leverage=holding.leverage,
        stake=0.0,
        trade_id=holding.trade_id,
        at=now,
        price=rate,
    )

"""A simulated account in place of Freqtrade's database and the exchange's wallet.

Holdings are frozen facts; the account replaces them. Numbers follow Freqtrade: the stake is the
margin of what is held, profit counts the fees of both sides, a reduction realises its share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from llm_modules.domain import AccountState, ClosedTrade, OpenPosition, Side, Thesis

FEE_RATIO = 0.0005
# What the exchange keeps back of a position's value before it liquidates it.
MAINTENANCE_RATIO = 0.005
# The strategy's own `stoploss`: Freqtrade's stop before the first one of ours, of the margin.
LAST_RESORT_RATIO = 0.85
CURRENCY = "USDT"


@dataclass(frozen=True, slots=True)
class Holding:
    """One open trade as Freqtrade's database would hold it; `stop` is the one in force.

    `realised` is the profit of what was already sold, `largest_stake` the most that was held.
    """

    trade_id: int
    pair: str
    side: Side
    leverage: float
    opened_at: datetime
    open_rate: float
    amount: float
    stop: float
    best_rate: float
    worst_rate: float
    largest_stake: float
    thesis: Thesis | None = None
    entries: int = 1
    exits: int = 0
    realised: float = 0.0

    @property
    def sign(self) -> int:
        """1 for a long, -1 for a short."""
        return 1 if self.side == "long" else -1

    @property
    def stake(self) -> float:
        """The margin of what is held."""
        return self.amount * self.open_rate / self.leverage

    @property
    def liquidation_price(self) -> float:
        """Where the exchange closes an isolated position and keeps its margin."""
        return self.open_rate * (1 - self.sign * (1 / self.leverage - MAINTENANCE_RATIO))

    def profit(self, rate: float, amount: float | None = None) -> float:
        """Return the profit of selling at a rate, after the fees of both sides.

        An isolated position cannot lose more than its margin.
        """
        sold = self.amount if amount is None else amount
        fees = FEE_RATIO * sold * (rate + self.open_rate)
        margin = sold * self.open_rate / self.leverage
        return max(-margin, self.sign * (rate - self.open_rate) * sold - fees)

    def profit_ratio(self, rate: float) -> float:
        """Return the leveraged profit at a rate, as a ratio of the stake."""
        return self.profit(rate) / self.stake

    def seen(self, *rates: float) -> "Holding":
        """Return the holding after the market was at these rates."""
        high, low = max(rates), min(rates)
        best, worst = (high, low) if self.side == "long" else (low, high)
        further = max if self.side == "long" else min
        nearer = min if self.side == "long" else max
        return replace(
            self,
            best_rate=further(self.best_rate, best),
            worst_rate=nearer(self.worst_rate, worst),
        )

    def position(self, rate: float) -> OpenPosition:
        """Describe the holding at a rate as the bridge would."""
        best, worst = (rate, rate) if self.entries > 1 else (self.best_rate, self.worst_rate)
        return OpenPosition(
            trade_id=self.trade_id,
            pair=self.pair,
            side=self.side,
            opened_at=self.opened_at,
            open_rate=self.open_rate,
            stake_amount=self.stake,
            leverage=self.leverage,
            current_rate=rate,
            best_rate=self.best_rate,
            profit_ratio=self.profit_ratio(rate),
            mfe_ratio=self.profit_ratio(best),
            mae_ratio=self.profit_ratio(worst),
            stop_price=self.stop,
            liquidation_price=self.liquidation_price,
            entries=self.entries,
            adjustments=self.entries + self.exits - 1,
            thesis=self.thesis,
        )


class SimulatedAccount:
    """Money and holdings; `promised` is the margin of orders that are out and not filled."""

    def __init__(self, money: float) -> None:
        self.wallet = money
        self.holdings: dict[str, Holding] = {}
        self.promised: dict[str, float] = {}
        self.pending_entries: set[str] = set()
        self.closes: list[ClosedTrade] = []
        self._trades = 0

    @property
    def used_stake(self) -> float:
        """Margin of everything held."""
        return sum(holding.stake for holding in self.holdings.values())

    @property
    def free(self) -> float:
        """What is neither held nor set aside for an order."""
        return self.wallet - self.used_stake - sum(self.promised.values())

    @property
    def open_trades(self) -> int:
        """Positions, and entries whose order is out: each takes a slot of Freqtrade's."""
        return len(self.holdings) + len(self.pending_entries)

    def equity(self, rates: Mapping[str, float]) -> float:
        """Return the wallet plus the open profit of every holding."""
        holdings = self.holdings.values()
        return self.wallet + sum(holding.profit(rates[holding.pair]) for holding in holdings)

    def state(self, rates: Mapping[str, float]) -> AccountState:
        """Describe the account as the bridge would; the desk fills in what it knows better."""
        return AccountState(
            version=0,
            stake_currency=CURRENCY,
            equity=self.equity(rates),
            free=max(0.0, self.free),
            used_stake=self.used_stake + sum(self.promised.values()),
            open_trades=self.open_trades,
            peak_equity=0.0,
            day_start_equity=0.0,
            halted=True,
        )

    def positions(self, rates: Mapping[str, float]) -> tuple[OpenPosition, ...]:
        """Describe every holding."""
        holdings = self.holdings.values()
        return tuple(holding.position(rates[holding.pair]) for holding in holdings)

    def enter(
        self, pair: str, side: Side, leverage: float, stake: float, rate: float, at: datetime
    ) -> Holding:
        """Open a position worth `stake` x `leverage` at a rate."""
        self._trades += 1
        sign = 1 if side == "long" else -1
        holding = Holding(
            trade_id=self._trades,
            pair=pair,
            side=side,
            leverage=leverage,
            opened_at=at,
            open_rate=rate,
            amount=stake * leverage / rate,
            stop=rate * (1 - sign * LAST_RESORT_RATIO / leverage),
            best_rate=rate,
            worst_rate=rate,
            largest_stake=stake,
        )
        self.holdings[pair] = holding
        return holding

    def add(self, pair: str, stake: float, rate: float) -> Holding:
        """Add to a position; the average of both prices becomes its open rate."""
        old = self.holdings[pair]
        more = stake * old.leverage / rate
        amount = old.amount + more
        average = (old.amount * old.open_rate + more * rate) / amount
        new = replace(old, amount=amount, open_rate=average, entries=old.entries + 1)
        self.holdings[pair] = replace(new, largest_stake=max(old.largest_stake, new.stake))
        return self.holdings[pair]

    def reduce(self, pair: str, stake: float, rate: float) -> Holding:
        """Sell a part worth `stake` of margin and take its profit or loss."""
        old = self.holdings[pair]
        sold = old.amount * min(1.0, stake / old.stake)
        gained = old.profit(rate, sold)
        self.wallet += gained
        self.holdings[pair] = replace(
            old,
            amount=old.amount - sold,
            exits=old.exits + 1,
            realised=old.realised + gained,
        )
        return self.holdings[pair]

    def close(self, pair: str, rate: float, at: datetime, reason: str) -> ClosedTrade:
        """Close a position at a rate and return the whole trade."""
        holding = self.holdings.pop(pair)
        gained = holding.profit(rate)
        self.wallet += gained
        trade = _closed(holding, rate, gained + holding.realised, at, reason)
        self.closes.append(trade)
        return trade

    def protect(self, pair: str, stop: float) -> None:
        """Move the stop in force; like Freqtrade, never away from the price."""
        holding = self.holdings[pair]
        # Not the gate's own function: what is tested may not test itself.
        nearer = max if holding.side == "long" else min
        self.holdings[pair] = replace(holding, stop=nearer(holding.stop, stop))


def _closed(holding: Holding, rate: float, profit: float, at: datetime, reason: str) -> ClosedTrade:
    position = holding.position(rate)
    return ClosedTrade(
        trade_id=holding.trade_id,
        pair=holding.pair,
        side=holding.side,
        leverage=holding.leverage,
        stake_amount=holding.largest_stake,
        opened_at=holding.opened_at,
        closed_at=at,
        open_rate=holding.open_rate,
        close_rate=rate,
        profit_abs=profit,
        profit_ratio=profit / holding.largest_stake,
        funding_fees=0.0,
        mfe_ratio=position.mfe_ratio,
        mae_ratio=position.mae_ratio,
        stop_price=holding.stop,
        liquidation_price=holding.liquidation_price,
        exit_reason=reason,
        entries=holding.entries,
        exits=holding.exits + 1,
        thesis=holding.thesis,
        exit_decision_id=None,
        model_score=None,
        exit_reflection=None,
    )

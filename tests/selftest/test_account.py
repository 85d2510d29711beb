"""The simulated account keeps the books that Freqtrade and an exchange would keep."""

from datetime import timedelta

import pytest

from builders import NOON, PAIR
from llm_modules.domain import Side
from llm_modules.selftest.account import FEE_RATIO, SimulatedAccount

LATER = NOON + timedelta(minutes=5)


def an_account_in(side: Side = "long", stake: float = 100.0) -> SimulatedAccount:
    account = SimulatedAccount(1000.0)
    account.enter(PAIR, side, 5.0, stake, 100.0, NOON)
    return account


@pytest.mark.parametrize(("side", "rate", "gained"), [("long", 104.0, 20.0), ("short", 96.0, 20.0)])
def test_profit_is_that_of_the_whole_value_less_both_fees(
    side: Side, rate: float, gained: float
) -> None:
    holding = an_account_in(side).holdings[PAIR]
    assert (holding.amount, holding.stake) == (5.0, 100.0)
    fees = FEE_RATIO * 5 * (100 + rate)
    assert holding.profit(rate) == pytest.approx(gained - fees)
    assert holding.profit_ratio(rate) == pytest.approx((gained - fees) / 100)


@pytest.mark.parametrize(("side", "rate"), [("long", 1.0), ("short", 1000.0)])
def test_an_isolated_position_loses_its_margin_and_no_more(side: Side, rate: float) -> None:
    account = an_account_in(side)
    trade = account.close(PAIR, rate, LATER, "liquidation")
    assert trade.profit_abs == -100.0
    assert (account.wallet, account.free, account.open_trades) == (900.0, 900.0, 0)


@pytest.mark.parametrize(("side", "price", "last"), [("long", 80.5, 83.0), ("short", 119.5, 117.0)])
def test_liquidation_and_the_last_resort_lie_on_the_losing_side(
    side: Side, price: float, last: float
) -> None:
    holding = an_account_in(side).holdings[PAIR]
    assert holding.liquidation_price == pytest.approx(price)
    assert holding.stop == pytest.approx(last)


def test_equity_is_the_wallet_and_what_is_open() -> None:
    account = an_account_in()
    open_profit = account.holdings[PAIR].profit(110.0)
    assert account.equity({PAIR: 110.0}) == pytest.approx(1000 + open_profit)
    state = account.state({PAIR: 110.0})
    assert (state.free, state.used_stake, state.open_trades) == (900.0, 100.0, 1)
    # Only the desk may say that it is not halted.
    assert (state.version, state.halted) == (0, True)


def test_an_order_that_is_out_sets_its_stake_and_a_slot_aside() -> None:
    account = an_account_in()
    account.promised["ETH/USDT:USDT"] = 950.0
    account.pending_entries.add("ETH/USDT:USDT")
    assert (account.free, account.open_trades) == (-50.0, 2)
    # The exchange would not tell of less than nothing.
    assert account.state({PAIR: 100.0}).free == 0.0


def test_an_addition_averages_the_price() -> None:
    account = an_account_in()
    holding = account.add(PAIR, 110.0, 110.0)
    assert holding.amount == pytest.approx(10.0)
    assert holding.open_rate == pytest.approx(105.0)
    assert holding.stake == pytest.approx(210.0)
    assert (holding.entries, holding.largest_stake) == (2, pytest.approx(210.0))
    # The extremes of the old average say nothing about the new one.
    assert holding.seen(200.0, 50.0).position(105.0).mfe_ratio == holding.profit_ratio(105.0)


def test_a_reduction_takes_its_share_of_the_profit() -> None:
    account = an_account_in()
    whole = account.holdings[PAIR].profit(110.0)
    holding = account.reduce(PAIR, 25.0, 110.0)
    assert holding.stake == pytest.approx(75.0)
    assert account.wallet == pytest.approx(1000 + whole / 4)
    trade = account.close(PAIR, 110.0, LATER, "signal_exit")
    assert account.wallet == pytest.approx(1000 + whole)
    assert trade.profit_abs == pytest.approx(whole)
    assert trade.profit_ratio == pytest.approx(whole / 100)
    assert (trade.stake_amount, trade.entries, trade.exits) == (100.0, 1, 2)
    assert account.closes == [trade]


@pytest.mark.parametrize(
    ("side", "looser", "nearer"), [("long", 50.0, 95.0), ("short", 150.0, 105.0)]
)
def test_a_stop_in_force_moves_towards_the_price_only(
    side: Side, looser: float, nearer: float
) -> None:
    account = an_account_in(side)
    first = account.holdings[PAIR].stop
    account.protect(PAIR, looser)
    assert account.holdings[PAIR].stop == first
    account.protect(PAIR, nearer)
    assert account.holdings[PAIR].stop == nearer


@pytest.mark.parametrize(("side", "best", "worst"), [("long", 110.0, 90.0), ("short", 90.0, 110.0)])
def test_a_holding_remembers_its_best_and_worst_rate(side: Side, best: float, worst: float) -> None:
    holding = an_account_in(side).holdings[PAIR].seen(110.0, 90.0).seen(101.0, 99.0)
    assert (holding.best_rate, holding.worst_rate) == (best, worst)
    position = holding.position(100.0)
    assert position.best_rate == best
    assert position.mfe_ratio == pytest.approx(holding.profit_ratio(best))
    assert position.mae_ratio == pytest.approx(holding.profit_ratio(worst))
    assert (position.trade_id, position.adjustments, position.thesis) == (1, 0, None)


def test_each_trade_has_a_number_of_its_own() -> None:
    account = an_account_in()
    account.close(PAIR, 100.0, LATER, "signal_exit")
    assert account.enter(PAIR, "short", 2.0, 50.0, 100.0, LATER).trade_id == 2
    assert [position.side for position in account.positions({PAIR: 100.0})] == ["short"]

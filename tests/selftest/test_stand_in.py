"""The stand-in does with the desk what Freqtrade and the strategy's callbacks do."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builders import NOON
from llm_modules.domain import Side
from llm_modules.selftest.account import Holding
from llm_modules.selftest.bench import Parts
from llm_modules.selftest.cases_orders import Script
from llm_modules.selftest.market import Bar
from llm_modules.selftest.orders import Order, fills_all
from llm_modules.selftest.stage import PAIR, Stage, with_minimum
from llm_modules.selftest.stand_in import SLIPPAGE_RATIO, forced_end, slipped
from shipped import shipped_config


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(shipped_config(), tmp_path, Parts())
    yield stage
    stage.close()


def a_holding(side: Side = "long", stop: float = 95.0) -> Holding:
    return Holding(1, PAIR, side, 5.0, NOON, 100.0, 5.0, stop, 100.0, 100.0, 100.0)


def an_order(side: Side, stake: float) -> Order:
    return Order("d-1", "adjust", "adjust_position", PAIR, side, 5.0, stake, 1, NOON, 100.0)


@pytest.mark.parametrize(
    ("low", "end"),
    [
        (95.01, None),
        (95.0, (95 * (1 - SLIPPAGE_RATIO), "stop_loss")),
        (90.0, (95 * (1 - SLIPPAGE_RATIO), "stop_loss")),
    ],
)
def test_a_stop_is_filled_where_it_lies_a_little_worse(
    low: float, end: tuple[float, str] | None
) -> None:
    assert forced_end(a_holding(), Bar(99.0, 101.0, low, 98.0)) == end


def test_a_candle_that_opens_beyond_a_stop_fills_there() -> None:
    rate, reason = forced_end(a_holding(), Bar(90.0, 91.0, 89.0, 90.0)) or (0.0, "")
    assert (rate, reason) == (pytest.approx(90 * (1 - SLIPPAGE_RATIO)), "stop_loss")
    rate, reason = forced_end(a_holding("short", 105.0), Bar(108.0, 109.0, 107.0, 108.0)) or (0, "")
    assert (rate, reason) == (pytest.approx(108 * (1 + SLIPPAGE_RATIO)), "stop_loss")


@pytest.mark.parametrize(
    ("side", "opened", "reason"),
    [
        ("long", 80.51, "stop_loss"),
        ("long", 80.5, "liquidation"),
        ("short", 119.49, "stop_loss"),
        ("short", 119.5, "liquidation"),
    ],
)
def test_a_candle_that_opens_beyond_liquidation_leaves_nothing(
    side: Side, opened: float, reason: str
) -> None:
    holding = a_holding(side, 95.0 if side == "long" else 105.0)
    end = forced_end(holding, Bar(opened, opened, opened, opened))
    assert end is not None
    assert end[1] == reason


@pytest.mark.parametrize(
    ("side", "stake", "worse"),
    [("long", 1.0, 1), ("long", -1.0, -1), ("short", 1.0, -1), ("short", -1.0, 1)],
)
def test_slippage_is_always_against_the_order(side: Side, stake: float, worse: int) -> None:
    rate = slipped(100.0, an_order(side, stake))
    assert rate == pytest.approx(100 * (1 + worse * SLIPPAGE_RATIO))


def test_an_exchange_on_which_nothing_goes_wrong() -> None:
    assert fills_all(an_order("long", 1.0)) == "filled"


def test_an_entry_that_is_out_takes_a_slot_and_its_stake(stage: Stage) -> None:
    stage.loop.venue = Script("open", "open", "cancelled")
    record = stage.booked_entry()
    stage.act()
    assert record.approved is not None
    assert stage.account.promised == {PAIR: record.approved.stake_amount}
    assert stage.account.pending_entries == {PAIR}
    # Nothing else is asked of a pair whose order is out.
    stage.act()
    assert stage.account.promised == {PAIR: record.approved.stake_amount}
    stage.act()
    assert stage.holding is None


def test_an_addition_that_is_out_takes_its_stake_but_no_slot(stage: Stage) -> None:
    stage.enter()
    stage.next_candle()
    stage.loop.venue = Script("open")
    record = stage.say("adjust_position", adjustment_pct=50)
    stage.act()
    assert record.approved is not None
    assert stage.account.promised == {PAIR: record.approved.stake_amount}
    assert stage.account.pending_entries == set()
    stage.act()
    assert len(stage.loop.open_orders) == 1


def test_a_reduction_that_is_out_sets_nothing_aside(stage: Stage) -> None:
    stage.enter()
    stage.next_candle()
    stage.loop.venue = Script("open")
    stage.say("adjust_position", adjustment_pct=-50)
    stage.act()
    assert stage.account.promised == {}
    assert len(stage.loop.open_orders) == 1


def test_freqtrade_ignores_a_reduction_to_a_rest_nobody_can_close(stage: Stage) -> None:
    holding = stage.enter()
    stage.next_candle()
    stage.say("adjust_position", adjustment_pct=-60)
    # What is sold would be enough, what is left would not.
    stage.rules[PAIR] = with_minimum(holding.stake * holding.leverage / 2)
    stage.act()
    assert stage.holding is not None
    assert stage.holding.stake == holding.stake


def test_freqtrade_makes_no_order_below_the_minimum(stage: Stage) -> None:
    stage.booked_entry()
    stage.rules[PAIR] = with_minimum(1e9)
    stage.act()
    assert stage.inspector.orders == 0


def test_freqtrade_opens_nothing_without_a_free_slot(stage: Stage) -> None:
    stage.booked_entry()
    stage.account.pending_entries |= {"A", "B", "C", "D"}
    stage.act()
    assert stage.inspector.orders == 0


def test_an_entry_whose_price_left_its_band_is_not_sent(stage: Stage) -> None:
    stage.booked_entry()
    stage.price *= 1.5
    stage.act()
    assert stage.inspector.orders == 0


def test_a_stop_closes_the_position_and_takes_its_orders_back(stage: Stage) -> None:
    stage.enter()
    stage.next_candle()
    stage.loop.venue = Script("open")
    stage.say("adjust_position", adjustment_pct=50)
    stage.act()
    stage.loop.play({PAIR: Bar(90.0, 90.0, 90.0, 90.0)}, stage.now)
    assert (stage.holding, stage.loop.open_orders, stage.account.promised) == (None, {}, {})
    assert stage.account.closes[-1].exit_reason == "stop_loss"


def test_a_calm_candle_ends_nothing_and_is_remembered(stage: Stage) -> None:
    stage.enter()
    stage.loop.play({PAIR: Bar(100.0, 100.3, 99.9, 100.1)}, stage.now)
    assert stage.holding is not None
    assert stage.holding.best_rate == 100.3


def test_a_crossed_stop_is_closed_at_market(stage: Stage) -> None:
    holding = stage.enter()
    stage.next_candle()
    stage.price = holding.stop * 0.999
    stage.account.holdings[PAIR] = replace(holding, stop=holding.stop * 0.98)
    # Freqtrade could not place it: the loop sees the price beyond the stop that should be there.
    reason = stage.bench.desk.crossed_stop(holding.trade_id, stage.price, holding.stop * 0.98)
    assert reason == "stop_crossed"


def test_the_order_that_was_filled_while_away_is_found(stage: Stage) -> None:
    stage.loop.venue = Script("open")
    stage.booked_entry()
    stage.act()
    stage.loop.fill_while_away(PAIR, 100.0, stage.now)
    assert stage.holding is not None
    assert stage.loop.open_orders == {}
    assert stage.account.pending_entries == set()

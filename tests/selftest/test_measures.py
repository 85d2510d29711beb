"""Each limit is measured on its own: at it, a little below, a little above."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from builders import NOON, PAIR, a_closed_trade, a_decision_record, a_position, a_question, a_world
from llm_modules.config import RiskConfig
from llm_modules.domain import LeverageTier, MarketRules
from llm_modules.market.returns import Returns
from llm_modules.selftest.account import SimulatedAccount
from llm_modules.selftest.measures import (
    Approval,
    Measure,
    Stake,
    at_approval,
    openings_within_an_hour,
    percent_of_equity,
)
from shipped import shipped_config

OTHER = "ETH/USDT:USDT"


def an_approval(**changes: Any) -> Approval:
    account = SimulatedAccount(1000.0)
    record = a_decision_record(
        tool="signal_entry_long", call={"confidence_score": 70.0}, facts={"price": 100.0}
    )
    approval = Approval(
        record=record,
        question=replace(a_question(), world=a_world(equity=1000.0)),
        at=NOON,
        stake=100.0,
        leverage=5.0,
        stop=96.0,
        side="long",
        others=(),
        account=account,
        day_start=1000.0,
    )
    return replace(approval, **changes)


def measured(approval: Approval, limit: str, **limits: Any) -> list[Measure]:
    risk: RiskConfig = shipped_config(**limits).risk_management
    return [measure for measure in at_approval(approval, risk) if measure.limit == limit]


def value(approval: Approval, limit: str, **limits: Any) -> float:
    (measure,) = measured(approval, limit, **limits)
    return measure.value


@pytest.mark.parametrize(
    ("value", "floor", "holds"),
    [
        (9.99, False, True),
        (10.0, False, True),
        (10.01, False, False),
        (9.99, True, False),
        (10.0, True, True),
        (10.01, True, True),
        (float("nan"), False, False),
        (float("nan"), True, False),
    ],
)
def test_a_limit_holds_up_to_it_and_a_floor_down_to_it(
    value: float, floor: bool, holds: bool
) -> None:
    assert Measure("limit", value, 10.0, floor).holds is holds


def test_without_equity_any_amount_is_too_much() -> None:
    assert percent_of_equity(50.0, 1000.0) == 5.0
    assert percent_of_equity(50.0, 0.0) == float("inf")


def test_a_position_is_what_is_held_and_what_is_added() -> None:
    others = (Stake(PAIR, "long", 50.0, 5.0), Stake(OTHER, "long", 70.0, 2.0))
    approval = an_approval(others=others)
    assert value(approval, "max_position_pct") == pytest.approx(15.0)
    # 150 x 5 x 4 % of 1000.
    assert value(approval, "risk_per_trade_pct") == pytest.approx(3.0)
    assert value(approval, "max_total_stake_pct") == pytest.approx(22.0)
    assert value(approval, "max_total_notional_pct") == pytest.approx(89.0)


def test_the_risk_of_a_short_is_measured_upwards_and_none_without_a_stop_is_endless() -> None:
    short = an_approval(side="short", stop=104.0)
    assert value(short, "risk_per_trade_pct") == pytest.approx(2.0)
    assert value(an_approval(stop=None), "risk_per_trade_pct") == float("inf")


def test_the_risk_of_an_addition_is_measured_from_the_current_price() -> None:
    position = a_position(current_rate=120.0)
    question = replace(a_question(), world=a_world(position, equity=1000.0))
    record = a_decision_record(tool="adjust_position", call={"confidence_score": 70.0})
    approval = an_approval(question=question, record=record)
    assert value(approval, "risk_per_trade_pct") == pytest.approx(10.0)
    assert not approval.is_entry


def returns(*values: float) -> Returns:
    wave = np.array(values * 20)
    return Returns(np.arange(len(wave), dtype=np.int64), wave)


@pytest.mark.parametrize(
    ("side", "theirs", "one_bet"),
    [
        ("long", returns(0.01, -0.02, 0.03), True),
        ("short", returns(0.01, -0.02, 0.03), False),
        ("long", returns(-0.01, 0.02, -0.03), False),
        ("short", returns(-0.01, 0.02, -0.03), True),
        ("long", returns(0.0, 0.0, 0.0), True),
        ("long", None, True),
    ],
)
def test_pairs_that_move_together_or_that_nobody_knows_are_one_bet(
    side: Any, theirs: Returns | None, one_bet: bool
) -> None:
    known = {PAIR: returns(0.01, -0.02, 0.03)} | ({OTHER: theirs} if theirs else {})
    question = replace(a_question(), world=a_world(equity=1000.0), returns=known)
    approval = an_approval(question=question, others=(Stake(OTHER, side, 200.0, 1.0),))
    assert value(approval, "max_correlated_pct") == pytest.approx(30.0 if one_bet else 10.0)


def test_what_the_pair_itself_holds_is_the_same_bet() -> None:
    approval = an_approval(others=(Stake(PAIR, "long", 200.0, 1.0),))
    assert value(approval, "max_correlated_pct") == pytest.approx(30.0)


def test_leverage_is_held_to_the_limit_the_market_and_the_fixed_one() -> None:
    tiers = (LeverageTier(499.0, 50.0, 0.01), LeverageTier(1e9, 4.0, 0.05))
    rules = MarketRules(0.1, 5.0, 75.0, tiers)
    question = replace(a_question(), world=a_world(equity=1000.0), rules=rules)
    (large,) = measured(an_approval(question=question), "the market's leverage")
    (small,) = measured(an_approval(question=question, stake=99.0), "the market's leverage")
    (untold,) = measured(an_approval(), "the market's leverage")
    assert (large.bound, small.bound, untold.bound) == (4.0, 50.0, 125.0)
    assert value(an_approval(), "max_leverage") == 5.0
    assert measured(an_approval(), "default_leverage") == []
    fixed = {"allow_model_freedom": False, "default_leverage": 3}
    (measure,) = measured(an_approval(), "default_leverage", **fixed)
    assert (measure.bound, measure.holds) == (3.0, False)


def test_confidence_is_a_floor() -> None:
    (measure,) = measured(an_approval(), "min_confidence", min_confidence=71)
    assert (measure.value, measure.holds) == (70.0, False)


def test_the_day_is_measured_from_its_first_equity() -> None:
    assert value(an_approval(day_start=1250.0), "daily_loss_limit_pct") == pytest.approx(20.0)
    assert value(an_approval(day_start=0.0), "daily_loss_limit_pct") == float("inf")


def closes(*profits: float, until: datetime = NOON) -> SimulatedAccount:
    account = SimulatedAccount(1000.0)
    count = len(profits)
    for number, profit in enumerate(profits):
        at = until - timedelta(minutes=30 * (count - number))
        account.closes.append(a_closed_trade(profit_ratio=profit, closed_at=at))
    return account


def test_losses_in_a_row_are_counted_back_to_the_last_win() -> None:
    account = closes(-0.1, 0.1, -0.1, -0.1)
    assert value(an_approval(account=account), "max_loss_streak") == 2
    assert value(an_approval(account=closes(-0.1, 0.0)), "max_loss_streak") == 0
    assert value(an_approval(), "max_loss_streak") == 0


def test_a_full_streak_is_followed_by_its_pause() -> None:
    approval = an_approval(account=closes(-0.1, -0.1))
    limits = {"max_loss_streak": 2, "loss_streak_pause_candles": 2}
    (measure,) = measured(approval, "loss_streak_pause_candles", **limits)
    # One candle of 30 minutes has passed.
    assert (measure.value, measure.bound, measure.holds) == (1.0, 2, False)
    assert measured(approval, "max_loss_streak", **limits) == []


def test_a_pair_rests_after_its_own_loss_only() -> None:
    approval = an_approval(account=closes(-0.1))
    (measure,) = measured(approval, "cooldown_candles_after_loss")
    assert (measure.value, measure.holds) == (1.0, False)
    assert measured(an_approval(account=closes(0.1)), "cooldown_candles_after_loss") == []
    foreign = closes(-0.1)
    foreign.closes[0] = replace(foreign.closes[0], pair=OTHER)
    assert measured(an_approval(account=foreign), "cooldown_candles_after_loss") == []
    added = replace(
        approval, record=a_decision_record(tool="adjust_position", call={"confidence_score": 1.0})
    )
    assert measured(added, "cooldown_candles_after_loss") == []


@pytest.mark.parametrize(
    ("hours", "closed"),
    [
        ("12:00-13:00", 0.0),
        ("11:00-12:00", 1.0),
        ("22:00-12:01", 0.0),
        ("22:00-12:00", 1.0),
        ("12:00-02:00", 0.0),
    ],
)
def test_entries_are_made_within_the_hours(hours: str, closed: float) -> None:
    assert value(an_approval(), "trading_hours_utc", trading_hours_utc=hours) == closed


def test_additions_know_no_hours() -> None:
    record = a_decision_record(tool="adjust_position", call={"confidence_score": 70.0})
    approval = an_approval(record=record)
    assert measured(approval, "trading_hours_utc", trading_hours_utc="01:00-02:00") == []


def test_openings_of_the_last_hour_are_counted_with_the_newest() -> None:
    minutes = (0, 59, 60, 61, -1)
    openings = [NOON - timedelta(minutes=minute) for minute in minutes]
    assert openings_within_an_hour(openings, NOON) == 2

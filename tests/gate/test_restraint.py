"""Restraint after losses and against haste, with candles of 30 minutes."""

import math
from datetime import datetime, timedelta
from typing import Any

import pytest

from builders import NOON, PAIR, a_gate_state, a_position, a_promise, a_risk, an_account
from judging import codes, judge, only_reason
from llm_modules.domain import Conduct, Habit
from llm_modules.gate.verdict import GateState, Refusal

MINUTE = timedelta(minutes=1)
CANDLE = 30 * MINUTE
GROWING = ["signal_entry_long", "signal_entry_short", "adjust_position"]
SERIOUS = Habit("FLIP_FLOP", serious=True, text="4 sides in 5 decisions")
HARMLESS = Habit("REPEATS", serious=False, text="the same reason 3 times")


def after(tool: str = "signal_entry_long", **changes: Any) -> GateState:
    """Noon sharp, in the state in which the tool is legal."""
    position = a_position() if tool == "adjust_position" else None
    return a_gate_state(**({"now": NOON, "position": position} | changes))


# Cooldown


@pytest.mark.parametrize(
    ("candles", "lost", "rests"),
    [
        (2, 59 * MINUTE, True),
        (2, 60 * MINUTE, False),
        (2, 61 * MINUTE, False),
        (1, 30 * MINUTE, False),
        (1, 29 * MINUTE, True),
        (0, timedelta(0), False),
        (2, -5 * MINUTE, True),
    ],
)
def test_a_pair_rests_after_a_loss(candles: int, lost: timedelta, *, rests: bool) -> None:
    conduct = Conduct(last_losses={PAIR: NOON - lost})
    risk = a_risk(cooldown_candles_after_loss=candles)
    verdict = judge("signal_entry_long", after(conduct=conduct), risk)
    assert codes(verdict) == (["COOLDOWN"] if rests else [])


def test_the_loss_of_another_pair_is_no_reason_to_rest() -> None:
    conduct = Conduct(last_losses={"ETH/USDT:USDT": NOON})
    assert judge("signal_entry_long", after(conduct=conduct)).reasons == ()


def test_a_position_in_hand_does_not_rest() -> None:
    state = after("adjust_position", conduct=Conduct(last_losses={PAIR: NOON}))
    assert judge("adjust_position", state).reasons == ()


# Loss streak


@pytest.mark.parametrize("tool", GROWING)
@pytest.mark.parametrize(
    ("streak", "ago", "pauses"),
    [
        (4, MINUTE, False),
        (5, MINUTE, True),
        (6, MINUTE, True),
        (5, 12 * CANDLE - MINUTE, True),
        (5, 12 * CANDLE, False),
        (5, 13 * CANDLE, False),
    ],
)
def test_a_streak_of_losses_is_followed_by_a_pause(
    tool: str, streak: int, ago: timedelta, *, pauses: bool
) -> None:
    conduct = Conduct(loss_streak=streak, last_loss_at=NOON - ago)
    verdict = judge(tool, after(tool, conduct=conduct))
    assert codes(verdict) == (["LOSS_STREAK"] if pauses else [])


@pytest.mark.parametrize(
    ("longest", "pause", "pauses"),
    [(2, 12, True), (3, 12, True), (4, 12, False), (3, 3, True), (3, 2, False), (3, 0, False)],
)
def test_the_streak_and_its_pause_are_configured(longest: int, pause: int, *, pauses: bool) -> None:
    conduct = Conduct(loss_streak=3, last_loss_at=NOON - 2 * CANDLE)
    risk = a_risk(max_loss_streak=longest, loss_streak_pause_candles=pause)
    verdict = judge("signal_entry_long", after(conduct=conduct), risk)
    assert codes(verdict) == (["LOSS_STREAK"] if pauses else [])


def test_a_streak_without_a_last_loss_does_not_end() -> None:
    assert codes(judge("signal_entry_long", after(conduct=Conduct(loss_streak=5)))) == [
        "LOSS_STREAK"
    ]


# The day's loss


@pytest.mark.parametrize("tool", GROWING)
@pytest.mark.parametrize(
    ("equity", "is_lost"), [(1100, False), (941, False), (940.1, False), (940, True), (939, True)]
)
def test_a_lost_day_ends_new_exposure(tool: str, equity: float, *, is_lost: bool) -> None:
    state = after(tool, account=an_account(equity=float(equity)))
    assert codes(judge(tool, state)) == (["DAILY_LOSS"] if is_lost else [])


@pytest.mark.parametrize(("limit", "is_lost"), [(5.9, True), (6.0, True), (6.1, False)])
def test_the_limit_of_a_day_is_configured(limit: float, *, is_lost: bool) -> None:
    state = after(account=an_account(equity=940.0))
    verdict = judge("signal_entry_long", state, a_risk(daily_loss_limit_pct=limit))
    assert codes(verdict) == (["DAILY_LOSS"] if is_lost else [])


def test_a_small_account_has_a_day_too() -> None:
    account = an_account(equity=0.5, day_start_equity=0.5)
    assert "DAILY_LOSS" not in codes(judge("signal_entry_long", after(account=account)))


@pytest.mark.parametrize("start", [0.0, -1.0, math.nan, math.inf])
def test_a_day_whose_start_is_unknown_counts_as_lost(start: float) -> None:
    state = after(account=an_account(day_start_equity=start))
    assert codes(judge("signal_entry_long", state)) == ["DAILY_LOSS"]


# Entries an hour


@pytest.mark.parametrize(("count", "refused"), [(10, False), (11, False), (12, True), (13, True)])
def test_an_hour_brings_so_many_entries(count: int, *, refused: bool) -> None:
    conduct = Conduct(entries=(NOON - 30 * MINUTE,) * count)
    verdict = judge("signal_entry_long", after(conduct=conduct))
    assert codes(verdict) == (["ENTRY_RATE"] if refused else [])


@pytest.mark.parametrize(("limit", "refused"), [(3, True), (4, True), (5, False)])
def test_promised_entries_count_towards_a_configured_rate(limit: int, *, refused: bool) -> None:
    conduct = Conduct(entries=(NOON - MINUTE,) * 3)
    promises = (a_promise(stake_amount=10.0), a_promise(stake_amount=10.0, takes_slot=False))
    state = after(conduct=conduct, exposures=promises, account=an_account(open_trades=0))
    verdict = judge("signal_entry_long", state, a_risk(max_entries_per_hour=limit))
    assert codes(verdict) == (["ENTRY_RATE"] if refused else [])


@pytest.mark.parametrize(("ago", "counts"), [(59 * MINUTE, True), (60 * MINUTE, False)])
def test_an_entry_is_forgotten_after_an_hour(ago: timedelta, *, counts: bool) -> None:
    state = after(conduct=Conduct(entries=(NOON - ago,)))
    verdict = judge("signal_entry_long", state, a_risk(max_entries_per_hour=1))
    assert codes(verdict) == (["ENTRY_RATE"] if counts else [])


def test_additions_are_no_entries() -> None:
    state = after("adjust_position", conduct=Conduct(entries=(NOON,) * 50))
    assert judge("adjust_position", state).reasons == ()


# Holding


def closes_since(opened_at: datetime) -> int:
    """The closes a position has seen by noon, counted one by one."""
    return sum(opened_at < NOON - number * CANDLE for number in range(1, 100)) + (opened_at < NOON)


@pytest.mark.parametrize("minutes", [-5, 0, 1, 29, 30, 31, 59, 60, 61, 90, 120])
@pytest.mark.parametrize("least", [0, 1, 2, 3])
@pytest.mark.parametrize("changes", [{}, {"adjustment_pct": -50}])
def test_a_profit_is_kept_for_some_candle_closes(
    minutes: int, least: int, changes: dict[str, float]
) -> None:
    opened_at = NOON - minutes * MINUTE
    state = after(position=a_position(opened_at=opened_at, profit_ratio=0.02))
    tool = "adjust_position" if changes else "signal_exit"
    verdict = judge(tool, state, a_risk(min_holding_candles=least), **changes)
    # A close at the very moment of the opening is not one it was held through.
    floor = math.floor(minutes / 30) + 1 if minutes > 0 else 0
    assert codes(verdict) == (["MIN_HOLDING"] if floor < least else [])


@pytest.mark.parametrize("profit", [0.0, -0.01, -0.9, math.nan])
def test_a_loss_may_always_be_left(profit: float) -> None:
    state = after(position=a_position(opened_at=NOON, profit_ratio=profit))
    assert judge("signal_exit", state).status == "approved"
    assert judge("adjust_position", state, adjustment_pct=-50).status == "approved"


def test_a_halted_account_keeps_nobody_in() -> None:
    position = a_position(opened_at=NOON, profit_ratio=0.5)
    state = after(position=position, account=an_account(halted=True))
    assert judge("signal_exit", state).status == "approved"
    assert codes(judge("signal_exit", after(position=position))) == ["MIN_HOLDING"]


def test_a_candle_without_length_keeps_nobody_in() -> None:
    state = after(position=a_position(profit_ratio=0.5), valid_until=NOON)
    assert judge("signal_exit", state, a_risk(min_holding_candles=9)).status == "approved"


def test_holding_time_is_no_matter_of_additions() -> None:
    state = after(position=a_position(opened_at=NOON))
    assert judge("adjust_position", state).status == "approved"
    assert judge("signal_hold", state).status == "approved"


# Habits


@pytest.mark.parametrize("tool", GROWING)
@pytest.mark.parametrize(
    ("habits", "gate", "refused"),
    [
        ((), True, False),
        ((HARMLESS,), True, False),
        ((SERIOUS,), True, True),
        ((HARMLESS, SERIOUS), True, True),
        ((SERIOUS,), False, False),
    ],
)
def test_a_serious_habit_refuses_new_exposure(
    tool: str, habits: tuple[Habit, ...], *, gate: bool, refused: bool
) -> None:
    verdict = judge(tool, after(tool, habits=habits), a_risk(quality_gate=gate))
    assert codes(verdict) == (["HABIT"] if refused else [])


def test_the_refusal_names_every_serious_habit_and_no_other() -> None:
    other = Habit("OVERTRADING", serious=True, text="20 entries a day")
    verdict = judge("signal_entry_long", after(habits=(SERIOUS, HARMLESS, other)))
    assert only_reason(verdict) == Refusal("HABIT", "4 sides in 5 decisions; 20 entries a day")


def test_nobody_is_kept_in_by_a_habit_a_streak_or_a_lost_day() -> None:
    state = after(
        position=a_position(),
        habits=(SERIOUS,),
        conduct=Conduct(loss_streak=9, last_loss_at=NOON, last_losses={PAIR: NOON}),
        account=an_account(equity=100.0),
    )
    assert judge("signal_exit", state).reasons == ()
    assert judge("adjust_position", state, adjustment_pct=-50).reasons == ()

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import a_position
from llm_modules.domain import Side
from llm_modules.gate.stops import tighter
from llm_modules.gate.tracker import PastStop, PositionTracker


def test_extremes_never_shrink_while_a_position_is_open() -> None:
    tracker = PositionTracker()
    tracker.observe(a_position(mfe_ratio=0.10, mae_ratio=-0.05))
    seen = tracker.observe(a_position(mfe_ratio=0.02, mae_ratio=-0.01))
    assert (seen.mfe_ratio, seen.mae_ratio) == (0.10, -0.05)


def test_the_current_profit_counts_as_an_extreme() -> None:
    tracker = PositionTracker()
    tracker.observe(a_position())
    assert tracker.observe(a_position(profit_ratio=0.2)).mfe_ratio == 0.2
    assert tracker.observe(a_position(profit_ratio=-0.2)).mae_ratio == -0.2


@pytest.mark.parametrize(
    ("side", "stop", "tightened", "kept"),
    [("long", 97.0, 98.0, 98.0), ("long", 97.0, 96.0, 97.0), ("short", 103.0, 102.0, 102.0)],
)
def test_a_stop_only_moves_towards_the_price(
    side: Side, stop: float, tightened: float, kept: float
) -> None:
    tracker = PositionTracker()
    tracker.observe(a_position(side=side, stop_price=stop))
    tracker.tighten(7, tightened)
    assert tracker.observe(a_position(side=side, stop_price=stop)).stop_price == kept


def test_the_tighter_of_two_stops_depends_on_the_side() -> None:
    assert tighter(97.0, 98.0, "long") == 98.0
    assert tighter(103.0, 102.0, "short") == 102.0


def test_a_restart_knows_what_freqtrade_kept() -> None:
    before = PositionTracker()
    before.observe(a_position(mfe_ratio=0.15, mae_ratio=-0.04, stop_price=98.0))
    after = PositionTracker()
    assert after.observe(a_position(mfe_ratio=0.15, mae_ratio=-0.04, stop_price=98.0)) == (
        before.get(7)
    )


def test_an_unknown_trade_has_no_stop_to_move() -> None:
    tracker = PositionTracker()
    tracker.tighten(99, 50.0)
    assert tracker.get(99) is None


def test_a_forgotten_trade_is_returned_once() -> None:
    tracker = PositionTracker()
    tracker.observe(a_position())
    assert tracker.forget(7) == a_position()
    assert tracker.forget(7) is None


def after(hours: float) -> PastStop:
    return PastStop(7, a_position().opened_at + timedelta(hours=hours), 98.5)


def test_a_stop_approved_before_a_restart_holds_from_the_first_look_on() -> None:
    tracker = PositionTracker()
    tracker.remember([after(hours=1), replace(after(hours=2), stop_price=98.0)])
    assert tracker.observe(a_position()).stop_price == 98.5


@pytest.mark.parametrize(("hours", "stop"), [(-0.001, 97.0), (0.0, 98.5)])
def test_a_stop_of_an_earlier_trade_with_the_same_number_does_not_count(
    hours: float, stop: float
) -> None:
    tracker = PositionTracker()
    tracker.remember([after(hours=hours)])
    assert tracker.observe(a_position()).stop_price == stop


def test_a_stop_of_another_trade_does_not_count() -> None:
    tracker = PositionTracker()
    tracker.remember([replace(after(hours=1), trade_id=8)])
    assert tracker.observe(a_position()).stop_price == 97.0


def test_a_looser_stop_of_before_changes_nothing() -> None:
    tracker = PositionTracker()
    tracker.remember([replace(after(hours=1), stop_price=90.0)])
    assert tracker.observe(a_position()).stop_price == 97.0


def test_the_first_look_counts_as_an_extreme_too() -> None:
    seen = PositionTracker().observe(a_position(profit_ratio=0.2, mfe_ratio=0.1))
    assert seen.mfe_ratio == 0.2

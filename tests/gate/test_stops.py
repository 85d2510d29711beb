"""Where stops lie before any check: the default, the farthest, the booked and the trailing one."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, a_gate_state, a_position, a_risk, a_thesis
from judging import allowed, judge
from llm_modules.domain import OpenPosition, Side
from llm_modules.gate.stops import (
    below,
    booked_stop,
    default_stop,
    farthest_fill,
    farthest_stop,
    is_crossed,
    liquidation_ratio,
    loss_distance,
    tighter,
    trailing_stop,
)

RISK = a_risk()
TRAILING = a_risk(trailing_activate_pct=2.0, trailing_give_back_pct=1.0)


# Geometry


@pytest.mark.parametrize(("side", "expected"), [("long", 97), ("short", 96)])
def test_the_tighter_of_two_stops_is_nearer_to_the_price(side: Side, expected: float) -> None:
    assert tighter(96, 97, side) == tighter(97, 96, side) == expected


@pytest.mark.parametrize("side", ["long", "short"])
def test_a_stop_that_is_no_number_is_looser_than_any(side: Side) -> None:
    assert tighter(math.nan, 97, side) == tighter(97, math.nan, side) == 97
    assert booked_stop(a_position(stop_price=math.nan, side="long"), a_risk()) == 97
    assert math.isnan(tighter(math.nan, math.nan, side))


@pytest.mark.parametrize(
    ("side", "price", "crossed"),
    [
        ("long", 99.9, True),
        ("long", 100.0, True),
        ("long", 100.1, False),
        ("short", 99.9, False),
        ("short", 100.0, True),
        ("short", 100.1, True),
    ],
)
def test_a_stop_is_crossed_from_its_own_price_on(
    side: Side, price: float, *, crossed: bool
) -> None:
    assert is_crossed(100.0, price, side) is crossed
    assert (loss_distance(price, 100.0, side) > 0) is not crossed


def test_the_losing_side_is_below_for_a_long_and_above_for_a_short() -> None:
    assert (below(100, 3, "long"), below(100, 3, "short")) == (97, 103)
    assert (loss_distance(100, 97, "long"), loss_distance(100, 103, "short")) == (3, 3)


# The farthest


@pytest.mark.parametrize(
    ("leverage", "maintenance", "ratio"),
    [
        (1, 0.005, 0.796),
        (10, 0.005, 0.076),
        (10, 0.05, 0.04),
        (20, 0.05, 0.0),
        (125, 0.05, 0.0),
    ],
)
def test_liquidation_leaves_less_room_at_more_leverage(
    leverage: float, maintenance: float, ratio: float
) -> None:
    assert liquidation_ratio(leverage, maintenance) == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("max_stop_pct", "leverage", "distance"),
    [(5.0, 3, 5.0), (4.0, 3, 4.0), (7.6, 10, 7.6), (8.0, 10, 7.6), (100.0, 1, 79.6)],
)
def test_the_farthest_stop_obeys_the_limit_and_the_liquidation(
    max_stop_pct: float, leverage: float, distance: float
) -> None:
    risk = a_risk(max_stop_pct=max_stop_pct)
    assert farthest_stop(100, "long", leverage, risk) == pytest.approx(100 - distance)
    assert farthest_stop(100, "short", leverage, risk) == pytest.approx(100 + distance)


# The worst fill


@pytest.mark.parametrize(
    ("side", "leverage", "maintenance", "expected"),
    [
        ("long", 10, 0.005, 95 / (1 - 0.95 * 0.095)),  # 104.4
        ("short", 10, 0.005, 95 / (1 + 0.95 * 0.095)),  # 87.1
        ("long", 1, 0.005, 95 / (1 - 0.95 * 0.995)),
        ("long", 20, 0.04, 95 / (1 - 0.95 * 0.01)),
        ("long", 20, 0.05, 95),  # no room at all: not beyond the stop itself
        ("short", 25, 0.05, 95),
    ],
)
def test_an_entry_may_be_filled_until_its_stop_comes_near_liquidation(
    side: Side, leverage: float, maintenance: float, expected: float
) -> None:
    assert farthest_fill(95.0, side, leverage, maintenance) == pytest.approx(expected)


SIDES = st.sampled_from(["long", "short"])
LEVERAGES = st.integers(1, 125).map(float)
MAINTENANCE = st.floats(0.001, 0.2)


@given(SIDES, LEVERAGES, MAINTENANCE, st.floats(1e-6, 1e6), st.floats(0, 1))
def test_filled_up_to_there_liquidation_lies_beyond_the_stop(
    side: Side, leverage: float, maintenance: float, stop: float, part: float
) -> None:
    """Worked out anew: isolated, all of 1 / leverage may be lost but the maintenance margin."""
    worst = farthest_fill(stop, side, leverage, maintenance)
    fill = stop + part * (worst - stop)
    margin = max(0.0, 1 / leverage - maintenance)
    liquidation = fill * (1 - margin) if side == "long" else fill * (1 + margin)
    # A twentieth of that is kept at the worst, more before it.
    kept = loss_distance(stop, liquidation, side)
    assert kept >= fill * margin / 20 - 1e-9 * stop
    if part == 1:
        assert kept == pytest.approx(fill * margin / 20, abs=1e-9 * stop)


@given(SIDES, LEVERAGES, MAINTENANCE, st.floats(0.1, 100))
def test_the_price_of_the_decision_is_never_too_far(
    side: Side, leverage: float, maintenance: float, max_stop_pct: float
) -> None:
    risk = a_risk(max_stop_pct=max_stop_pct)
    stop = farthest_stop(100.0, side, leverage, risk, maintenance)
    worst = farthest_fill(stop, side, leverage, maintenance)
    assert loss_distance(worst, 100.0, side) >= -1e-9


# The default


@pytest.mark.parametrize(
    ("side", "facts", "expected"),
    [
        ("long", {"support": 97.0, "atr_pct": 1.0}, 96.5),
        ("short", {"resistance": 103.0, "atr_pct": 1.0}, 103.5),
        ("long", {"support": 97.0, "atr_pct": 2.0}, 96.0),
        ("long", {"support": 95.5, "atr_pct": 1.0}, 95.0),  # as far as allowed
        ("long", {"support": 94.0, "atr_pct": 1.0}, 95.0),  # too far
        ("short", {"resistance": 106.0, "atr_pct": 1.0}, 105.0),
        ("long", {"support": 100.4, "atr_pct": 1.0}, 99.9),
        ("long", {"support": 100.5, "atr_pct": 1.0}, 95.0),  # at the price
        ("long", {"support": 102.0, "atr_pct": 1.0}, 95.0),  # price fell through its support
        ("short", {"resistance": 98.0, "atr_pct": 1.0}, 105.0),
        ("long", {"resistance": 103.0, "atr_pct": 1.0}, 95.0),  # no support known
        ("long", {"support": 97.0}, 95.0),  # no ATR known
        ("long", {"support": math.nan, "atr_pct": 1.0}, 95.0),
        ("long", {"support": 97.0, "atr_pct": math.inf}, 95.0),
    ],
)
def test_the_default_stop_lies_beyond_the_level_that_should_hold(
    side: Side, facts: dict[str, float], expected: float
) -> None:
    assert default_stop(a_gate_state(facts=facts), side, 3, RISK) == pytest.approx(expected)


@pytest.mark.parametrize(("margin", "expected"), [(0.0, 97.0), (0.5, 96.5), (1.5, 95.5), (3.0, 95)])
def test_the_margin_beyond_the_level_is_configured(margin: float, expected: float) -> None:
    state = a_gate_state(facts={"support": 97.0, "atr_pct": 1.0})
    risk = a_risk(stop_atr_margin=margin)
    assert default_stop(state, "long", 3, risk) == pytest.approx(expected)


def test_the_default_stop_is_that_of_the_whole_leverage() -> None:
    """10x leaves 7.6 %, 9x 8.5 %; what is asked as 9.9 will be 9."""
    state, risk = a_gate_state(facts={"rsi": 25.0}), a_risk(max_stop_pct=10.0)
    for leverage, room in ((9, 1 / 9), (9.9, 1 / 9), (10, 0.1)):
        asked = {"leverage": leverage, "stop_price": None, "stake_amount": 20}
        stop = allowed(judge("signal_entry_long", state, risk, **asked)).stop_price
        assert stop == pytest.approx(100 * (1 - 0.8 * (room - 0.005)))


# The booked one


def forgotten(**changes: Any) -> OpenPosition:
    """A position whose stop nobody kept."""
    return a_position(**({"stop_price": 15.0, "thesis": None} | changes))


def test_a_position_without_any_memory_has_the_farthest_stop_allowed() -> None:
    assert booked_stop(forgotten(), RISK) == pytest.approx(95)
    short = forgotten(side="short", stop_price=185.0)
    assert booked_stop(short, RISK) == pytest.approx(105)
    assert booked_stop(forgotten(), a_risk(max_stop_pct=3.0)) == pytest.approx(97)


@pytest.mark.parametrize(("named", "expected"), [(None, 95), (94.0, 95), (96.0, 96), (98.0, 98)])
def test_the_thesis_names_the_stop_but_never_a_looser_one(
    named: float | None, expected: float
) -> None:
    position = forgotten(thesis=a_thesis(stop_price=named))
    assert booked_stop(position, RISK) == pytest.approx(expected)


def test_a_tighter_stop_in_force_stays() -> None:
    assert booked_stop(a_position(stop_price=99.0), TRAILING) == 99


# The trailing one


@pytest.mark.parametrize(
    ("side", "best", "expected"),
    [
        ("long", 101.99, None),
        ("long", 102.0, 100.98),
        ("long", 110.0, 108.9),
        ("long", 90.0, None),
        ("short", 98.01, None),
        ("short", 98.0, 98.98),
        ("short", 90.0, 90.9),
        ("short", 110.0, None),
        ("long", math.nan, None),
        ("long", math.inf, None),
        ("short", -math.inf, None),
        ("short", -1e308, None),
        ("short", 0.0, None),
    ],
)
def test_the_stop_trails_the_best_price_once_it_gained_enough(
    side: Side, best: float, expected: float | None
) -> None:
    stop = trailing_stop(a_position(side=side, best_rate=best), TRAILING)
    assert stop == (None if expected is None else pytest.approx(expected))


def test_a_coin_of_a_thousandth_trails_like_any_other() -> None:
    position = a_position(open_rate=0.001, best_rate=0.0011, stop_price=0.0009, thesis=None)
    assert booked_stop(position, TRAILING) == pytest.approx(0.0011 * 0.99)


def test_nothing_trails_unless_configured() -> None:
    assert trailing_stop(a_position(best_rate=150.0), RISK) is None
    assert booked_stop(a_position(best_rate=150.0), RISK) == 97


@pytest.mark.parametrize(("activate", "is_trailing"), [(9.9, True), (10.0, True), (10.1, False)])
def test_when_trailing_starts_is_configured(activate: float, *, is_trailing: bool) -> None:
    risk = a_risk(trailing_activate_pct=activate, trailing_give_back_pct=1.0)
    assert (trailing_stop(a_position(best_rate=110.0), risk) is not None) is is_trailing


@pytest.mark.parametrize(("give_back", "expected"), [(1.0, 108.9), (2.0, 107.8), (50.0, 97.0)])
def test_how_much_is_given_back_is_configured(give_back: float, expected: float) -> None:
    risk = a_risk(trailing_activate_pct=2.0, trailing_give_back_pct=give_back)
    assert booked_stop(a_position(best_rate=110.0), risk) == pytest.approx(expected)


@pytest.mark.parametrize("side", ["long", "short"])
def test_a_booked_stop_only_tightens_along_any_path_of_prices(side: Side) -> None:
    """As on every observation: the stop found last is the one in force next."""
    sign = 1 if side == "long" else -1
    best, stop = 100.0, 100 - sign * 90.0
    for minute in range(400):
        price = 100 + sign * (8 * math.sin(minute / 40) + math.sin(minute * 7.0))
        best = tighter(best, price, side)
        position = forgotten(side=side, stop_price=stop, best_rate=best, opened_at=NOON)
        fresh = booked_stop(position, TRAILING)
        assert tighter(fresh, stop, side) == fresh
        stop = fresh
    assert stop == pytest.approx(best * (1 - sign * 0.01))

"""What counts as the same market and the same position: below a limit, at it, above it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_thesis
from llm_modules.config import AskingConfig
from llm_modules.engine.sparing.levels import is_beyond_a_level
from llm_modules.engine.sparing.likeness import (
    held_of,
    price_change_pct,
    same_market,
    same_position,
    same_size,
)
from llm_modules.journal.records import Held
from sparing_scenes import FACTS, a_holding, asked

LIMITS = AskingConfig()
OFF = AskingConfig(same_price_pct=100, same_indicator_points=100, same_profit_points=1000)


def like(limits: AskingConfig = LIMITS, **facts: float) -> bool:
    """Whether changed facts count as the market they were, and it as them."""
    changed = FACTS | facts
    forth, back = same_market(FACTS, changed, limits), same_market(changed, FACTS, limits)
    assert forth == back or "price" in facts
    return forth


@pytest.mark.parametrize(
    ("price", "same"),
    [
        (100.0, True),
        (100.299, True),
        (100.3, False),
        (100.301, False),
        (99.701, True),
        (99.7, False),
        (99.699, False),
    ],
)
def test_the_price_may_move_less_than_its_limit(price: float, *, same: bool) -> None:
    assert like(price=price) is same


@pytest.mark.parametrize(("limit", "same"), [(0.9, False), (1.0, False), (1.1, True)])
def test_the_limit_of_the_price_is_the_users(limit: float, *, same: bool) -> None:
    assert like(AskingConfig(same_price_pct=limit), price=101.0) is same


@pytest.mark.parametrize("name", ["rsi", "adx", "mfi", "rsi_1h", "adx_4h"])
@pytest.mark.parametrize(
    ("change", "same"), [(4.999, True), (5.0, False), (5.001, False), (-4.999, True), (-5, False)]
)
def test_an_indicator_of_any_timeframe_may_move_less_than_its_limit(
    name: str, change: float, *, same: bool
) -> None:
    assert like(**{name: FACTS[name] + change}) is same


@pytest.mark.parametrize(("limit", "same"), [(9.9, False), (10.0, False), (10.1, True)])
def test_the_limit_of_indicators_is_the_users(limit: float, *, same: bool) -> None:
    assert like(AskingConfig(same_indicator_points=limit), rsi=60.0) is same


@pytest.mark.parametrize(
    "name", ["ema_gap_pct", "ema_gap_pct_1d", "macd_pct", "macd_hist_pct", "funding_rate_pct"]
)
def test_a_sign_may_not_change(name: str) -> None:
    assert like(OFF, **{name: FACTS[name] * 9})
    assert not like(OFF, **{name: -FACTS[name] / 9})
    assert not like(OFF, **{name: 0.0})


@pytest.mark.parametrize("name", sorted(FACTS.keys() - {"atr_pct", "support"}))
def test_what_is_known_at_one_time_only_has_changed(name: str) -> None:
    fewer = {key: value for key, value in FACTS.items() if key != name}
    assert not same_market(FACTS, fewer, OFF)
    assert not same_market(fewer, FACTS, OFF)


@pytest.mark.parametrize("facts", [{"atr_pct": 9.0}, {"support": 1.0}, {"volume_ratio": 5.0}])
def test_other_facts_may_change(facts: dict[str, float]) -> None:
    assert like(**facts)


def test_a_name_that_only_looks_like_a_timeframes_is_another_fact() -> None:
    assert like(rsi_soon=9.0)
    assert not like(rsi_15m=9.0)


@pytest.mark.parametrize(("before", "after"), [(0.0, 100.0), (-1.0, 100.0)])
def test_without_a_price_there_is_no_change_to_tell(before: float, after: float) -> None:
    assert price_change_pct({"price": before}, {"price": after}) is None
    assert price_change_pct({}, {"price": after}) is None
    assert price_change_pct({"price": after}, {}) is None
    assert price_change_pct({"price": 80.0}, {"price": 100.0}) == 25.0


# Positions


def same(position: Any = None, limits: AskingConfig = LIMITS, **changes: Any) -> bool:
    held = a_holding()
    return same_position(asked(0, held, **changes), position or held, limits)


def test_a_position_that_did_not_change_is_the_same() -> None:
    assert same()
    assert same_position(asked(0), None, LIMITS)


@pytest.mark.parametrize("changes", [{"trade_id": 8}, {"entries": 2}, {"adjustments": 1}])
def test_another_or_another_size_is_another_position(changes: dict[str, Any]) -> None:
    assert not same(a_holding(**changes), OFF)
    assert not same_size(asked(0, a_holding()), a_holding(**changes))


def test_flat_and_in_a_position_are_not_the_same() -> None:
    assert not same_position(asked(0), a_holding(), OFF)
    assert not same_position(asked(0, a_holding()), None, OFF)
    assert not same_size(asked(0, a_holding(), held=None), None)


@pytest.mark.parametrize(
    ("stop", "kept"),
    [(97.0, True), (97.005, True), (96.995, True), (97.02, False), (96.98, False)],
)
def test_a_stop_may_differ_by_a_tick_only(stop: float, *, kept: bool) -> None:
    assert same(a_holding(stop_price=stop)) is kept


@pytest.mark.parametrize(
    ("ratio", "kept"),
    [(0.0399, True), (0.04, False), (0.0401, False), (0.0201, True), (0.02, False)],
)
def test_the_profit_may_move_less_than_its_limit(ratio: float, *, kept: bool) -> None:
    assert same(a_holding(profit_ratio=ratio)) is kept


@pytest.mark.parametrize(("limit", "kept"), [(1.9, False), (2.0, False), (2.1, True)])
def test_the_limit_of_the_profit_is_the_users(limit: float, *, kept: bool) -> None:
    assert same(a_holding(profit_ratio=0.05), AskingConfig(same_profit_points=limit)) is kept


@pytest.mark.parametrize("changes", [{"held": None}, {"profit_ratio": None}])
def test_what_an_old_record_does_not_tell_may_have_changed(changes: dict[str, Any]) -> None:
    assert not same(None, OFF, **changes)


def test_a_record_keeps_the_extent_of_a_position() -> None:
    position = a_holding(entries=2, adjustments=3)
    assert held_of(position) == Held(entries=2, adjustments=3, stop_price=97.0)
    assert held_of(None) is None


@pytest.mark.parametrize("stop", [float("nan"), float("inf")])
def test_a_stop_that_is_no_number_is_not_kept(stop: float) -> None:
    assert held_of(a_holding(stop_price=stop)) is None


# Levels: a thesis with support 95, resistance 110, stop 97, target 106, "a close below 95"


@pytest.mark.parametrize(
    ("price", "beyond"),
    [(97.01, False), (97.0, True), (94.0, True), (105.99, False), (106.0, True), (111.0, True)],
)
def test_stop_and_target_of_a_long(price: float, *, beyond: bool) -> None:
    assert is_beyond_a_level(a_holding(), price, price) is beyond


@pytest.mark.parametrize(
    ("price", "beyond"), [(102.99, False), (103.0, True), (96.01, False), (96.0, True)]
)
def test_stop_and_target_of_a_short(price: float, *, beyond: bool) -> None:
    thesis = a_thesis(stop_price=103.0, target_price=96.0)
    position = a_holding(side="short", stop_price=103.0, thesis=thesis)
    assert is_beyond_a_level(position, price, price) is beyond


@pytest.mark.parametrize(
    ("price", "beyond"), [(95.0, True), (95.01, False), (109.99, False), (110.0, True)]
)
def test_support_and_resistance(price: float, *, beyond: bool) -> None:
    thesis = a_thesis(stop_price=None, target_price=None, invalidation=None)
    assert is_beyond_a_level(a_holding(stop_price=90.0, thesis=thesis), price, price) is beyond


def test_the_stop_in_force_counts_beside_the_named_one() -> None:
    position = a_holding(stop_price=99.0)
    assert is_beyond_a_level(position, 99.0, 99.0)
    assert is_beyond_a_level(replace(position, thesis=None), 99.0, 99.0)
    assert not is_beyond_a_level(replace(position, thesis=None), 99.1, 99.1)
    loose = a_holding(stop_price=90.0, thesis=a_thesis(stop_price=98.0))
    assert is_beyond_a_level(loose, 98.0, 98.0)


@pytest.mark.parametrize(
    ("text", "then", "now", "passed"),
    [
        ("a close below 99.8", 100.0, 99.8, True),
        ("a close below 99.8", 100.0, 99.7, True),
        ("a close below 99.8", 100.0, 99.9, False),
        ("a close below 99.8", 99.7, 99.6, False),
        ("above 100.2 or RSI below 30", 100.0, 100.3, True),
        ("RSI below 30", 100.0, 99.0, False),
        ("when the trend breaks", 100.0, 99.0, False),
        (None, 100.0, 99.0, False),
    ],
)
def test_a_number_in_the_invalidation_counts_once_the_price_went_through_it(
    text: str | None, then: float, now: float, *, passed: bool
) -> None:
    position = a_holding(stop_price=90.0, thesis=a_thesis(invalidation=text))
    assert is_beyond_a_level(position, then, now) is passed


def test_a_comma_between_thousands_is_no_decimal_point() -> None:
    thesis = a_thesis(
        key_support=9e4, key_resistance=1.1e5, stop_price=9.2e4, target_price=1.05e5,
        invalidation="a close below 95,000.5",
    )  # fmt: skip
    position = a_holding(stop_price=9.2e4, thesis=thesis)
    assert is_beyond_a_level(position, 95_100.0, 95_000.0)
    assert not is_beyond_a_level(position, 95_100.0, 95_001.0)


@given(
    name=st.sampled_from(sorted(FACTS)),
    change=st.floats(-200, 200, allow_nan=False),
    limits=st.builds(
        AskingConfig,
        same_price_pct=st.floats(0.01, 100),
        same_indicator_points=st.floats(0.01, 100),
    ),
)
def test_no_limit_is_ever_exceeded(name: str, change: float, limits: AskingConfig) -> None:
    changed = FACTS | {name: FACTS[name] + change}
    if not same_market(FACTS, changed, limits):
        return
    assert abs(changed["price"] / 100 - 1) * 100 < limits.same_price_pct + 1e-6
    for indicator in ("rsi", "adx", "mfi", "rsi_1h", "adx_4h"):
        assert abs(changed[indicator] - FACTS[indicator]) < limits.same_indicator_points + 1e-6
    for signed in ("ema_gap_pct", "ema_gap_pct_1d", "macd_pct", "macd_hist_pct"):
        assert changed[signed] * FACTS[signed] > 0

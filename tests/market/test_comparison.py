"""The market then and now: which change is told, and which one matters."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.domain import Change, MarketRules
from llm_modules.market.comparison import MarketStateComparator
from llm_modules.market.snapshot import build_snapshot
from market.made_candles import NOON, made_candles

FACTS = ("price", "rsi", "adx", "atr_pct", "ema_gap_pct", "macd_pct")
CODE_OF = {"ema_gap_pct": "ema_order", "macd_pct": "macd"}
CALM: dict[str, float] = {
    "price": 100.0,
    "rsi": 50.0,
    "adx": 22.0,
    "atr_pct": 1.0,
    "ema_gap_pct": 0.5,
    "macd_pct": 0.1,
}


def compare(then: dict[str, Any], now: dict[str, Any]) -> tuple[Change, ...]:
    return MarketStateComparator().compare(then, now)


def change_of(name: str, before: float, after: float) -> Change:
    """The change of one fact that alone is known."""
    (change,) = compare({name: before}, {name: after})
    return change


def is_significant(name: str, before: float, after: float) -> bool:
    return change_of(name, before, after).significant


any_facts = st.dictionaries(
    st.sampled_from((*FACTS, "volume_ratio")), st.floats(allow_nan=True, allow_infinity=True)
)


# --- what is told -------------------------------------------------------------------------------


def test_all_facts_known_at_both_times_are_told_in_order_and_a_calm_market_is_not_significant() -> (
    None
):
    now = CALM | {"price": 101.0, "rsi": 55.0}

    assert compare(CALM, now) == (
        Change("price", 100.0, 101.0, significant=False),
        Change("rsi", 50.0, 55.0, significant=False),
        Change("adx", 22.0, 22.0, significant=False),
        Change("atr", 1.0, 1.01, significant=False),
        Change("ema_order", 0.5, 0.5, significant=False),
        Change("macd", 0.1, 0.1, significant=False),
    )


@pytest.mark.parametrize("name", FACTS)
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("is_then", [True, False])
def test_a_fact_that_is_not_known_at_both_times_is_not_told(
    name: str, value: float | None, is_then: bool
) -> None:
    known = {key: fact for key, fact in CALM.items() if key != name}
    broken = known if value is None else known | {name: value}

    changes = compare(broken, CALM) if is_then else compare(CALM, broken)

    codes = {change.code for change in changes}
    assert len(codes) == 5
    assert CODE_OF.get(name, name) not in codes - {"atr_pct"}


def test_of_an_empty_past_nothing_is_told() -> None:
    assert compare({}, CALM) == compare(CALM, {}) == compare({"gone": 1.0}, CALM) == ()


@pytest.mark.parametrize(("before", "after"), [(100.0, 0.01), (0.01, 1e9)])
def test_a_price_alone_never_matters(before: float, after: float) -> None:
    assert not is_significant("price", before, after)


@pytest.mark.parametrize("price", [0.0, -1.0])
def test_a_price_that_cannot_be_is_not_known(price: float) -> None:
    assert [change.code for change in compare({"price": price}, {"price": 1.0})] == []
    assert [change.code for change in compare({"price": 1.0}, {"price": price})] == []


# --- volatility ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "significant"),
    [
        (1.0, 1.49, False),
        (1.0, 1.5, False),
        (1.0, 1.500001, True),
        (1.0, 0.51, False),
        (1.0, 0.5, False),
        (1.0, 0.499999, True),
        (0.2, 0.3, False),
        (0.7, 1.05, False),
        (1.0, 0.0, True),
        (2.0, 2.0, False),
    ],
)
def test_volatility_matters_beyond_half_of_what_it_was(
    before: float, after: float, significant: bool
) -> None:
    assert is_significant("atr_pct", before, after) is significant


def test_volatility_is_compared_in_quote_currency_where_the_price_is_known() -> None:
    then, now = {"price": 200.0, "atr_pct": 1.0}, {"price": 400.0, "atr_pct": 0.8}

    absolute = compare(then, now)[1]
    relative = change_of("atr_pct", 1.0, 0.8)

    assert absolute == Change("atr", 2.0, pytest.approx(3.2), significant=True)
    assert relative == Change("atr_pct", 1.0, 0.8, significant=False)


@pytest.mark.parametrize("unknown", [{}, {"price": 0.0}, {"price": math.nan}])
@pytest.mark.parametrize("is_then", [True, False])
def test_one_price_alone_does_not_make_volatility_absolute(
    unknown: dict[str, float], is_then: bool
) -> None:
    priced, unpriced = {"price": 100.0, "atr_pct": 1.0}, {"atr_pct": 1.0, **unknown}

    changes = compare(unpriced, priced) if is_then else compare(priced, unpriced)

    assert [change.code for change in changes] == ["atr_pct"]


@pytest.mark.parametrize(
    ("before", "after"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -0.1), (1e308, 1e308)]
)
def test_volatility_that_cannot_be_is_not_told(before: float, after: float) -> None:
    assert compare({"atr_pct": before}, {"atr_pct": after}) == ()


def test_an_overflow_is_not_told() -> None:
    then = {"price": 1e200, "atr_pct": 1e200}

    assert [change.code for change in compare(then, then)] == ["price"]
    (change,) = compare({"atr_pct": 5e-324}, {"atr_pct": 1e307})
    assert change.significant


# --- the others ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ema_gap_pct", "macd_pct"])
@pytest.mark.parametrize(
    ("before", "after", "significant"),
    [
        (0.5, -0.001, True),
        (-0.001, 0.5, True),
        (5e-324, -5e-324, True),
        (0.5, 0.0, False),
        (0.0, -0.5, False),
        (0.0, 0.0, False),
        (0.5, 0.001, False),
        (-0.5, -0.001, False),
    ],
)
def test_a_turn_of_the_averages_or_of_macd_matters(
    name: str, before: float, after: float, significant: bool
) -> None:
    change = change_of(name, before, after)

    assert change == Change(CODE_OF[name], before, after, significant=significant)


@pytest.mark.parametrize(
    ("one", "other", "significant"),
    [
        (39.9, 60.1, True),
        (40.0, 60.1, False),
        (39.9, 60.0, False),
        (40.1, 60.1, False),
        (39.9, 59.9, False),
        (0.0, 100.0, True),
        (10.0, 39.0, False),
        (61.0, 90.0, False),
    ],
)
def test_rsi_matters_when_it_crossed_from_one_side_to_the_other(
    one: float, other: float, significant: bool
) -> None:
    assert is_significant("rsi", one, other) is significant
    assert is_significant("rsi", other, one) is significant


@pytest.mark.parametrize(
    ("before", "after", "significant"),
    [
        # From 20 on it was a trend, below 18 it is none.
        (20.0, 15.0, True),
        (19.9, 14.0, False),
        (20.1, 15.0, True),
        (30.0, 17.9, True),
        (30.0, 18.0, False),
        (30.0, 18.1, False),
        # And by a quarter.
        (20.0, 15.1, False),
        (20.0, 14.9, True),
        (22.0, 16.5, True),
        (22.0, 16.6, False),
        (23.2, 17.4, True),
        (23.9, 17.925, True),
        # A trend arises from 20 or less to above 25.
        (20.0, 25.1, True),
        (20.0, 25.0, False),
        (20.1, 30.0, False),
        (19.9, 25.1, True),
        (0.0, 26.0, True),
        (21.0, 60.0, False),
    ],
)
def test_a_trend_that_faded_or_arose_matters(
    before: float, after: float, significant: bool
) -> None:
    assert is_significant("adx", before, after) is significant


# --- properties ---------------------------------------------------------------------------------


@given(any_facts, any_facts)
def test_nothing_raises_and_all_that_is_told_is_finite(
    then: dict[str, float], now: dict[str, float]
) -> None:
    changes = compare(then, now)

    assert len({change.code for change in changes}) == len(changes)
    for change in changes:
        assert math.isfinite(change.before)
        assert math.isfinite(change.after)


@given(any_facts, any_facts)
def test_what_turned_one_way_turns_the_other_way(
    then: dict[str, float], now: dict[str, float]
) -> None:
    def of(changes: tuple[Change, ...]) -> dict[str, tuple[float, float, bool]]:
        symmetric = {"price", "rsi", "ema_order", "macd"}
        return {
            change.code: (change.before, change.after, change.significant)
            for change in changes
            if change.code in symmetric
        }

    back = {
        code: (before, after, significant)
        for code, (after, before, significant) in of(compare(now, then)).items()
    }

    assert of(compare(then, now)) == back


@given(any_facts)
def test_a_market_that_stayed_as_it_was_has_no_significant_change(facts: dict[str, float]) -> None:
    for change in compare(facts, facts):
        assert not change.significant
        assert change.before == change.after


def test_two_snapshots_are_compared_by_what_they_tell() -> None:
    rules = MarketRules(price_step=0.001, min_notional=5.0, max_leverage=50.0)
    then, now = (build_snapshot("A/B:B", NOON, [made_candles(seed=seed)], rules) for seed in (3, 5))

    changes = compare(
        {"price": then.price, **then.facts},
        {"price": now.price, **now.facts},
    )

    assert [change.code for change in changes] == [
        "price", "rsi", "adx", "atr", "ema_order", "macd",
    ]  # fmt: skip
    assert changes[5].before == then.facts["macd_pct"]
    assert changes[3].after == pytest.approx(now.main.latest("atr_14"))

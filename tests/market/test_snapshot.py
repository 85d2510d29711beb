"""The snapshot of a pair: what is refused, what is told, and that nothing later leaks in."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_modules.domain import Candles, MarketRules, MarketSnapshot
from llm_modules.errors import MarketDataError
from llm_modules.market.candle_checks import GAPLESS_CANDLES
from llm_modules.market.snapshot import FEWEST_CANDLES, build_snapshot, snapshot_of_facts
from market.made_candles import (
    COLUMNS,
    NOON,
    NOON_MS,
    level_candles,
    made_candles,
    real_candles,
    rows_of,
    with_cell,
)

PAIR = "BTC/USDT:USDT"
RULES = MarketRules(price_step=0.001, min_notional=5.0, max_leverage=50.0)
HALF_HOUR_MS = 1_800_000
HOUR_MS = 3_600_000


def snapshot_of(
    *frames: Candles, at: datetime = NOON, rules: MarketRules = RULES
) -> MarketSnapshot:
    return build_snapshot(PAIR, at, frames, rules)


def refusal_of(*frames: Candles, rules: MarketRules = RULES) -> str:
    with pytest.raises(MarketDataError) as caught:
        snapshot_of(*frames, rules=rules)
    return str(caught.value)


def same(one: MarketSnapshot, other: MarketSnapshot) -> bool:
    """Compare bit for bit, NaN included."""
    views = zip((one.main, *one.informative), (other.main, *other.informative), strict=True)
    return one.facts == other.facts and all(
        left.indicators.keys() == right.indicators.keys()
        and all(
            np.array_equal(left.indicators[name], right.indicators[name], equal_nan=True)
            for name in left.indicators
        )
        and np.array_equal(left.candles.open_times, right.candles.open_times)
        for left, right in views
    )


# --- what it tells ------------------------------------------------------------------------------


def test_the_price_is_the_newest_close_and_the_rest_is_handed_through() -> None:
    main, hourly = made_candles(), made_candles("1h", seed=2)

    snapshot = snapshot_of(main, hourly)

    assert snapshot.price == main.close[-1]
    assert (snapshot.pair, snapshot.candle_at, snapshot.rules) == (PAIR, NOON, RULES)
    assert snapshot.main.timeframe == "30m"
    assert [view.timeframe for view in snapshot.informative] == ["1h"]
    assert snapshot.main.latest("rsi_14") == snapshot.facts["rsi"]


def test_all_facts_are_there_once_all_indicators_are_warm() -> None:
    facts = snapshot_of(made_candles(), made_candles("1h"), made_candles("4h")).facts

    of_timeframes = [
        f"{name}_{timeframe}"
        for timeframe in ("1h", "4h")
        for name in ("rsi", "adx", "atr_pct", "ema_gap_pct")
    ]
    assert list(facts) == [
        "rsi", "adx", "atr_pct", "ema_gap_pct", "atr_ratio", "mfi", "macd_pct", "macd_hist_pct",
        "bb_position", "volume_ratio", "support", "resistance", "change_pct_24h", *of_timeframes,
    ]  # fmt: skip


def test_facts_follow_from_the_indicators_by_their_formulas() -> None:
    snapshot = snapshot_of(made_candles(seed=4), made_candles("1h", seed=3))
    facts, price = snapshot.facts, snapshot.price
    assert price != snapshot.main.candles.close[-2]
    last = {name: float(column[-1]) for name, column in snapshot.main.indicators.items()}
    hourly = snapshot.informative[0]

    assert facts["rsi"] == last["rsi_14"]
    assert facts["adx"] == last["adx_14"]
    assert facts["mfi"] == last["mfi_14"]
    assert facts["atr_pct"] == pytest.approx(100 * last["atr_14"] / price)
    assert facts["macd_pct"] == pytest.approx(100 * last["macd"] / price)
    assert facts["macd_hist_pct"] == pytest.approx(100 * last["macd_hist"] / price)
    assert facts["ema_gap_pct"] == pytest.approx(100 * (last["ema_20"] / last["ema_50"] - 1))
    width = last["bb_upper"] - last["bb_lower"]
    assert facts["bb_position"] == pytest.approx((price - last["bb_lower"]) / width)
    assert facts["rsi_1h"] == float(hourly.indicators["rsi_14"][-1])
    assert facts["atr_pct_1h"] == pytest.approx(
        100 * float(hourly.indicators["atr_14"][-1]) / float(hourly.candles.close[-1])
    )


def test_support_and_resistance_are_the_extremes_of_the_newest_twenty_candles() -> None:
    candles = level_candles()
    candles = with_cell(candles, "low", -20, 90.0)
    candles = with_cell(candles, "high", -20, 110.0)

    inside = snapshot_of(candles).facts
    outside = snapshot_of(rows_of_shifted(candles)).facts

    assert (inside["support"], inside["resistance"]) == (90.0, 110.0)
    assert (outside["support"], outside["resistance"]) == (100.0, 100.0)


def rows_of_shifted(candles: Candles) -> Candles:
    """The same candles one row older, followed by a level one."""
    shifted = {
        name: np.append(getattr(candles, name)[1:], 100.0)
        for name in ("open", "high", "low", "close")
    }
    return replace(candles, **shifted)


def test_volume_is_compared_with_the_mean_of_twenty() -> None:
    candles = replace(made_candles(), volume=np.append(np.full(199, 10.0), 50.0))

    assert snapshot_of(candles).facts["volume_ratio"] == pytest.approx(50 / 12)


def test_what_cannot_be_divided_is_left_out() -> None:
    silent = replace(level_candles(), volume=np.zeros(200))

    facts = snapshot_of(silent).facts

    assert "volume_ratio" not in facts
    assert "atr_ratio" not in facts
    assert facts["macd_pct"] == pytest.approx(0.0)
    assert "bb_position" not in facts
    assert facts["ema_gap_pct"] == pytest.approx(0.0)


@pytest.mark.parametrize(("rows", "known"), [(288, False), (289, True), (290, True)])
def test_a_change_of_24_hours_needs_a_candle_that_closed_24_hours_ago(
    rows: int, known: bool
) -> None:
    assert ("change_pct_24h" in snapshot_of(made_candles("5m", rows=rows)).facts) is known


def test_a_change_of_24_hours_comes_from_the_main_timeframe_where_it_reaches() -> None:
    main, hourly = made_candles(seed=6), made_candles("1h", seed=7)

    change = snapshot_of(main, hourly).facts["change_pct_24h"]

    assert change == pytest.approx(100 * (main.close[-1] / main.close[-49] - 1))


@pytest.mark.parametrize("late_minutes", [0, 1, 59])
def test_a_short_main_history_borrows_the_hourly_close_of_24_hours_ago_or_up_to_an_hour_older(
    late_minutes: int,
) -> None:
    main = made_candles("1m", rows=120, end_ms=NOON_MS + late_minutes * 60_000)
    hourly = made_candles("1h", rows=40, seed=8)

    facts = snapshot_of(main, hourly, at=NOON + timedelta(minutes=late_minutes)).facts

    assert facts["change_pct_24h"] == pytest.approx(100 * (main.close[-1] / hourly.close[-25] - 1))


@pytest.mark.parametrize(("late_minutes", "known"), [(0, True), (59, True), (60, False)])
def test_a_close_that_is_off_by_an_hour_is_not_called_a_day_ago(
    late_minutes: int, known: bool
) -> None:
    main = made_candles("1m", rows=60, end_ms=NOON_MS + late_minutes * 60_000)

    snapshot = snapshot_of(main, made_candles("4h"), at=NOON + timedelta(minutes=late_minutes))

    assert ("change_pct_24h" in snapshot.facts) is known


def test_an_informative_timeframe_that_is_too_short_has_no_indicators() -> None:
    snapshot = snapshot_of(made_candles(), made_candles("1d", rows=3))

    assert snapshot.informative[0].latest("rsi_14") is None
    assert not [name for name in snapshot.facts if name.endswith("_1d")]


def test_extra_indicators_are_computed_on_every_timeframe() -> None:
    frames = [made_candles(), made_candles("1h")]

    snapshot = build_snapshot(PAIR, NOON, frames, RULES, ("cci",))

    assert snapshot.main.latest("cci_14_0.015") is not None
    assert snapshot.informative[0].latest("cci_14_0.015") is not None


# --- what it refuses ----------------------------------------------------------------------------


def test_a_stale_main_timeframe_is_refused_and_the_times_are_named() -> None:
    message = refusal_of(made_candles(end_ms=NOON_MS - HALF_HOUR_MS))

    assert message == (
        "'BTC/USDT:USDT' 30m: stale: the newest candle closed at 2026-01-15 11:30 UTC, "
        "not 2026-01-15 12:00 UTC"
    )


def test_a_main_candle_that_closes_a_moment_before_is_stale_too() -> None:
    assert "stale" in refusal_of(made_candles(end_ms=NOON_MS - 1))


@pytest.mark.parametrize(("late_ms", "fresh"), [(0, True), (HOUR_MS - 1, True), (HOUR_MS, False)])
def test_an_informative_timeframe_may_end_less_than_one_of_its_candles_earlier(
    late_ms: int, fresh: bool
) -> None:
    hourly = made_candles("1h", end_ms=NOON_MS - late_ms)

    if fresh:
        assert snapshot_of(made_candles(), hourly).informative[0].latest("rsi_14") is not None
    else:
        assert "1h: stale" in refusal_of(made_candles(), hourly)


@pytest.mark.parametrize("position", [0, 1])
def test_a_timeframe_without_a_closed_candle_is_refused(position: int) -> None:
    frames = [made_candles(), made_candles("1h")]
    frames[position] = rows_of(frames[position], slice(0, 0))

    assert "no candle had closed yet" in refusal_of(*frames)


@pytest.mark.parametrize("rows", [1, FEWEST_CANDLES - 1])
def test_too_few_main_candles_are_refused(rows: int) -> None:
    assert f"{rows} candles are too few, 60 are needed" in refusal_of(made_candles(rows=rows))


@pytest.mark.parametrize("rows", [FEWEST_CANDLES, FEWEST_CANDLES + 1])
def test_sixty_main_candles_are_enough(rows: int) -> None:
    assert snapshot_of(made_candles(rows=rows)).facts["rsi"] >= 0


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(column: str, value: float) -> None:
    message = refusal_of(with_cell(made_candles(), column, -3, value))

    assert "not a finite number in the candle of 2026-01-15 10:30 UTC" in message


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_price_that_is_not_above_zero_is_refused(column: str, value: float) -> None:
    message = refusal_of(with_cell(made_candles(), column, -1, value))

    assert "not above zero or a volume is negative in the candle of 2026-01-15 11:30" in message


def test_a_negative_volume_is_refused_and_no_volume_is_not() -> None:
    assert "volume is negative" in refusal_of(with_cell(made_candles(), "volume", -1, -0.1))
    assert snapshot_of(with_cell(made_candles(), "volume", -1, 0.0)).facts["volume_ratio"] == 0


def test_a_high_below_the_low_is_refused_and_equal_is_not() -> None:
    candles = made_candles()
    low = float(candles.low[-2])

    assert "the high is below the low" in refusal_of(with_cell(candles, "high", -2, low - 0.001))
    assert snapshot_of(with_cell(candles, "high", -2, low)).price > 0


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        ([*range(198), 199], "preceded by a gap"),
        ([*range(190), 190, 190, *range(191, 200)], "there twice"),
        ([*range(195), 197, 196, 195, 198, 199], "preceded by a gap"),
        ([*range(195), 196, 195, 197, 198, 199], "preceded by a gap"),
        ([*range(1, 190), 0, *range(190, 200)], "out of order"),
    ],
)
def test_candles_that_do_not_follow_each_other_are_refused(order: list[int], fault: str) -> None:
    assert fault in refusal_of(rows_of(made_candles(), order))


def test_all_that_is_wrong_is_said_at_once() -> None:
    candles = with_cell(with_cell(made_candles(), "low", -2, math.nan), "close", -4, -1.0)

    message = refusal_of(rows_of(candles, [*range(190), *range(191, 200)]))

    assert message.count(";") == 2
    assert all(text in message for text in ("finite", "above zero", "gap"))


def test_informative_candles_are_judged_as_well() -> None:
    message = refusal_of(made_candles(), with_cell(made_candles("1h"), "close", -1, math.nan))

    assert message.startswith("'BTC/USDT:USDT' 1h: ")


@pytest.mark.parametrize("age", [1, 2, 50, 51, 200])
def test_one_bad_number_is_refused_however_old_it_is(age: int) -> None:
    assert "finite" in refusal_of(with_cell(made_candles(), "close", -age, math.nan))
    assert "above zero" in refusal_of(with_cell(made_candles(), "low", -age, -5.0))


@pytest.mark.parametrize(
    ("newer", "judged"), [(GAPLESS_CANDLES - 1, True), (GAPLESS_CANDLES, False)]
)
def test_a_gap_matters_only_within_the_newest_fifty_candles(newer: int, judged: bool) -> None:
    gap = 200 - newer
    candles = rows_of(made_candles(), [*range(gap - 1), *range(gap, 200)])

    if judged:
        assert "preceded by a gap" in refusal_of(candles)
    else:
        assert snapshot_of(candles).price > 0


@pytest.mark.parametrize("step", [0.0, -0.1, math.nan, math.inf])
def test_a_price_step_that_is_not_above_zero_is_refused(step: float) -> None:
    message = refusal_of(made_candles(), rules=replace(RULES, price_step=step))

    assert "the price step" in message


def test_a_snapshot_of_known_facts_is_the_one_they_came_from() -> None:
    frames = made_candles(), made_candles("1h", seed=2)
    honest = build_snapshot(PAIR, NOON, frames, RULES, ("cci",), 0.0001)
    again = snapshot_of_facts(PAIR, NOON, frames, RULES, ("cci",), honest.facts)
    assert same(again, honest)
    told = (again.pair, again.candle_at, again.price, again.rules)
    assert told == (honest.pair, honest.candle_at, honest.price, honest.rules)
    assert again.facts["funding_rate_pct"] == pytest.approx(0.01)
    assert any("cci" in name.lower() for name in again.main.indicators)


# --- properties ---------------------------------------------------------------------------------


@given(cut=st.integers(FEWEST_CANDLES, 300))
@settings(max_examples=40, deadline=None)
def test_what_came_later_changes_nothing(cut: int) -> None:
    main, hourly = made_candles(rows=300), made_candles("1h", rows=200, seed=9)
    at_ms = int(main.open_times[cut - 1]) + HALF_HOUR_MS
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    known = [
        rows_of(main, slice(0, cut)),
        rows_of(hourly, slice(0, int((hourly.open_times + HOUR_MS <= at_ms).sum()))),
    ]

    honest = snapshot_of(main, hourly, at=at)
    assert same(honest, snapshot_of(*known, at=at))
    # Nor where its facts are handed in.
    again = snapshot_of_facts(PAIR, at, (main, hourly), RULES, (), honest.facts)
    assert same(again, honest)
    assert again.price == honest.price


@given(
    rows=st.lists(st.integers(-60, -1), max_size=4),
    column=st.sampled_from(COLUMNS),
    value=st.floats(allow_nan=True, allow_infinity=True),
    order=st.permutations(range(195, 200)),
)
@settings(max_examples=200, deadline=None)
def test_damaged_candles_are_refused_or_give_finite_facts(
    rows: list[int], column: str, value: float, order: list[int]
) -> None:
    candles = rows_of(made_candles(), [*range(195), *order])
    for row in rows:
        candles = with_cell(candles, column, row, value)
    try:
        snapshot = snapshot_of(candles)
    except MarketDataError:
        return
    assert order == sorted(order)
    assert all(math.isfinite(fact) for fact in snapshot.facts.values())
    assert math.isfinite(snapshot.price)
    assert snapshot.price > 0


def test_real_candles_of_four_timeframes_make_a_snapshot() -> None:
    frames = [real_candles("DOGE", timeframe) for timeframe in ("30m", "1h", "4h", "1d")]
    at_ms = int(frames[0].open_times[-1]) + HALF_HOUR_MS

    snapshot = snapshot_of(*frames, at=datetime.fromtimestamp(at_ms / 1000, UTC))

    assert len(snapshot.facts) == 13 + 3 * 4
    assert snapshot.facts["support"] < snapshot.price < snapshot.facts["resistance"]

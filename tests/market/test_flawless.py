"""Candles that are known to be flawless say the same as those that are looked at each time."""

import gc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_modules.domain import Candles, MarketRules, TimeframeView
from llm_modules.errors import MarketDataError
from llm_modules.market import candle_checks, facts
from llm_modules.market.candle_checks import closed_by, defects, examined
from llm_modules.market.facts import market_facts
from llm_modules.market.indicators import compute
from llm_modules.market.returns import log_returns
from llm_modules.market.snapshot import FEWEST_CANDLES, build_snapshot
from market.made_candles import COLUMNS, made_candles, rows_of, with_cell

PAIR = "BTC/USDT:USDT"
RULES = MarketRules(price_step=0.001, min_notional=5.0, max_leverage=50.0)
HALF_HOUR_MS = 1_800_000


def unknown(candles: Candles) -> Candles:
    """The same candles, of which nothing is known."""
    return replace(candles)


# --- who is flawless ----------------------------------------------------------------------------


def test_sound_candles_without_a_gap_are_flawless_and_so_is_every_stretch_of_them() -> None:
    whole = examined(made_candles())
    assert whole.is_flawless
    assert all(whole.taken(rows).is_flawless for rows in (slice(5), slice(-60, None), slice(9, 99)))


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_one_bad_number_in_all_the_past_is_a_flaw(column: str, value: float) -> None:
    assert not examined(with_cell(made_candles(), column, 0, value)).is_flawless


def test_a_high_below_the_low_is_a_flaw() -> None:
    candles = made_candles()
    assert not examined(with_cell(candles, "high", 0, float(candles.low[0]) / 2)).is_flawless


@pytest.mark.parametrize("first", [[0, 2], [0, 0, 1, 2], [1, 0, 2]])
def test_a_gap_a_double_or_a_disorder_is_a_flaw_however_old_it_is(first: list[int]) -> None:
    damaged = rows_of(made_candles(), [*first, *range(3, 200)])
    assert not defects(rows_of(damaged, slice(-60, None)))
    assert not examined(damaged).is_flawless


@pytest.mark.parametrize(
    "rows",
    [
        slice(None, None, -1),
        slice(None, None, 2),
        np.array([3, 1, 2]),
        np.arange(200) % 2 == 0,
    ],
)
def test_rows_that_may_not_follow_each_other_are_not_known_to_be_flawless(
    rows: slice | np.ndarray,
) -> None:
    assert not examined(made_candles()).taken(rows).is_flawless


@pytest.mark.parametrize("name", ["open_times", *COLUMNS])
def test_with_another_column_nothing_is_known_any_more(name: str) -> None:
    whole = examined(made_candles())
    damaged = replace(whole, **{name: -getattr(whole, name)})
    assert not damaged.is_flawless
    assert defects(damaged)


def test_candles_that_were_not_looked_at_are_no_part_of_what_is_said() -> None:
    damaged = with_cell(made_candles(), "close", 0, np.nan)
    assert examined(damaged) is damaged
    sound = made_candles()
    assert examined(sound) is not sound
    assert not sound.is_flawless


def test_a_stretch_of_flawless_candles_is_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = examined(made_candles())

    def never(candles: Candles) -> str:
        raise AssertionError(candles)

    monkeypatch.setattr(candle_checks, "ORDER_RULES", (never,))
    assert defects(whole.taken(slice(60, 160))) == ()
    with pytest.raises(AssertionError):
        defects(unknown(whole))


# --- what follows -------------------------------------------------------------------------------


@given(cut=st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_no_candle_is_shown_before_it_has_closed(cut: int) -> None:
    whole = examined(made_candles(rows=300))
    at_ms = int(whole.open_times[0]) + cut * HALF_HOUR_MS
    for moment in (at_ms - 1, at_ms, at_ms + 1):
        shown, told = closed_by(whole, moment), closed_by(unknown(whole), moment)
        assert shown.open_times.tolist() == told.open_times.tolist()
    nothing = whole.taken(slice(0))
    assert closed_by(nothing, at_ms) is nothing


@given(end=st.integers(FEWEST_CANDLES, 300), rows=st.integers(FEWEST_CANDLES, 300))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("timeframe", ["5m", "30m", "1h", "4h"])
def test_snapshots_and_returns_are_the_same_to_the_last_bit(
    timeframe: str, end: int, rows: int
) -> None:
    whole, hourly = examined(made_candles(timeframe, 300)), examined(made_candles("1h", 300))
    shown = whole.taken(slice(max(0, end - rows), end))
    step_ms = int(whole.open_times[1] - whole.open_times[0])
    at = datetime.fromtimestamp((int(shown.open_times[-1]) + step_ms) / 1000, UTC)
    frames = (shown, closed_by(hourly, int(at.timestamp() * 1000)))
    assert told(frames, at) == told(tuple(map(unknown, frames)), at)
    assert log_returns(shown).values.tolist() == log_returns(unknown(shown)).values.tolist()


def test_a_candle_that_closed_hours_before_is_not_the_one_of_a_day_ago() -> None:
    """The main candles are too few, and most of a day's moments are far from a 4h close."""
    short, long = examined(made_candles("30m", 300)), examined(made_candles("4h", 300))

    def changes(seen: Callable[[Candles], Candles]) -> list[float | None]:
        ends = range(100, 116)
        mains = [a_view(seen(short.taken(slice(end - 40, end)))) for end in ends]
        coarse = a_view(seen(long))
        return [market_facts(main, [coarse]).get("change_pct_24h") for main in mains]

    known = changes(lambda candles: candles)
    assert known == changes(unknown)
    assert [change is None for change in known].count(False) == 4


def told(frames: tuple[Candles, ...], at: datetime) -> list[tuple[str, float]] | str:
    """The facts in their order, or why there are none."""
    try:
        return list(build_snapshot(PAIR, at, frames, RULES).facts.items())
    except MarketDataError as error:
        return str(error)


# --- the facts of a longer timeframe ------------------------------------------------------------


def a_view(candles: Candles, **indicators: float) -> TimeframeView:
    """A view whose indicators took these values last."""
    changed = {name: np.full(len(candles), value) for name, value in indicators.items()}
    return TimeframeView(candles, compute(candles) | changed)


def hourly_rsi(view: TimeframeView) -> float:
    """What is told of an hourly view beside a main one."""
    return market_facts(a_view(made_candles()), [view])["rsi_1h"]


def test_other_indicators_of_the_same_candles_are_other_facts() -> None:
    candles = made_candles("1h")
    views = [a_view(candles, rsi_14=value) for value in (10.0, 20.0)]
    assert [hourly_rsi(view) for view in (*views, *views)] == [10.0, 20.0, 10.0, 20.0]
    for value in range(50):
        # Let go of at once: the next ones would get the same place in memory.
        assert hourly_rsi(a_view(candles, rsi_14=float(value))) == value


def test_the_next_candle_brings_other_facts() -> None:
    whole = made_candles("1h")
    views = [a_view(whole.taken(slice(end - 100, end))) for end in (150, 151)]
    assert [hourly_rsi(view) for view in views] == [view.latest("rsi_14") for view in views]


def test_the_trend_is_worked_out_once_and_forgotten_with_the_candles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    trend: Callable[[TimeframeView], dict[str, float | None]] = facts._trend

    def noting(view: TimeframeView) -> dict[str, float | None]:
        asked.append(view.timeframe)
        return trend(view)

    monkeypatch.setattr(facts, "_trend", noting)
    # What earlier tests dropped may still wait to be collected.
    gc.collect()
    before = len(facts._TOLD)
    day = a_view(made_candles("1d"))
    for seed in range(3):
        market_facts(a_view(made_candles(seed=seed)), [day])
    assert asked.count("1d") == 1
    assert asked.count("30m") == 3
    assert len(facts._TOLD) == before + 1
    del day
    gc.collect()
    assert len(facts._TOLD) == before

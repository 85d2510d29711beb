"""The replayed market is continuous, repeatable and never shows what has not happened."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_modules.sandbox.candles import (
    DAY_MS,
    FIVE_MINUTES_MS,
    HOUR_MS,
    INTERVALS_MS,
    MINUTE_MS,
    TickCandles,
    resample,
)
from llm_modules.sandbox.contracts import CONTRACTS
from llm_modules.sandbox.history import PairHistory, load_history
from llm_modules.sandbox.replay import FUNDING_INTERVAL_MS, MarketReplay, PairReplay, Window

DATA_DIR = Path(__file__).parents[2] / "user_data" / "data"
ANCHOR_MS = 1_790_000_100_000  # 2026-09-21 14:15 UTC
HISTORIES = [load_history(DATA_DIR, contract) for contract in CONTRACTS]
COUNT = len(HISTORIES[0].candles)
REPETITION_MS = COUNT * FIVE_MINUTES_MS
NAMES = [history.contract.base for history in HISTORIES]
BTC = HISTORIES[0]

histories = pytest.mark.parametrize("history", HISTORIES, ids=NAMES)


def replay(history: PairHistory = BTC, anchor_ms: int = ANCHOR_MS) -> PairReplay:
    return PairReplay(history, anchor_ms)


def short_history(candles: int) -> PairHistory:
    """Return the first candles of BTC as if nothing else had been recorded."""
    columns = (column[:candles] for column in BTC.candles.columns())
    return PairHistory(BTC.contract, TickCandles(*columns), BTC.funding_rates[:2])


def equal(one: TickCandles, other: TickCandles) -> bool:
    return all(map(np.array_equal, one.columns(), other.columns()))


@histories
def test_at_the_anchor_the_record_is_served_as_it_is_and_closes_now(history: PairHistory) -> None:
    shown = replay(history).candles("5m", ANCHOR_MS - 1, Window(limit=COUNT))

    real = history.candles
    assert shown.open_times[-1] + FIVE_MINUTES_MS == ANCHOR_MS
    assert np.array_equal(
        shown.open_times - real.open_times,
        np.full(COUNT, ANCHOR_MS - REPETITION_MS - real.open_times[0]),
    )
    # The newest candle is still one millisecond from its close; all others are the record.
    for mine, theirs in zip(shown.columns()[1:], real.columns()[1:], strict=True):
        assert np.array_equal(mine[:-1], theirs[:-1])
    newest = replay(history).candles("5m", ANCHOR_MS, Window(limit=2))
    assert (newest.close[0], newest.volume[0]) == (real.close[-1], real.volume[-1])


@histories
@pytest.mark.parametrize("repetition", [1, 2, 6])
def test_prices_join_at_the_seam_without_a_jump(history: PairHistory, repetition: int) -> None:
    seam_ms = ANCHOR_MS + (repetition - 1) * REPETITION_MS
    shown = replay(history).candles("5m", seam_ms + DAY_MS, Window(400, seam_ms - HOUR_MS))
    seam = int(np.searchsorted(shown.open_times, seam_ms))

    assert abs(int(shown.open[seam]) - int(shown.close[seam - 1])) <= 1
    assert np.all(np.diff(shown.open_times) == FIVE_MINUTES_MS)


def test_a_repetition_has_the_shape_of_the_record_on_another_level() -> None:
    market = replay()
    later = market.candles("5m", ANCHOR_MS + REPETITION_MS, Window(COUNT, ANCHOR_MS))
    later = later.between(ANCHOR_MS, ANCHOR_MS + REPETITION_MS)

    scale = BTC.candles.close[-1] / BTC.candles.open[0]
    assert later.close == pytest.approx(BTC.candles.close * scale, abs=0.51)
    assert np.array_equal(later.volume, BTC.candles.volume)


def test_no_price_ever_falls_below_one_tick() -> None:
    shrinking = replay(HISTORIES[4])

    far = shrinking.candles("1h", ANCHOR_MS + 200 * REPETITION_MS, Window(limit=50))

    assert far.low.min() == 1


@histories
@pytest.mark.parametrize("interval", ["3m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"])
def test_every_interval_is_the_aggregate_of_its_minutes(
    history: PairHistory, interval: str
) -> None:
    market, now_ms = replay(history), ANCHOR_MS + 7 * MINUTE_MS + 23_456
    shown = market.candles(interval, now_ms, Window(limit=2))

    start_ms = int(shown.open_times[0])
    minutes = market.candles("1m", now_ms, Window(20_000, start_ms))

    assert equal(resample(minutes, INTERVALS_MS[interval]), shown)


def test_nothing_exists_before_the_first_real_candle() -> None:
    market = replay()
    oldest_ms = ANCHOR_MS - REPETITION_MS

    whole = market.candles("5m", ANCHOR_MS, Window(COUNT + 100))
    before = market.candles("1m", ANCHOR_MS, Window(10, 0, oldest_ms - 1))

    assert market.origin_ms == oldest_ms
    assert whole.open_times[0] == oldest_ms
    assert len(before) == 0
    assert market.candles("1m", ANCHOR_MS, Window(10, 0, oldest_ms)).open_times[0] == oldest_ms


def test_the_oldest_bucket_of_a_longer_interval_is_partial() -> None:
    oldest = replay().candles("1d", ANCHOR_MS, Window(limit=100))
    first_day = oldest.open_times[0]

    assert first_day <= ANCHOR_MS - REPETITION_MS < first_day + DAY_MS
    assert first_day % DAY_MS == 0
    assert oldest.open[0] == BTC.candles.open[0]


@given(
    st.sampled_from(sorted(INTERVALS_MS)),
    st.integers(ANCHOR_MS - REPETITION_MS, ANCHOR_MS + 3 * REPETITION_MS),
    st.integers(1, 500),
)
@settings(max_examples=60, deadline=None)
def test_nothing_of_the_future_is_shown(interval: str, now_ms: int, limit: int) -> None:
    shown = replay().candles(interval, now_ms, Window(limit))

    assert 1 <= len(shown) <= limit
    assert shown.open_times[-1] <= now_ms < shown.open_times[-1] + INTERVALS_MS[interval]
    assert np.all(shown.low <= np.minimum(shown.open, shown.close))
    assert np.all(shown.high >= np.maximum(shown.open, shown.close))


@given(
    st.sampled_from(["1m", "5m", "1h"]),
    st.integers(0, 2 * REPETITION_MS),
    st.integers(0, DAY_MS),
)
@settings(max_examples=50, deadline=None)
def test_a_closed_candle_never_changes(interval: str, age_ms: int, wait_ms: int) -> None:
    market, now_ms = replay(), ANCHOR_MS + age_ms
    shown = market.candles(interval, now_ms, Window(limit=20))

    start_ms, end_ms = int(shown.open_times[0]), int(shown.open_times[-1])
    later = market.candles(interval, now_ms + wait_ms, Window(20, start_ms, end_ms - 1))

    assert equal(shown.between(0, end_ms), later)


@given(st.integers(0, 2 * REPETITION_MS), st.sampled_from(sorted(INTERVALS_MS)))
@settings(max_examples=30, deadline=None)
def test_a_restart_shows_the_same_market(age_ms: int, interval: str) -> None:
    now_ms, window = ANCHOR_MS + age_ms, Window(limit=30)

    assert equal(
        replay().candles(interval, now_ms, window), replay().candles(interval, now_ms, window)
    )


def test_pairs_do_not_share_their_random_numbers() -> None:
    one, other = (replay(history).candles("1m", ANCHOR_MS, Window(50)) for history in HISTORIES[:2])

    shares = [candles.volume[:5] / candles.volume[:5].sum() for candles in (one, other)]
    assert not np.allclose(*shares)


@pytest.mark.parametrize(
    ("window", "first", "count"),
    [
        (Window(limit=3), 598, 3),
        (Window(limit=3, end_ms=ANCHOR_MS + 10 * MINUTE_MS), 8, 3),
        (Window(limit=3, end_ms=ANCHOR_MS + 10 * MINUTE_MS - 1), 7, 3),
        (Window(limit=3, start_ms=ANCHOR_MS + 10 * MINUTE_MS), 10, 3),
        (Window(limit=3, start_ms=ANCHOR_MS + 10 * MINUTE_MS + 1), 11, 3),
        (Window(9, ANCHOR_MS + 10 * MINUTE_MS, ANCHOR_MS + 12 * MINUTE_MS), 10, 3),
        (Window(9, ANCHOR_MS + 599 * MINUTE_MS), 599, 2),
        (Window(limit=1, end_ms=ANCHOR_MS + 9999 * MINUTE_MS), 600, 1),
    ],
)
def test_windows_are_cut_as_binance_cuts_them(window: Window, first: int, count: int) -> None:
    shown = replay().candles("1m", ANCHOR_MS + 600 * MINUTE_MS, window)

    assert shown.open_times[0] == ANCHOR_MS + first * MINUTE_MS
    assert len(shown) == count


@pytest.mark.parametrize(
    "window", [Window(5, ANCHOR_MS + HOUR_MS), Window(5, ANCHOR_MS, ANCHOR_MS - 1)]
)
def test_a_window_beyond_now_is_empty(window: Window) -> None:
    assert len(replay().candles("1m", ANCHOR_MS, window)) == 0
    assert len(replay().candles("1h", ANCHOR_MS, window)) == 0


def test_the_price_moves_within_a_minute_and_agrees_with_its_candle() -> None:
    market = replay()
    minute_ms = ANCHOR_MS + 11 * MINUTE_MS
    whole = market.candles("1m", minute_ms + MINUTE_MS, Window(1, minute_ms))

    prices = [int(market.minute(minute_ms + second * 1000).close[0]) for second in range(60)]

    assert prices[0] == whole.open[0]
    assert len(set(prices)) > 20
    assert min(prices) == whole.low[0]
    assert max(prices) == whole.high[0]
    assert market.minute(minute_ms + 59_999).close[0] == pytest.approx(whole.close[0], abs=1)


@histories
def test_fundings_fall_on_the_eight_hour_grid_with_the_recorded_rates(
    history: PairHistory,
) -> None:
    fundings = replay(history).fundings(ANCHOR_MS, Window(limit=1000))

    assert len(fundings) == 181
    assert all(funding.at_ms % FUNDING_INTERVAL_MS == 0 for funding in fundings)
    assert [funding.rate for funding in fundings][:180] == history.funding_rates.tolist()
    assert fundings[180].rate == history.funding_rates[0]
    assert ANCHOR_MS - FUNDING_INTERVAL_MS < fundings[-1].at_ms <= ANCHOR_MS
    assert fundings[0].at_ms >= ANCHOR_MS - REPETITION_MS
    for funding in fundings[::40]:
        assert funding.price == replay(history).minute(funding.at_ms).close[0]


def test_fundings_are_cut_like_candles() -> None:
    market = replay()
    every = market.fundings(ANCHOR_MS, Window(limit=1000))

    assert market.fundings(ANCHOR_MS, Window(limit=2)) == every[-2:]
    assert market.fundings(ANCHOR_MS, Window(2, every[5].at_ms)) == every[5:7]
    assert market.fundings(ANCHOR_MS, Window(2, 0)) == every[:2]
    assert market.fundings(ANCHOR_MS, Window(9, every[5].at_ms, every[6].at_ms)) == every[5:7]
    assert market.fundings(ANCHOR_MS, Window(9, ANCHOR_MS + 1)) == []


def test_an_hour_old_market_has_no_funding_unless_the_grid_was_crossed() -> None:
    # 14:15 to 15:15 UTC crosses no funding time, so there is none to show.
    market = replay(short_history(12))

    assert market.fundings(ANCHOR_MS, Window(limit=5)) == []


def test_a_short_record_repeats_often_and_stays_continuous() -> None:
    market = replay(short_history(3))

    shown = market.candles("5m", ANCHOR_MS + HOUR_MS, Window(limit=500))

    assert len(shown) == 3 + 12 + 1
    assert np.all(np.abs(shown.open[1:] - shown.close[:-1]) <= 2)


def test_the_market_lists_its_contracts_and_knows_no_others() -> None:
    market = MarketReplay(HISTORIES, ANCHOR_MS)

    found = market.find("SOLUSDT")

    assert found is not None
    assert found.contract is CONTRACTS[2]
    assert market.find("LUNAUSDT") is None
    assert market.contracts == CONTRACTS
    assert [pair.contract for pair in market] == list(CONTRACTS)

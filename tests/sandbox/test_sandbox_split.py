"""What is invented within a real 5m candle never contradicts that candle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_modules.sandbox.candles import FIVE_MINUTES_MS, MINUTE_MS, TickCandles, resample
from llm_modules.sandbox.split import running_minute, seed_of, split_minutes, uniform

START_MS = 1_769_385_600_000


def candles(step_ms: int, values: list[tuple[int, int, int, int, int]]) -> TickCandles:
    """Return candles from (open, high, low, close, volume) tuples."""
    columns = [np.array(column, dtype=np.int64) for column in zip(*values, strict=True)]
    times = START_MS + np.arange(len(values), dtype=np.int64) * step_ms
    return TickCandles(times, *columns)


@st.composite
def real_candles(draw: st.DrawFn, step_ms: int = FIVE_MINUTES_MS) -> TickCandles:
    values = []
    for _ in range(draw(st.integers(1, 12))):
        prices = sorted(draw(st.integers(1, 1_000_000)) for _ in range(4))
        first, last = draw(st.permutations(prices[1:3]))
        values.append((first, prices[3], prices[0], last, draw(st.integers(0, 10**10))))
    return candles(step_ms, values)


@given(real_candles(), st.integers(0, 2**64 - 1))
@settings(max_examples=100)
def test_five_minutes_aggregate_exactly_to_their_candle(real: TickCandles, seed: int) -> None:
    again = resample(split_minutes(real, seed), FIVE_MINUTES_MS)

    assert all(map(np.array_equal, again.columns(), real.columns()))


@given(real_candles(), st.integers(0, 2**64 - 1))
@settings(max_examples=60)
def test_every_minute_is_itself_a_possible_candle(real: TickCandles, seed: int) -> None:
    minutes = split_minutes(real, seed)

    assert len(minutes) == 5 * len(real)
    assert np.all(minutes.low <= np.minimum(minutes.open, minutes.close))
    assert np.all(minutes.high >= np.maximum(minutes.open, minutes.close))
    assert np.all(minutes.volume >= 0)
    assert np.all(np.diff(minutes.open_times) == MINUTE_MS)


@given(real_candles(), st.integers(0, 2**64 - 1))
@settings(max_examples=30)
def test_within_a_candle_each_minute_opens_where_the_last_closed(
    real: TickCandles, seed: int
) -> None:
    minutes = split_minutes(real, seed)
    opens, closes = minutes.open.reshape(-1, 5), minutes.close.reshape(-1, 5)

    assert np.array_equal(opens[:, 1:], closes[:, :-1])


def test_a_candle_is_split_the_same_alone_and_among_others() -> None:
    three = candles(FIVE_MINUTES_MS, [(100, 190, 40, 120, 999)] * 3)
    last = three.between(START_MS + 2 * FIVE_MINUTES_MS, START_MS + 3 * FIVE_MINUTES_MS)

    among, alone = split_minutes(three, 7), split_minutes(last, 7)

    assert among.close[10:].tolist() == alone.close.tolist()
    assert among.volume[10:].tolist() == alone.volume.tolist()


def test_other_seeds_and_other_times_give_other_minutes() -> None:
    two = candles(FIVE_MINUTES_MS, [(1000, 1900, 400, 1200, 9999)] * 2)

    assert split_minutes(two, 1).close.tolist() != split_minutes(two, 2).close.tolist()
    closes = split_minutes(two, 1).close
    assert closes[:5].tolist() != closes[5:].tolist()


def test_minute_marks_stray_from_the_straight_line_by_up_to_three_tenths_of_the_range() -> None:
    flat = split_minutes(candles(FIVE_MINUTES_MS, [(5_000, 10_000, 1, 5_000, 9)] * 200), 3)
    inner = flat.close.reshape(-1, 5)[:, :4]

    assert 1_980 <= inner.min() <= 2_100
    assert 7_900 <= inner.max() <= 8_020
    assert inner.mean() == pytest.approx(5_000, abs=150)


def test_wicks_use_a_part_of_the_room_that_is_left() -> None:
    flat = split_minutes(candles(FIVE_MINUTES_MS, [(5_000, 10_000, 1, 5_000, 9)] * 200), 3)
    tops, bottoms = np.maximum(flat.open, flat.close), np.minimum(flat.open, flat.close)
    above = (flat.high - tops) / (10_000 - tops)
    below = (bottoms - flat.low) / (bottoms - 1)

    for shares in (above, below):
        # One minute in five reaches the extreme; the others stay near their body.
        assert (shares == 1).mean() == pytest.approx(0.2)
        wicks = shares[shares < 1]
        assert 0.28 < wicks.max() < 0.3
        assert wicks.mean() == pytest.approx(0.1, abs=0.02)


def test_a_volume_is_shared_out_and_not_given_to_one_minute() -> None:
    volumes = split_minutes(candles(FIVE_MINUTES_MS, [(1, 9, 1, 5, 100_000)]), 3).volume

    assert volumes.min() > 5_000
    assert volumes.max() < 45_000


def test_random_numbers_fill_the_unit_interval_evenly() -> None:
    numbers = uniform(seed_of("BTCUSDT"), np.arange(5_000), 4)

    assert numbers.shape == (5_000, 4)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert numbers.mean(axis=0) == pytest.approx([0.5] * 4, abs=0.02)
    assert numbers.var(axis=0) == pytest.approx([1 / 12] * 4, abs=0.01)
    correlation = np.corrcoef(numbers.T) - np.eye(4)
    assert np.abs(correlation).max() < 0.06


def split_mix(counter: int, seed: int) -> float:
    """Return SplitMix64's number in plain integers, as its authors wrote it down."""
    whole = 2**64 - 1
    state = (counter * 0x9E3779B97F4A7C15 + seed) & whole
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & whole
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & whole
    return ((state ^ (state >> 31)) >> 11) / 2**53


def test_random_numbers_are_the_same_on_every_machine() -> None:
    # A changed seed changes every sandbox market that was ever started.
    assert seed_of("BTCUSDT") == 1849315537067129065
    drawn = uniform(seed_of("BTCUSDT"), np.array([5_897_952, 0]), 3)
    for row, index in zip(drawn.tolist(), (5_897_952, 0), strict=True):
        assert row == [split_mix(index * 3 + column, seed_of("BTCUSDT")) for column in (1, 2, 3)]


RISING = (100, 130, 70, 115, 600)
FALLING = (115, 130, 70, 100, 600)


@pytest.mark.parametrize(
    ("second", "price", "high", "low"),
    [
        (0, 100, 100, 100),
        (10, 85, 100, 85),
        (20, 70, 100, 70),
        (30, 100, 100, 70),
        (40, 130, 130, 70),
        (50, 122, 130, 70),
        (59, 116, 130, 70),
    ],
)
def test_a_rising_minute_visits_its_low_before_its_high(
    second: int, price: int, high: int, low: int
) -> None:
    seen = running_minute(candles(MINUTE_MS, [RISING]), START_MS + second * 1000)

    assert (seen.close[0], seen.high[0], seen.low[0], seen.open[0]) == (price, high, low, 100)


@pytest.mark.parametrize(
    ("second", "price", "high", "low"), [(20, 130, 130, 115), (40, 70, 130, 70)]
)
def test_a_falling_minute_visits_its_high_before_its_low(
    second: int, price: int, high: int, low: int
) -> None:
    seen = running_minute(candles(MINUTE_MS, [FALLING]), START_MS + second * 1000)

    assert (seen.close[0], seen.high[0], seen.low[0]) == (price, high, low)


def test_volume_grows_with_the_minute() -> None:
    minute = candles(MINUTE_MS, [RISING])

    grown = [int(running_minute(minute, START_MS + ms).volume[0]) for ms in (0, 30_000, 59_999)]

    assert grown == [0, 300, 599]


@given(real_candles(MINUTE_MS), st.integers(0, 59_999), st.integers(0, 59_999))
@settings(max_examples=80)
def test_what_a_minute_has_shown_only_grows(real: TickCandles, first: int, second: int) -> None:
    minute = real.between(START_MS, START_MS + 1)
    earlier, later = (running_minute(minute, START_MS + ms) for ms in sorted((first, second)))

    assert minute.low[0] <= later.low[0] <= earlier.low[0]
    assert earlier.high[0] <= later.high[0] <= minute.high[0]
    assert earlier.volume[0] <= later.volume[0] <= minute.volume[0]
    assert later.low[0] <= later.close[0] <= later.high[0]

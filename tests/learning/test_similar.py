import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON
from llm_modules.domain import Candles, TimeframeView
from llm_modules.learning import similar
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.similar import NEAR, Neighbour, Situations
from llm_modules.learning.situation import situation
from llm_modules.market.facts import market_facts
from llm_modules.market.indicators import compute
from own_trades import own_trade

SAMPLE = Path(__file__).parent.parent.parent / "user_data" / "data" / "binance" / "futures"
LATER = NOON + timedelta(days=99)
USUAL = {
    "rsi": 50.0,
    "adx": 25.0,
    "bb_position": 0.5,
    "atr_pct": 0.6,
    "ema_gap_pct": 0.0,
    "macd_hist_pct": 0.0,
    "volume_ratio": 1.0,
    "change_pct_24h": 0.0,
}
ORIGIN = (0.0,) * 8
nan = math.nan


def without(*names: str) -> dict[str, float]:
    return {name: value for name, value in USUAL.items() if name not in names}


def entered(number: int, point: Sequence[float] | None, **changes: Any) -> RememberedTrade:
    return own_trade(number, situation=None if point is None else tuple(point), **changes)


def some(*trades: RememberedTrade) -> Situations:
    situations = Situations()
    for trade in trades:
        situations.add(trade)
    return situations


def found(
    situations: Situations, point: tuple[float, ...] = ORIGIN, before: datetime = LATER
) -> list[int]:
    return [one.trade.trade_id for one in situations.nearest(point, before=before, count=9)]


def test_the_usual_market_is_the_origin() -> None:
    assert situation(USUAL) == pytest.approx(ORIGIN)


@pytest.mark.parametrize(
    ("fact", "value", "axis", "place"),
    [
        ("rsi", 62.0, 0, 1.0),
        ("rsi", 14.0, 0, -3.0),
        ("adx", 36.0, 1, 1.0),
        ("bb_position", 1.2, 2, 2.0),
        ("atr_pct", 0.6 * math.e, 3, 2.0),
        ("ema_gap_pct", -0.66, 4, -1.0),
        ("macd_hist_pct", 0.12, 5, 1.0),
        ("volume_ratio", math.exp(-0.65), 6, -1.0),
        ("change_pct_24h", 5.4, 7, 2.0),
    ],
)
def test_each_fact_is_measured_in_its_own_spreads(
    fact: str, value: float, axis: int, place: float
) -> None:
    point = situation(USUAL | {fact: value})
    assert point is not None
    assert point[axis] == pytest.approx(place)
    assert [one for number, one in enumerate(point) if number != axis] == pytest.approx([0] * 7)


def test_percentages_are_measured_by_the_volatility_so_that_pairs_compare() -> None:
    calm = USUAL | {"atr_pct": 0.3, "ema_gap_pct": 0.2, "macd_hist_pct": 0.03}
    wild = USUAL | {"atr_pct": 3.0, "ema_gap_pct": 2.0, "macd_hist_pct": 0.3}
    one, other = situation(calm), situation(wild)
    assert one is not None
    assert other is not None
    assert one[4:] == pytest.approx(other[4:])
    assert one[3] < other[3]


@pytest.mark.parametrize(("rsi", "place"), [(97.9, 3.99167), (98.0, 4.0), (100.0, 4.0)])
def test_a_freak_number_is_clipped_at_four_spreads(rsi: float, place: float) -> None:
    point = situation(USUAL | {"rsi": rsi, "ema_gap_pct": -1e300})
    assert point is not None
    assert point[0] == pytest.approx(place, abs=1e-4)
    assert point[4] == -4.0


@pytest.mark.parametrize("missing", [(), ("rsi",), ("rsi", "adx")])
def test_an_axis_that_is_not_known_is_not_a_number(missing: tuple[str, ...]) -> None:
    point = situation(without(*missing))
    assert point is not None
    assert [math.isnan(axis) for axis in point] == [name in missing for name in USUAL]


def test_with_three_of_eight_axes_missing_there_is_no_situation() -> None:
    assert situation(without("rsi", "adx", "volume_ratio")) is None
    assert situation({}) is None


@pytest.mark.parametrize("atr_pct", [0.0, -1.0])
def test_without_volatility_too_much_is_missing(atr_pct: float) -> None:
    assert situation(USUAL | {"atr_pct": atr_pct}) is None
    assert situation(without("atr_pct")) is None


def test_without_volume_the_rest_still_counts() -> None:
    point = situation(USUAL | {"volume_ratio": 0.0})
    assert point is not None
    assert math.isnan(point[6])


@given(st.dictionaries(st.sampled_from([*USUAL]), st.floats(allow_nan=False)))
def test_any_facts_give_a_bounded_point_or_none(facts: dict[str, float]) -> None:
    point = situation(facts)
    if point is not None:
        assert len([axis for axis in point if abs(axis) <= 4]) >= 6


def test_the_nearest_comes_first_with_its_distance() -> None:
    near, nearer = entered(1, (0.4,) * 8), entered(2, (0.2,) * 8)
    one, other = some(near, nearer).nearest(ORIGIN, before=LATER, count=5)
    assert (one.trade, other.trade) == (nearer, near)
    assert (one.distance, other.distance) == pytest.approx((0.2, 0.4))


def test_the_distance_is_the_root_mean_square_over_the_axes() -> None:
    situations = some(entered(1, (1.6, 0, 0, 0, 0, 0, 0, 0)))
    (neighbour,) = situations.nearest(ORIGIN, before=LATER, count=5)
    assert neighbour.distance == pytest.approx(math.sqrt(1.6**2 / 8))


def test_axes_that_one_of_both_does_not_know_do_not_count() -> None:
    situations = some(entered(1, (0.5, 0.5, 0.5, 0.5, 0.5, 0.5, nan, nan)))
    here = (nan, nan, 0.0, 0.0, 0.0, 0.0, 4.0, 4.0)
    (neighbour,) = situations.nearest(here, before=LATER, count=5)
    assert neighbour.distance == pytest.approx(0.5)


@pytest.mark.parametrize(("away", "is_near"), [(0.59, True), (0.61, False)])
def test_what_is_not_near_is_not_told(away: float, is_near: bool) -> None:
    assert bool(found(some(entered(1, (away,) * 8)))) is is_near


def test_no_more_neighbours_are_returned_than_asked_for() -> None:
    situations = some(*(entered(number, ORIGIN) for number in range(1, 9)))
    assert len(situations.nearest(ORIGIN, before=LATER, count=3)) == 3
    assert situations.nearest(ORIGIN, before=LATER, count=0) == ()


def test_of_equally_near_ones_the_newest_come_first_in_any_order_of_arrival() -> None:
    for order in ((1, 2, 3), (3, 1, 2), (2, 3, 1)):
        assert found(some(*(entered(number, ORIGIN) for number in order))) == [3, 2, 1]


def test_a_trade_closed_at_the_very_moment_is_not_yet_known() -> None:
    situations = some(entered(1, ORIGIN), entered(2, ORIGIN))
    moment = NOON + timedelta(hours=2)
    assert found(situations, before=moment) == [1]
    assert found(situations, before=moment + timedelta(microseconds=1)) == [2, 1]
    assert found(situations, before=moment) == [1]
    assert found(situations, before=NOON) == []


def test_without_a_situation_or_ended_by_people_a_trade_is_left_out() -> None:
    assert found(some(entered(1, None), entered(2, ORIGIN, is_own=False))) == []


def test_a_late_trade_is_found_among_those_already_looked_at() -> None:
    situations = some(entered(1, (0.1,) * 8), entered(3, (0.3,) * 8))
    assert found(situations) == [1, 3]
    situations.add(entered(2, (0.2,) * 8))
    assert found(situations) == [1, 2, 3]


@pytest.mark.parametrize(("looked_at", "numbers"), [(2, [3, 2]), (3, [3, 2, 1]), (4, [3, 2, 1])])
def test_only_the_newest_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, looked_at: int, numbers: list[int]
) -> None:
    monkeypatch.setattr(similar, "LOOKED_AT", looked_at)
    situations = some(entered(1, ORIGIN), entered(2, ORIGIN))
    assert found(situations) == [2, 1]
    situations.add(entered(3, ORIGIN))
    assert found(situations) == numbers


points = st.lists(st.sampled_from([-0.5, 0.0, 0.25, 0.5, 1.0, nan]), min_size=2, max_size=2).map(
    lambda two: (*two, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
)


def searched(
    trades: Sequence[RememberedTrade], here: tuple[float, ...], before: datetime
) -> list[Neighbour]:
    """Look at every trade, one axis after the other."""
    neighbours = []
    for trade in trades:
        pairs = zip(trade.situation or (), here, strict=True)
        squares = [(one - other) ** 2 for one, other in pairs if not math.isnan(one - other)]
        distance = math.sqrt(sum(squares) / len(squares))
        if trade.closed_at < before and distance <= NEAR:
            neighbours.append(Neighbour(trade, distance))
    return sorted(neighbours, key=lambda one: (one.distance, -one.trade.trade_id))


@given(
    rows=st.lists(st.tuples(st.integers(1, 30), points), max_size=25, unique_by=lambda row: row[0]),
    questions=st.lists(st.tuples(st.integers(0, 31), points), max_size=8),
    joined=st.integers(0, 25),
)
def test_whatever_was_asked_before_the_answer_is_that_of_a_plain_search(
    rows: list[tuple[int, tuple[float, ...]]],
    questions: list[tuple[int, tuple[float, ...]]],
    joined: int,
) -> None:
    trades = [entered(number, point) for number, point in rows]
    situations = some(*trades[:joined])
    for hour, here in questions:
        situations.nearest(here, before=NOON + timedelta(hours=hour), count=5)
    for trade in trades[joined:]:
        situations.add(trade)
    for hour, here in questions:
        before = NOON + timedelta(hours=hour)
        expected = searched(trades, here, before)[:5]
        answer = situations.nearest(here, before=before, count=5)
        assert [one.trade.trade_id for one in answer] == [one.trade.trade_id for one in expected]
        distances = [one.distance for one in expected]
        assert [one.distance for one in answer] == pytest.approx(distances, abs=1e-6)


@given(
    rows=st.lists(points, min_size=4, max_size=12),
    here=points,
    asked=st.lists(st.integers(0, 13), max_size=6),
)
def test_whatever_window_was_asked_about_the_distances_are_those_of_a_fresh_start(
    rows: list[tuple[float, ...]], here: tuple[float, ...], asked: list[int]
) -> None:
    """Points with gaps enter the window and leave it; to the last bit nothing is left of them."""
    trades = [entered(number, point) for number, point in enumerate(rows)]
    used = some(*trades)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similar, "LOOKED_AT", 3)
        for hour in asked:
            before = NOON + timedelta(hours=hour)
            fresh = some(*trades).nearest(here, before=before, count=9)
            assert used.nearest(here, before=before, count=9) == fresh


def test_a_late_trade_is_found_where_no_time_had_passed_the_first() -> None:
    situations = some(entered(2, ORIGIN))
    assert found(situations, before=NOON) == []
    assert found(situations) == [2]
    situations.add(entered(1, ORIGIN))
    assert found(situations, before=NOON) == []
    assert found(situations) == [2, 1]


def sampled_points(pair: str, step: int) -> list[tuple[float, ...]]:
    """Return the situations of a pair on its real 30m candles, every so many of them."""
    frame = pd.read_feather(SAMPLE / f"{pair}_USDT_USDT-5m-futures.feather").set_index("date")
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    frame = frame.resample("30min").agg(rules).dropna()
    columns = [frame[name].to_numpy(float) for name in rules]
    times = frame.index.as_unit("ms").asi8
    facts = []
    for end in range(200, len(frame), step):
        last = slice(end - 200, end)
        candles = Candles("30m", times[last], *(column[last] for column in columns))
        facts.append(market_facts(TimeframeView(candles, compute(candles)), ()))
    return [point for point in map(situation, facts) if point is not None]


def test_the_scales_and_the_limit_fit_real_candles() -> None:
    pairs = [np.array(sampled_points(pair, 40)) for pair in ("BTC", "ETH", "SOL", "DOGE", "XRP")]
    every = np.concatenate(pairs)
    # Nothing is missing of what the snapshot of a real market tells.
    assert not np.isnan(every).any()
    spreads = every.std(axis=0)
    assert ((spreads > 0.5) & (spreads < 2)).all(), spreads
    distances = np.sqrt(((every[:, None] - every[None, :]) ** 2).mean(axis=2))
    distances = distances[np.triu_indices(len(every), 1)]
    assert 1.0 < np.median(distances) < 1.5
    assert 0.02 < (distances <= NEAR).mean() < 0.1

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, PAIR, a_trade_record
from llm_modules.journal.records import TradeRecord
from llm_modules.learning.history import Breakdown, HistoricalQueryEngine

ETH = "ETH/USDT:USDT"
LONG_AFTER = NOON + timedelta(days=365)


def closed(number: int, after_hours: float | None = None, **changes: Any) -> TradeRecord:
    """Trade `number`, closed so many hours after noon (its number, when not said)."""
    at = NOON + timedelta(hours=number if after_hours is None else after_hours)
    values = {"trade_id": number, "opened_at": at - timedelta(hours=1), "closed_at": at}
    return a_trade_record(**(values | changes))


def ids(records: tuple[TradeRecord, ...]) -> list[int]:
    return [record.trade_id for record in records]


def test_the_most_recent_trades_come_newest_first() -> None:
    history = HistoricalQueryEngine([closed(1), closed(2), closed(3)])
    assert ids(history.recent(2, before=LONG_AFTER)) == [3, 2]


@pytest.mark.parametrize(("count", "found"), [(0, []), (1, [3]), (3, [3, 2, 1]), (9, [3, 2, 1])])
def test_no_more_trades_are_returned_than_asked_for_or_known(count: int, found: list[int]) -> None:
    history = HistoricalQueryEngine([closed(1), closed(2), closed(3)])
    assert ids(history.recent(count, before=LONG_AFTER)) == found


def test_a_trade_closed_at_the_very_moment_is_not_yet_known() -> None:
    history = HistoricalQueryEngine([closed(1)])
    moment = NOON + timedelta(hours=1)
    assert history.recent(5, before=moment) == ()
    assert ids(history.recent(5, before=moment + timedelta(microseconds=1))) == [1]


def test_a_pair_is_asked_without_the_others() -> None:
    history = HistoricalQueryEngine([closed(1), closed(2, pair=ETH), closed(3)])
    assert ids(history.recent(5, pair=PAIR, before=LONG_AFTER)) == [3, 1]
    assert ids(history.recent(5, pair=ETH, before=LONG_AFTER)) == [2]
    assert history.recent(5, pair="SOL/USDT:USDT", before=LONG_AFTER) == ()


def test_asking_for_an_unknown_pair_leaves_no_trace() -> None:
    history = HistoricalQueryEngine([closed(1)])
    history.recent(5, pair="SOL/USDT:USDT", before=LONG_AFTER)
    history.closed_between(NOON, LONG_AFTER, pair="SOL/USDT:USDT")
    history.statistics(pair="SOL/USDT:USDT", before=LONG_AFTER)
    assert ("SOL/USDT:USDT", None) not in history._closed


def test_a_close_that_arrives_late_is_sorted_in() -> None:
    history = HistoricalQueryEngine([closed(1), closed(3)])
    history.add(closed(2))
    assert ids(history.recent(5, before=LONG_AFTER)) == [3, 2, 1]
    assert ids(history.recent(5, pair=PAIR, before=LONG_AFTER)) == [3, 2, 1]


def test_trades_closed_in_the_same_moment_are_ordered_by_their_number() -> None:
    for order in ([1, 2, 3], [3, 1, 2], [2, 3, 1]):
        history = HistoricalQueryEngine(closed(number, 5) for number in order)
        assert ids(history.recent(5, before=LONG_AFTER)) == [3, 2, 1]


def test_a_trade_that_is_known_already_is_ignored() -> None:
    history = HistoricalQueryEngine([closed(1)])
    history.add(closed(1, profit_ratio=-0.9))
    assert history.statistics(pair=None, before=LONG_AFTER, days=999).n == 1
    assert history.statistics(pair=None, before=LONG_AFTER, days=999).wins == 1


def test_the_same_number_in_a_new_database_is_another_trade() -> None:
    history = HistoricalQueryEngine([closed(1), closed(1, 40)])
    first, second = reversed(history.recent(5, before=LONG_AFTER))
    assert history.get(1, first.opened_at) is first
    assert history.get(1, second.opened_at) is second
    assert first is not second


def test_an_unknown_trade_is_none() -> None:
    history = HistoricalQueryEngine([closed(1)])
    assert history.get(2, closed(1).opened_at) is None
    assert history.get(1, NOON - timedelta(days=1)) is None


def test_between_two_times_the_first_counts_and_the_last_does_not() -> None:
    history = HistoricalQueryEngine(closed(number) for number in range(1, 6))
    found = history.closed_between(NOON + timedelta(hours=2), NOON + timedelta(hours=4))
    assert ids(tuple(found)) == [2, 3]


def test_between_two_times_a_side_can_be_asked_for() -> None:
    history = HistoricalQueryEngine(
        [closed(1, side="short"), closed(2), closed(3, side="short", pair=ETH)]
    )
    shorts = history.closed_between(NOON, LONG_AFTER, side="short")
    assert ids(tuple(shorts)) == [1, 3]
    assert ids(tuple(history.closed_between(NOON, LONG_AFTER, side="short", pair=ETH))) == [3]


def test_statistics_of_nothing_are_zeros_and_undefined_ratios() -> None:
    found = HistoricalQueryEngine().statistics(pair=None, before=NOON)
    assert (found.n, found.wins, found.win_rate, found.mean_profit_ratio) == (0, 0, 0.0, 0.0)
    assert (found.profit_factor, found.expectancy) == (None, None)
    assert (found.by_side, found.by_exit_reason) == ({}, {})


def test_statistics_add_up_by_hand() -> None:
    history = HistoricalQueryEngine(
        [
            closed(1, profit_ratio=0.06, exit_reason="signal_exit"),
            closed(2, profit_ratio=-0.02, exit_reason="stop_loss"),
            closed(3, profit_ratio=-0.04, exit_reason="liquidation", side="short"),
            closed(4, profit_ratio=0.03, exit_reason="signal_exit", side="short"),
        ]
    )
    found = history.statistics(pair=PAIR, before=NOON + timedelta(days=1))
    assert (found.n, found.wins, found.win_rate) == (4, 2, 0.5)
    assert found.mean_profit_ratio == pytest.approx(0.03 / 4)
    assert found.profit_factor == pytest.approx(0.09 / 0.06)
    assert found.expectancy == pytest.approx(0.0075 / 0.03)
    assert found.by_side["long"].mean_profit_ratio == pytest.approx(0.02)
    assert found.by_side["short"].mean_profit_ratio == pytest.approx(-0.005)
    assert {side: (group.n, group.wins) for side, group in found.by_side.items()} == {
        "long": (2, 1),
        "short": (2, 1),
    }
    assert found.by_exit_reason["signal_exit"].mean_profit_ratio == pytest.approx(0.045)
    assert found.by_exit_reason["signal_exit"].wins == 2
    assert found.by_exit_reason["stop_loss"] == Breakdown(1, 0, -0.02)
    assert found.by_exit_reason["liquidation"] == Breakdown(1, 0, -0.04)


def test_breaking_even_is_not_winning() -> None:
    history = HistoricalQueryEngine([closed(1, profit_ratio=0.0), closed(2, profit_ratio=0.01)])
    found = history.statistics(pair=None, before=NOON + timedelta(days=1))
    assert (found.n, found.wins, found.win_rate) == (2, 1, 0.5)


def test_a_side_without_trades_is_left_out() -> None:
    history = HistoricalQueryEngine([closed(1, side="short")])
    assert list(history.statistics(pair=None, before=LONG_AFTER, days=999).by_side) == ["short"]


@pytest.mark.parametrize(
    ("at", "n"),
    [
        (NOON, 0),
        (NOON + timedelta(microseconds=1), 1),
        (NOON + timedelta(days=30), 1),
        (NOON + timedelta(days=30, microseconds=1), 0),
    ],
)
def test_statistics_reach_back_30_days_and_end_before_their_time(at: Any, n: int) -> None:
    history = HistoricalQueryEngine([closed(1, 0)])
    assert history.statistics(pair=None, before=at).n == n


def test_the_number_of_days_can_be_chosen() -> None:
    history = HistoricalQueryEngine([closed(1, 0), closed(2, 47)])
    at = NOON + timedelta(days=2)
    assert history.statistics(pair=None, before=at, days=1).n == 1
    assert history.statistics(pair=None, before=at, days=2).n == 2


def test_statistics_are_computed_once_for_the_same_trades() -> None:
    history = HistoricalQueryEngine([closed(1), closed(2)])
    first = history.statistics(pair=None, before=NOON + timedelta(hours=5))
    assert history.statistics(pair=None, before=NOON + timedelta(hours=6)) is first


def test_statistics_follow_new_and_late_trades_and_ask_each_pair_apart() -> None:
    history = HistoricalQueryEngine([closed(1), closed(3)])
    at = NOON + timedelta(hours=5)
    assert history.statistics(pair=None, before=at).n == 2
    history.add(closed(2, pair=ETH))
    assert history.statistics(pair=None, before=at).n == 3
    assert history.statistics(pair=ETH, before=at).n == 1
    assert history.statistics(pair=PAIR, before=at).n == 2


def test_a_late_close_outside_the_window_does_not_leave_old_numbers_behind() -> None:
    history = HistoricalQueryEngine([closed(1, profit_ratio=0.1), closed(3, profit_ratio=0.1)])
    at, before = NOON + timedelta(hours=5), NOON + timedelta(hours=2)
    assert history.statistics(pair=None, before=before).mean_profit_ratio == 0.1
    history.add(closed(0, profit_ratio=-0.1))
    assert history.statistics(pair=None, before=before).mean_profit_ratio == 0.0
    assert history.statistics(pair=None, before=at).n == 3


numbered = st.lists(
    st.tuples(
        st.integers(1, 40),
        st.integers(0, 20),
        st.sampled_from([PAIR, ETH]),
        st.sampled_from(["long", "short"]),
        st.sampled_from([-0.05, 0.0, 0.02, 0.1]),
    ),
    max_size=20,
    unique_by=lambda values: values[0],
).map(
    lambda rows: [
        closed(number, hour, pair=pair, side=side, profit_ratio=profit)
        for number, hour, pair, side, profit in rows
    ]
)


@given(numbered.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_adding_one_by_one_in_any_order_equals_loading_at_once(
    both: tuple[list[TradeRecord], list[TradeRecord]],
) -> None:
    rows, shuffled = both
    loaded, grown = HistoricalQueryEngine(rows), HistoricalQueryEngine()
    for record in shuffled:
        grown.add(record)
        grown.statistics(pair=None, before=LONG_AFTER)
    for hour in (0, 7, 21):
        at = NOON + timedelta(hours=hour)
        for pair in (None, PAIR, ETH):
            assert loaded.recent(9, pair=pair, before=at) == grown.recent(9, pair=pair, before=at)
            assert loaded.statistics(pair=pair, before=at) == grown.statistics(pair=pair, before=at)


@given(numbered, st.integers(0, 21), st.integers(0, 25))
def test_nothing_closed_at_or_after_the_time_is_found_and_nothing_before_it_is_missed(
    rows: list[TradeRecord], hour: int, count: int
) -> None:
    at = NOON + timedelta(hours=hour)
    history = HistoricalQueryEngine(rows)
    known = [record for record in rows if record.closed_at < at]
    found = history.recent(count, before=at)
    assert len(found) == min(count, len(known))
    assert all(record.closed_at < at for record in found)
    assert history.statistics(pair=None, before=at, days=999).n == len(known)

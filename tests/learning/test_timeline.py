from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.remembered import RememberedTrade
from own_trades import own_trade


class Numbers:
    """The numbers of all trades it was given, each as often as it came."""

    made = 0

    def __init__(self) -> None:
        self.found: list[int] = []
        type(self).made += 1

    def add(self, trade: RememberedTrade) -> None:
        self.found.append(trade.trade_id)


def hours(count: float) -> datetime:
    return NOON + timedelta(hours=count)


def grow(history: HistoricalQueryEngine, *numbers: int) -> None:
    for number in numbers:
        history.add(own_trade(number))


def test_a_trade_closed_at_the_very_moment_is_not_in_the_sum() -> None:
    sums = HistoricalQueryEngine([own_trade(1)]).up_to(Numbers)
    assert sums.before(hours(1)).found == []
    assert sums.before(hours(1) + timedelta(microseconds=1)).found == [1]


def test_before_the_first_question_nothing_is_counted() -> None:
    history = HistoricalQueryEngine()
    sums = history.up_to(Numbers)
    grow(history, 1, 2)
    assert sums.before(hours(9)).found == [1, 2]


def test_each_trade_is_added_once_as_time_moves_on() -> None:
    history = HistoricalQueryEngine(own_trade(number) for number in (1, 2, 3, 4))
    sums = history.up_to(Numbers)
    first = sums.before(hours(2.5))
    assert first.found == [1, 2]
    assert sums.before(hours(2.5)) is first
    assert sums.before(hours(4.5)) is first
    assert first.found == [1, 2, 3, 4]


def test_a_late_trade_is_added_at_once_and_one_still_to_come_when_its_time_comes() -> None:
    history = HistoricalQueryEngine([own_trade(1)])
    sums = history.up_to(Numbers)
    sums.before(hours(3))
    grow(history, 2, 3)
    assert sums.before(hours(3)).found == [1, 2]
    assert sums.before(hours(4)).found == [1, 2, 3]


def test_an_earlier_question_starts_again_and_leaves_no_trade_behind() -> None:
    history = HistoricalQueryEngine(own_trade(number) for number in (1, 2, 3))
    sums = history.up_to(Numbers)
    late = sums.before(hours(9))
    early = sums.before(hours(2))
    assert early is not late
    assert early.found == [1]
    assert sums.before(hours(9)).found == [1, 2, 3]


def test_as_long_as_time_moves_on_nothing_is_counted_again() -> None:
    history = HistoricalQueryEngine(own_trade(number) for number in range(1, 50))
    Numbers.made = 0
    sums = history.up_to(Numbers)
    for hour in range(60):
        sums.before(hours(hour))
    assert Numbers.made == 1


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_trades_of_one_moment_are_all_in_or_all_out(order: tuple[int, ...]) -> None:
    history = HistoricalQueryEngine(own_trade(number, closed_at=hours(5)) for number in order)
    sums = history.up_to(Numbers)
    assert sums.before(hours(5)).found == []
    assert sorted(sums.before(hours(5.1)).found) == [1, 2, 3]


@given(
    steps=st.lists(
        st.one_of(
            st.integers(0, 30).map(lambda number: ("add", number)),
            st.integers(0, 31).map(lambda hour: ("ask", hour)),
        ),
        max_size=40,
    )
)
def test_whatever_was_added_and_asked_before_the_sum_equals_a_fresh_count(
    steps: list[tuple[str, int]],
) -> None:
    history = HistoricalQueryEngine()
    sums = history.up_to(Numbers)
    known: set[int] = set()
    for step, value in steps:
        if step == "add" and value not in known:
            known.add(value)
            grow(history, value)
        if step == "ask":
            expected = sorted(number for number in known if number < value)
            assert sorted(sums.before(hours(value)).found) == expected


def test_an_earlier_question_with_no_trade_between_starts_nothing_again() -> None:
    history = HistoricalQueryEngine([own_trade(1), own_trade(9)])
    sums = history.up_to(Numbers)
    found = sums.before(hours(8))
    assert sums.before(hours(2)) is found


def test_all_sums_of_a_history_hear_of_a_late_trade() -> None:
    history = HistoricalQueryEngine([own_trade(2)])
    one, other = history.up_to(Numbers), history.up_to(Numbers)
    first = one.before(hours(3))
    grow(history, 1)
    assert one.before(hours(3)) is first
    assert sorted(first.found) == sorted(other.before(hours(3)).found) == [1, 2]


def test_a_late_trade_beyond_what_was_counted_waits_and_starts_nothing_again() -> None:
    history = HistoricalQueryEngine([own_trade(1), own_trade(9)])
    sums = history.up_to(Numbers)
    first = sums.before(hours(3))
    grow(history, 5)
    assert sums.before(hours(4)) is first
    assert first.found == [1]
    assert sums.before(hours(6)) is first
    assert first.found == [1, 5]

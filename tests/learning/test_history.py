import statistics as plain
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from builders import NOON, PAIR
from llm_modules.learning.breakdowns import Breakdown, TradeStatistics
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.remembered import RememberedTrade
from own_trades import own_trade

ETH = "ETH/USDT:USDT"
SOL = "SOL/USDT:USDT"
NOTHING = Breakdown(0, 0, 0, 0.0, 0.0, 0.0)
LATER = NOON + timedelta(days=20)


def hours(count: float) -> datetime:
    return NOON + timedelta(hours=count)


def a_history(*numbers: int) -> HistoricalQueryEngine:
    return HistoricalQueryEngine(own_trade(number) for number in numbers)


def ids(trades: Sequence[RememberedTrade]) -> list[int]:
    return [trade.trade_id for trade in trades]


def statistics(*trades: RememberedTrade) -> TradeStatistics:
    return HistoricalQueryEngine(trades).statistics(pair=None, before=LATER)


def test_the_most_recent_trades_come_newest_first() -> None:
    assert ids(a_history(1, 2, 3).recent(2, before=LATER)) == [3, 2]


@pytest.mark.parametrize(("count", "found"), [(0, []), (1, [3]), (3, [3, 2, 1]), (9, [3, 2, 1])])
def test_no_more_trades_are_returned_than_asked_for_or_known(count: int, found: list[int]) -> None:
    history = a_history(1, 2, 3)
    assert ids(history.recent(count, before=LATER)) == found


@pytest.mark.parametrize(("count", "found"), [(1, [3]), (3, [3, 2, 1]), (9, [3, 2, 1])])
def test_the_newest_of_all_do_not_depend_on_a_time(count: int, found: list[int]) -> None:
    assert ids(a_history(2, 3, 1).newest(count)) == found


def test_of_nothing_there_is_nothing_newest() -> None:
    assert HistoricalQueryEngine().newest(3) == ()


def test_a_trade_closed_at_the_very_moment_is_not_yet_known() -> None:
    history = a_history(1)
    assert history.recent(5, before=hours(1)) == ()
    assert ids(history.recent(5, before=hours(1) + timedelta(microseconds=1))) == [1]


def test_a_time_of_another_zone_is_the_same_time() -> None:
    east = timezone(timedelta(hours=8))
    assert ids(a_history(1, 2).recent(5, before=hours(2).astimezone(east))) == [1]


def test_a_pair_is_asked_without_the_others() -> None:
    history = HistoricalQueryEngine([own_trade(1), own_trade(2, pair=ETH), own_trade(3)])
    assert ids(history.recent(5, pair=PAIR, before=LATER)) == [3, 1]
    assert ids(history.recent(5, pair=ETH, before=LATER)) == [2]
    assert history.recent(5, pair=SOL, before=LATER) == ()


def test_asking_for_an_unknown_pair_leaves_no_trace() -> None:
    history = a_history(1)
    history.recent(5, pair=SOL, before=LATER)
    assert history.statistics(pair=SOL, before=LATER).n == 0
    assert (SOL, None, None) not in history._timelines
    assert history._windows == {}


def test_a_close_that_arrives_late_is_sorted_in() -> None:
    history = a_history(1, 3)
    history.add(own_trade(2))
    assert ids(history.recent(5, before=LATER)) == [3, 2, 1]
    assert ids(history.recent(5, pair=PAIR, before=LATER)) == [3, 2, 1]


def test_trades_closed_in_the_same_moment_are_ordered_by_their_opening_and_number() -> None:
    for order in ([1, 2, 3], [3, 1, 2], [2, 3, 1]):
        history = HistoricalQueryEngine(
            own_trade(number, closed_at=hours(5), opened_at=hours(0 if number == 3 else 1))
            for number in order
        )
        assert ids(history.recent(5, before=LATER)) == [2, 1, 3]


def test_a_trade_that_is_known_already_is_ignored() -> None:
    history = a_history(1)
    history.add(own_trade(1, won=False))
    found = history.statistics(pair=None, before=LATER)
    assert (found.n, found.whole.wins) == (1, 1)


def test_the_same_number_in_a_new_database_is_another_trade() -> None:
    history = HistoricalQueryEngine([own_trade(1), own_trade(1, opened_at=hours(-40))])
    assert history.statistics(pair=None, before=LATER).n == 2
    assert history.knows(1, hours(-40))
    assert history.knows(1, hours(-1))


def test_an_unknown_trade_is_not_known() -> None:
    history = a_history(1)
    assert not history.knows(2, own_trade(1).opened_at)
    assert not history.knows(1, NOON - timedelta(days=1))


@pytest.mark.parametrize(
    ("asked", "n", "mean"),
    [
        ({}, 4, 0.025),
        ({"side": "short"}, 2, 0.02),
        ({"side": "short", "pair": ETH}, 1, 0.03),
        ({"regime": "ranging"}, 2, 0.025),
        ({"regime": "ranging", "pair": PAIR}, 1, 0.02),
        ({"regime": "ranging", "side": "short"}, 1, 0.03),
        ({"regime": "trending", "side": "short", "pair": PAIR}, 1, 0.01),
        ({"regime": "volatile"}, 0, 0.0),
    ],
)
def test_pair_side_and_regime_can_be_asked_for_alone_and_together(
    asked: dict[str, Any], n: int, mean: float
) -> None:
    history = HistoricalQueryEngine(
        [
            own_trade(1, profit_ratio=0.01, side="short"),
            own_trade(2, profit_ratio=0.02, regime="ranging"),
            own_trade(3, profit_ratio=0.03, side="short", pair=ETH, regime="ranging"),
            own_trade(4, profit_ratio=0.04),
        ]
    )
    found = history.statistics(**{"pair": None, "before": LATER} | asked)
    assert (found.n, found.mean_profit_ratio) == (n, pytest.approx(mean))


def test_statistics_of_nothing_are_zeros_and_undefined_ratios() -> None:
    found = HistoricalQueryEngine().statistics(pair=None, before=NOON, days=7)
    assert found == TradeStatistics(7, NOTHING, None, None, {}, {}, {}, {}, {}, {})


def test_statistics_add_up_by_hand() -> None:
    found = statistics(
        own_trade(1, profit_ratio=0.06),
        own_trade(2, profit_ratio=-0.02, exit_reason="stop_loss"),
        own_trade(3, profit_ratio=-0.04, exit_reason="liquidation", side="short"),
        own_trade(4, profit_ratio=0.03, side="short"),
    )
    assert (found.n, found.whole.wins, found.win_rate) == (4, 2, 0.5)
    assert found.mean_profit_ratio == pytest.approx(0.03 / 4)
    assert found.profit_factor == pytest.approx(0.09 / 0.06)
    assert found.expectancy == pytest.approx(0.0075 / 0.03)
    long, short = found.by_side["long"], found.by_side["short"]
    assert (long.n, long.wins, long.losses) == (short.n, short.wins, short.losses) == (2, 1, 1)
    assert long.mean_profit_ratio == pytest.approx(0.02)
    assert short.mean_profit_ratio == pytest.approx(-0.005)
    assert found.by_exit_reason["llm_exit"].mean_win_ratio == pytest.approx(0.045)
    assert found.by_exit_reason["stop_loss"] == Breakdown(1, 0, 1, -0.02, 0.0, 0.02)
    assert found.by_exit_reason["liquidation"] == Breakdown(1, 0, 1, -0.04, 0.0, 0.04)


def test_breaking_even_is_neither_winning_nor_losing() -> None:
    found = statistics(own_trade(1, profit_ratio=0.0), own_trade(2, profit_ratio=0.01))
    assert (found.n, found.whole.wins, found.win_rate) == (2, 1, 0.5)
    assert found.by_side["long"] == Breakdown(2, 1, 0, 0.005, 0.01, 0.0)
    assert (found.profit_factor, found.expectancy) == (None, None)


def test_only_losses_make_a_profit_factor_of_zero() -> None:
    found = statistics(own_trade(1, profit_ratio=-0.02), own_trade(2, profit_ratio=-0.04))
    assert (found.profit_factor, found.expectancy) == (0.0, -1.0)
    assert found.by_side["long"].mean_win_ratio == 0.0


@pytest.mark.parametrize(
    ("breakdown", "changes", "name"),
    [
        ("by_side", {"side": "short"}, "short"),
        ("by_regime", {"regime": "volatile"}, "volatile"),
        ("by_exit_reason", {"exit_reason": "liquidation"}, "liquidation"),
        ("by_hour", {"opened_at": hours(-12)}, "00-06"),
        ("by_hour", {"opened_at": hours(-6.001)}, "00-06"),
        ("by_hour", {"opened_at": hours(-6)}, "06-12"),
        ("by_hour", {"opened_at": hours(0)}, "12-18"),
        ("by_hour", {"opened_at": hours(-18.001)}, "12-18"),
        ("by_hour", {"opened_at": hours(-18)}, "18-24"),
        (
            "by_hour",
            {"opened_at": hours(-12).astimezone(timezone(timedelta(hours=8)))},
            "00-06",
        ),
        ("by_leverage", {"leverage": 0.5}, "1-3x"),
        ("by_leverage", {"leverage": 3.0}, "1-3x"),
        ("by_leverage", {"leverage": 3.01}, "4-5x"),
        ("by_leverage", {"leverage": 5.0}, "4-5x"),
        ("by_leverage", {"leverage": 5.01}, "6-10x"),
        ("by_leverage", {"leverage": 10.0}, "6-10x"),
        ("by_leverage", {"leverage": 10.01}, ">10x"),
        ("by_confidence", {"confidence_score": None}, "unknown"),
        ("by_confidence", {"confidence_score": 0.0}, "0-49"),
        ("by_confidence", {"confidence_score": 49.9}, "0-49"),
        ("by_confidence", {"confidence_score": 50.0}, "50-69"),
        ("by_confidence", {"confidence_score": 69.9}, "50-69"),
        ("by_confidence", {"confidence_score": 70.0}, "70-84"),
        ("by_confidence", {"confidence_score": 84.9}, "70-84"),
        ("by_confidence", {"confidence_score": 85.0}, "85-100"),
    ],
)
def test_a_trade_counts_in_the_band_it_falls_into(
    breakdown: str, changes: dict[str, Any], name: str
) -> None:
    found = statistics(own_trade(1, profit_ratio=-0.03, **changes))
    assert getattr(found, breakdown) == {name: Breakdown(1, 0, 1, -0.03, 0.0, 0.03)}


def test_groups_are_ordered_by_name_and_those_without_trades_left_out() -> None:
    reasons = ("c", "a", "b", "a")
    trades = [own_trade(number, exit_reason=name) for number, name in enumerate(reasons)]
    history = HistoricalQueryEngine(trades)
    assert list(history.statistics(pair=None, before=LATER).by_exit_reason) == ["a", "b", "c"]
    assert list(history.statistics(pair=None, before=hours(2)).by_exit_reason) == ["a", "c"]
    assert list(history.statistics(pair=None, before=hours(1)).by_exit_reason) == ["c"]


@pytest.mark.parametrize(
    ("at", "n"),
    [
        (NOON, 0),
        (NOON + timedelta(microseconds=1), 1),
        (NOON + timedelta(days=30), 1),
        (NOON + timedelta(days=30, microseconds=1), 0),
    ],
)
def test_statistics_reach_back_30_days_and_end_before_their_time(at: datetime, n: int) -> None:
    history = HistoricalQueryEngine([own_trade(0)])
    found = history.statistics(pair=None, before=at)
    assert (found.n, found.days) == (n, 30)


def test_the_number_of_days_can_be_chosen() -> None:
    history = a_history(0, 47)
    at = NOON + timedelta(days=2)
    assert history.statistics(pair=None, before=at, days=1).n == 1
    assert history.statistics(pair=None, before=at, days=2).n == 2
    assert history.statistics(pair=None, before=at, days=1).days == 1


@pytest.mark.parametrize("days", [7, 30])
def test_while_no_trade_enters_or_leaves_the_window_the_answer_is_the_same_object(
    days: int,
) -> None:
    history = a_history(1, 2)
    first = history.statistics(pair=None, before=hours(5), days=days)
    assert history.statistics(pair=None, before=hours(6), days=days) is first
    history.add(own_trade(9))
    assert history.statistics(pair=None, before=hours(7), days=days) is first
    assert history.statistics(pair=None, before=hours(10), days=days) is not first


def test_a_group_that_a_trade_did_not_touch_is_not_summed_up_again() -> None:
    history = HistoricalQueryEngine([own_trade(1), own_trade(2, side="short")])
    first = history.statistics(pair=None, before=LATER)
    history.add(own_trade(3))
    second = history.statistics(pair=None, before=LATER)
    assert second.by_side["short"] is first.by_side["short"]
    assert second.by_side["long"] != first.by_side["long"]


def test_statistics_follow_new_and_late_trades_and_ask_each_pair_apart() -> None:
    history = a_history(1, 3)
    at = hours(5)
    assert history.statistics(pair=None, before=at).n == 2
    history.add(own_trade(2, pair=ETH))
    assert history.statistics(pair=None, before=at).n == 3
    assert history.statistics(pair=ETH, before=at).n == 1
    assert history.statistics(pair=PAIR, before=at).n == 2


@pytest.mark.parametrize(
    ("late", "n", "mean"),
    [(0, 1, 0.02), (2, 2, 0.005), (4, 1, 0.02)],
)
def test_a_late_close_counts_only_where_it_belongs(late: int, n: int, mean: float) -> None:
    history = a_history(-800, 1, 5)
    before = hours(3)
    assert history.statistics(pair=None, before=before).n == 1
    history.add(own_trade(-800 if late == 0 else late, won=False, opened_at=hours(-999)))
    found = history.statistics(pair=None, before=before)
    assert (found.n, found.mean_profit_ratio) == (n, pytest.approx(mean))


def test_going_back_in_time_finds_the_statistics_of_then() -> None:
    history = a_history(*range(40))
    early = history.statistics(pair=None, before=hours(3), days=1)
    for hour in (30, 31, 90, 5, 3):
        now = history.statistics(pair=None, before=hours(hour), days=1)
        expected = [number for number in range(40) if hour - 24 <= number < hour]
        assert now.n == len(expected)
    assert now == early


def test_a_hostile_profit_is_summed_up_without_a_crash() -> None:
    found = statistics(*(own_trade(number, profit_ratio=1.7e308) for number in (1, 2)))
    assert found.mean_profit_ratio == 1.7e308
    found = statistics(own_trade(1, profit_ratio=1.7e308), own_trade(2, profit_ratio=-5e-324))
    assert found.profit_factor == float("inf")


def test_a_month_of_thousands_of_trades_slides_without_a_rest() -> None:
    profits = [((number * 7919) % 2003 - 1000) / 30_011 for number in range(3000)]
    history = HistoricalQueryEngine(
        own_trade(number, profit_ratio=profit) for number, profit in enumerate(profits)
    )
    for hour in range(700, 3000, 50):
        found = history.statistics(pair=None, before=hours(hour))
        window = profits[max(0, hour - 720) : hour]
        assert found.mean_profit_ratio == plain.mean(window)
        assert found.by_side["long"].mean_win_ratio == plain.mean(p for p in window if p > 0)


def test_similar_entries_are_found_over_all_pairs() -> None:
    here = (0.0,) * 8
    history = HistoricalQueryEngine(
        [own_trade(1, situation=here), own_trade(2, situation=here, pair=ETH), own_trade(3)]
    )
    found = history.similar(here, before=LATER, count=5)
    assert ids([one.trade for one in found]) == [2, 1]
    assert ids([one.trade for one in history.similar(here, before=hours(2), count=5)]) == [1]


def test_an_unknown_market_is_similar_to_none() -> None:
    history = HistoricalQueryEngine([own_trade(1, situation=(0.0,) * 8)])
    assert history.similar(None, before=LATER, count=5) == ()


class Numbers:
    """The numbers of the trades it holds."""

    def __init__(self) -> None:
        self.held: set[int] = set()

    def add(self, trade: RememberedTrade) -> None:
        assert trade.trade_id not in self.held
        self.held.add(trade.trade_id)

    def remove(self, trade: RememberedTrade) -> None:
        self.held.remove(trade.trade_id)


def test_the_last_trades_are_tallied_as_time_moves_on_and_back() -> None:
    history = a_history(*range(1, 10))
    last = history.last(3, Numbers)
    for hour, held in ((0, set()), (3, {1, 2}), (5, {2, 3, 4}), (99, {7, 8, 9}), (2, {1})):
        assert last.before(hours(hour)).held == held


def test_the_last_trades_know_of_late_ones() -> None:
    history = a_history(1, 3, 5)
    last = history.last(2, Numbers)
    assert last.before(LATER).held == {3, 5}
    history.add(own_trade(2))
    assert last.before(LATER).held == {3, 5}
    history.add(own_trade(4))
    assert last.before(LATER).held == {4, 5}
    assert last.before(hours(4)).held == {2, 3}

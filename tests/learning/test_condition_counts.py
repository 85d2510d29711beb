"""What trades add up to per condition: all of them, in any order, in bounded memory."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.learning.condition_counts import NEWEST_KEPT, ConditionCounts, Group
from llm_modules.learning.remembered import RememberedTrade
from own_trades import own_trade


def counted(*trades: RememberedTrade) -> ConditionCounts:
    counts = ConditionCounts()
    for trade in trades:
        counts.add(trade)
    return counts


def name(group: Group) -> str:
    return f"{group.side}+{group.condition}" if group.side else group.condition


def by_name(counts: ConditionCounts) -> dict[str, Group]:
    return {name(group): group for group in counts.groups()}


def sizes(counts: ConditionCounts) -> dict[str, tuple[int, int]]:
    return {of: (group.n, group.wins) for of, group in by_name(counts).items()}


def test_nothing_adds_up_to_nothing() -> None:
    total = ConditionCounts().total()
    assert (total.n, total.wins, total.win_rate, total.mean_profit_ratio) == (0, 0, 0.0, 0.0)
    assert list(ConditionCounts().groups()) == []


def test_a_trade_counts_under_each_condition_it_met_and_in_all() -> None:
    counts = counted(
        own_trade(1, conditions=("rsi.below_30", "adx.20_25")),
        own_trade(2, won=False, conditions=("rsi.below_30",)),
    )
    assert counts.n == 2
    assert (counts.total().n, counts.total().wins, counts.total().win_rate) == (2, 1, 0.5)
    assert counts.total().mean_profit_ratio == pytest.approx(0.005)
    assert (counts.total().side, counts.total().condition) == (None, "")
    assert sizes(counts) == {"adx.20_25": (1, 1), "rsi.below_30": (2, 1), "side.long": (2, 1)}


def test_a_condition_met_on_both_sides_is_counted_for_each_side_too() -> None:
    counts = counted(
        own_trade(1, conditions=("rsi.below_30",)),
        own_trade(2, won=False, side="short", conditions=("rsi.below_30",)),
        own_trade(3, side="short"),
    )
    assert sizes(counts) == {
        "rsi.below_30": (2, 1),
        "long+rsi.below_30": (1, 1),
        "short+rsi.below_30": (1, 0),
        "side.long": (1, 1),
        "side.short": (2, 1),
    }


def test_a_condition_met_on_one_side_alone_is_counted_once() -> None:
    counts = counted(own_trade(1, conditions=("rsi.below_30",)), own_trade(2, side="short"))
    assert "long+rsi.below_30" not in sizes(counts)


def test_asking_changes_nothing() -> None:
    counts = counted(own_trade(1, conditions=("rsi.below_30",)), own_trade(2, side="short"))
    first = sizes(counts)
    assert sizes(counts) == first
    counts.add(own_trade(3, side="short", conditions=("rsi.below_30",)))
    assert sizes(counts)["rsi.below_30"] == (2, 2)


def test_a_trade_that_people_or_a_halt_ended_is_not_counted() -> None:
    counts = counted(own_trade(1), own_trade(2, is_own=False, conditions=("rsi.below_30",)))
    assert counts.n == 1
    assert sizes(counts) == {"side.long": (1, 1)}


@pytest.mark.parametrize(("profit", "wins"), [(0.0, 0), (1e-9, 1), (-1e-9, 0)])
def test_breaking_even_is_not_won(profit: float, wins: int) -> None:
    assert counted(own_trade(profit_ratio=profit)).total().wins == wins


@pytest.mark.parametrize(
    ("profit", "mean"),
    [(1000.0, 1000.0), (1e300, 1000.0), (-1e300, -1000.0), (-1000.0, -1000.0)],
)
def test_the_profit_of_a_damaged_line_is_bounded(profit: float, mean: float) -> None:
    assert counted(own_trade(profit_ratio=profit)).total().mean_profit_ratio == mean


def test_the_newest_profits_are_told_oldest_first_and_bounded() -> None:
    trades = [own_trade(number, profit_ratio=number / 1000) for number in range(600)]
    assert counted(*trades).total().newest_profits() == [n / 1000 for n in range(100, 600)]


def test_a_side_of_its_own_tells_its_own_newest_profits() -> None:
    trades = [
        own_trade(number, side=("long", "short")[number % 2], profit_ratio=number / 100)
        for number in range(6)
    ]
    counts = counted(*trades)
    assert counts.total("long").newest_profits() == [0.0, 0.02, 0.04]
    assert counts.total("short").wins == 3
    groups = by_name(counts)
    assert groups["side.short"].newest_profits() == [0.01, 0.03, 0.05]


def whole(counts: ConditionCounts) -> Any:
    return [
        (name(group), group.n, group.wins, group.mean_profit_ratio, group.newest_profits())
        for group in (counts.total(), counts.total("short"), *counts.groups())
    ]


def test_thousands_of_trades_add_up_in_any_order_and_only_the_newest_are_kept() -> None:
    dice = random.Random(7)  # noqa: S311 a fixed seed makes the test repeatable
    trades = [
        own_trade(
            number,
            side=dice.choice(["long", "short"]),
            profit_ratio=dice.gauss(0, 0.03),
            conditions=(dice.choice(["rsi.below_30", "rsi.30_45"]),),
        )
        for number in range(9000)
    ]
    shuffled = dice.sample(trades, len(trades))
    counts = counted(*trades)
    assert whole(counts) == whole(counted(*shuffled)) == whole(counted(*reversed(trades)))
    assert counts.total().n == 9000
    profits = [trade.profit_ratio for trade in trades]
    assert counts.total().mean_profit_ratio == pytest.approx(sum(profits) / 9000, abs=1e-12)
    newest = pytest.approx(profits[-NEWEST_KEPT:], abs=1e-12)
    assert counts.total().newest_profits() == newest
    kept = [len(part.newest) for group in counts.groups() for part in group._parts]
    assert max(kept) <= NEWEST_KEPT + 2000


trades_drawn = st.lists(
    st.builds(
        own_trade,
        st.integers(0, 40),
        won=st.booleans(),
        side=st.sampled_from(["long", "short"]),
        profit_ratio=st.floats(-2, 2),
        is_own=st.booleans(),
        conditions=st.lists(st.sampled_from(["rsi.below_30", "adx.20_25"]), unique=True).map(tuple),
    ),
    max_size=30,
)


@given(trades_drawn, st.randoms())
def test_any_order_adds_up_to_the_same_asked_in_between_or_not(
    trades: list[RememberedTrade], dice: random.Random
) -> None:
    shuffled = dice.sample(trades, len(trades))
    asked = ConditionCounts()
    for trade in shuffled:
        asked.add(trade)
        list(asked.groups())
    assert whole(asked) == whole(counted(*trades))


@given(trades_drawn)
def test_the_sides_of_a_condition_add_up_to_it(trades: list[RememberedTrade]) -> None:
    groups = by_name(counted(*trades))
    for condition in ("rsi.below_30", "adx.20_25"):
        parts = [groups.get(f"{side}+{condition}") for side in ("long", "short")]
        if all(parts):
            assert groups[condition].n == sum(part.n for part in parts if part)
            assert groups[condition].wins == sum(part.wins for part in parts if part)

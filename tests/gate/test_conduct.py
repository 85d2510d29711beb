import statistics
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, PAIR
from llm_modules.domain import Conduct
from llm_modules.gate.conduct import Close, ConductLedger

ETH = "ETH/USDT:USDT"
MINUTE = timedelta(minutes=1)


def a_close(trade_id: int, profit: float, *, pair: str = PAIR, minutes_ago: int = 0) -> Close:
    closed_at = NOON - minutes_ago * MINUTE
    return Close(closed_at, trade_id, closed_at - timedelta(hours=5), pair, profit)


def a_ledger(*closes: Close) -> ConductLedger:
    ledger = ConductLedger()
    for close in closes:
        ledger.closed(close)
    return ledger


def test_without_any_trade_there_is_nothing_to_say() -> None:
    assert ConductLedger().at(NOON) == Conduct()


@pytest.mark.parametrize(
    ("profits", "streak"),
    [((0.1,), 0), ((-0.1,), 1), ((0.1, -0.1, -0.2), 2), ((-0.1, 0.1), 0), ((-0.1, 0.0, -0.1), 1)],
)
def test_losses_in_a_row_count_up_to_the_newest_close(
    profits: tuple[float, ...], streak: int
) -> None:
    closes = [a_close(i, profit, minutes_ago=60 - i) for i, profit in enumerate(profits)]
    assert a_ledger(*closes).at(NOON).loss_streak == streak


def test_the_newest_loss_is_known_by_pair_and_in_all() -> None:
    conduct = a_ledger(
        a_close(1, -0.1, minutes_ago=30),
        a_close(2, -0.1, minutes_ago=20),
        a_close(3, 0.1, minutes_ago=10),
        a_close(4, -0.1, pair=ETH, minutes_ago=5),
    ).at(NOON)
    assert conduct.last_losses == {PAIR: NOON - 20 * MINUTE, ETH: NOON - 5 * MINUTE}
    assert conduct.last_loss_at == NOON - 5 * MINUTE


def test_the_track_record_is_told_in_ratios() -> None:
    conduct = a_ledger(a_close(1, 0.3), a_close(2, 0.1), a_close(3, -0.05), a_close(4, 0.0)).at(
        NOON
    )
    assert (conduct.closed_trades, conduct.win_rate) == (4, 0.5)
    assert (conduct.mean_win_ratio, conduct.mean_loss_ratio) == (pytest.approx(0.2), 0.05)


def test_only_losses_leave_the_mean_win_at_zero() -> None:
    conduct = a_ledger(a_close(1, -0.1)).at(NOON)
    assert (conduct.win_rate, conduct.mean_win_ratio, conduct.mean_loss_ratio) == (0.0, 0.0, 0.1)


@pytest.mark.parametrize(("minutes", "counts"), [(59, True), (60, False), (61, False)])
def test_an_opening_counts_for_an_hour(minutes: int, counts: bool) -> None:
    ledger = ConductLedger()
    opened_at = NOON - minutes * MINUTE
    ledger.opened(1, opened_at)
    ledger.opened(1, opened_at)
    assert ledger.at(NOON).entries == ((opened_at,) if counts else ())


def test_a_trade_closed_within_the_hour_still_counts_as_an_entry() -> None:
    opened_at = NOON - 20 * MINUTE
    ledger = a_ledger(Close(NOON, 1, opened_at, PAIR, 0.1))
    assert ledger.at(NOON).entries == (opened_at,)


def test_being_told_twice_or_in_another_order_changes_nothing() -> None:
    random = Random(7)  # noqa: S311 - no secret
    closes = [a_close(i, random.uniform(-1, 1), minutes_ago=i) for i in range(200)]
    once = a_ledger(*closes).at(NOON)
    shuffled = random.sample(closes, len(closes))
    assert a_ledger(*shuffled, *closes).at(NOON) == once


def test_a_close_told_again_with_a_late_fee_counts_once() -> None:
    first = a_close(1, -0.1)
    again = replace(first, profit_ratio=-0.11, closed_at=NOON + MINUTE)
    conduct = a_ledger(first, again).at(NOON + MINUTE)
    assert (conduct.loss_streak, conduct.closed_trades, conduct.mean_loss_ratio) == (1, 1, 0.11)


def test_a_new_database_may_count_its_trades_from_one_again() -> None:
    first, second = a_close(1, -0.1, minutes_ago=10), a_close(1, -0.1)
    assert a_ledger(first, second).at(NOON).loss_streak == 2


def test_a_late_loss_does_not_hide_a_newer_one_and_a_late_win_ends_no_streak() -> None:
    ledger = a_ledger(a_close(1, -0.1, minutes_ago=30), a_close(2, -0.1, minutes_ago=10))
    ledger.closed(a_close(3, -0.1, minutes_ago=20))
    assert ledger.at(NOON).loss_streak == 3
    ledger.closed(a_close(4, 0.1, minutes_ago=40))
    conduct = ledger.at(NOON)
    assert (conduct.loss_streak, conduct.last_loss_at) == (3, NOON - 10 * MINUTE)
    ledger.closed(a_close(5, 0.1, minutes_ago=15))
    assert ledger.at(NOON).loss_streak == 1


def test_a_loss_that_turns_out_to_be_a_win_leaves_the_loss_before_it() -> None:
    older, last = a_close(1, -0.1, minutes_ago=30), a_close(2, -0.001)
    ledger = a_ledger(older, a_close(3, -0.1, pair=ETH, minutes_ago=5), last)
    ledger.closed(replace(last, profit_ratio=0.001))
    conduct = ledger.at(NOON)
    assert conduct.last_losses == {PAIR: NOON - 30 * MINUTE, ETH: NOON - 5 * MINUTE}
    assert (conduct.loss_streak, conduct.win_rate) == (0, pytest.approx(1 / 3))


def test_a_pair_whose_only_loss_turns_out_to_be_a_win_never_lost() -> None:
    loss = a_close(1, -0.001)
    ledger = a_ledger(loss)
    ledger.closed(replace(loss, profit_ratio=0.0))
    conduct = ledger.at(NOON)
    assert (conduct.last_losses, conduct.last_loss_at, conduct.loss_streak) == ({}, None, 0)


def test_an_older_loss_that_is_told_again_leaves_the_newest_where_it_was() -> None:
    older = a_close(1, -0.1, minutes_ago=30)
    ledger = a_ledger(older, a_close(2, -0.1))
    ledger.closed(replace(older, profit_ratio=0.1))
    assert ledger.at(NOON).last_losses == {PAIR: NOON}


def test_what_was_told_does_not_change_with_what_happens_next() -> None:
    ledger = a_ledger(a_close(1, -0.1, minutes_ago=10))
    before = ledger.at(NOON)
    ledger.closed(a_close(2, -0.1))
    assert before.last_losses == {PAIR: NOON - 10 * MINUTE}


def test_a_hostile_profit_is_summed_up_without_a_crash() -> None:
    closes = [a_close(number, 1.7e308, minutes_ago=number) for number in range(9)]
    assert a_ledger(*closes).at(NOON).mean_win_ratio == 1.7e308


def test_a_close_in_its_turn_is_never_compared_with_more_than_the_last() -> None:
    compared = 0

    class Counted(Close):
        def __lt__(self, other: Close) -> bool:
            nonlocal compared
            compared += 1
            return super().__lt__(other)

    ledger = ConductLedger()
    for number in range(1000):
        at = NOON + number * MINUTE
        ledger.closed(Counted(at, number, at - MINUTE, PAIR, 0.1 - number % 2))
    assert compared < 1000


def recounted(closes: Sequence[Close]) -> Conduct:
    """The conduct of closes counted by hand, without openings."""
    ordered = sorted({(one.trade_id, one.opened_at): one for one in closes}.values())
    wins = [one.profit_ratio for one in ordered if one.profit_ratio > 0]
    losses = [-one.profit_ratio for one in ordered if one.profit_ratio < 0]
    streak = 0
    for one in ordered:
        streak = streak + 1 if one.profit_ratio < 0 else 0
    last_losses = {one.pair: one.closed_at for one in ordered if one.profit_ratio < 0}
    return Conduct(
        last_losses=last_losses,
        loss_streak=streak,
        last_loss_at=max(last_losses.values(), default=None),
        closed_trades=len(ordered),
        win_rate=len(wins) / len(ordered) if ordered else 0.0,
        mean_win_ratio=statistics.mean(wins) if wins else 0.0,
        mean_loss_ratio=statistics.mean(losses) if losses else 0.0,
    )


@given(
    st.lists(
        st.builds(
            lambda trade_id, minutes_ago, pair, profit: Close(
                NOON - minutes_ago * MINUTE, trade_id, NOON - 99 * MINUTE, pair, profit
            ),
            st.integers(1, 12),
            st.integers(0, 15),
            st.sampled_from([PAIR, ETH]),
            st.one_of(st.sampled_from([-0.1, 0.0, 0.1]), st.floats(-1, 1)),
        ),
        max_size=30,
    )
)
def test_closes_in_any_order_and_told_anew_add_up_like_a_recount(closes: list[Close]) -> None:
    ledger = ConductLedger()
    for number, close in enumerate(closes, start=1):
        ledger.closed(close)
        assert ledger.at(NOON) == recounted(closes[:number])

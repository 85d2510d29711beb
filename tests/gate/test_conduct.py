from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

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

from datetime import timedelta

import pytest

from builders import NOON, PAIR, a_booking
from llm_modules.engine.book import DecisionBook

LATER = NOON + timedelta(minutes=30)
ETH = "ETH/USDT:USDT"


def test_looking_does_not_take() -> None:
    book = DecisionBook()
    book.put(a_booking())
    assert book.look(PAIR, "entry", NOON) == book.look(PAIR, "entry", NOON) == a_booking()


def test_nothing_is_found_for_another_pair_or_another_kind() -> None:
    book = DecisionBook()
    book.put(a_booking())
    assert book.look(ETH, "entry", NOON) is None
    assert book.look(PAIR, "exit", NOON) is None


@pytest.mark.parametrize(("seconds", "found"), [(-0.001, True), (0, False), (1, False)])
def test_a_booking_is_valid_until_its_time(seconds: float, found: bool) -> None:
    book = DecisionBook()
    book.put(a_booking())
    assert (book.look(PAIR, "entry", LATER + timedelta(seconds=seconds)) is not None) is found


def test_a_newer_decision_replaces_the_older() -> None:
    book = DecisionBook()
    assert book.put(a_booking(decision_id="old")) is None
    replaced = book.put(a_booking(decision_id="new"))
    assert replaced is not None
    assert replaced.decision_id == "old"
    found = book.look(PAIR, "entry", NOON)
    assert found is not None
    assert found.decision_id == "new"


def test_a_filled_booking_is_taken_exactly_once() -> None:
    book = DecisionBook()
    book.put(a_booking())
    assert book.settle(PAIR, "adjust_position", 1) is None
    assert book.settle(PAIR, "force_entry", 1) is None
    assert book.settle(PAIR, "signal_entry_long", 1) == a_booking()
    assert book.settle(PAIR, "signal_entry_long", 1) is None
    assert book.look(PAIR, "entry", NOON) is None


def test_a_booking_can_be_taken_back() -> None:
    book = DecisionBook()
    book.put(a_booking())
    assert book.withdraw(PAIR) == a_booking()
    assert book.withdraw(PAIR) is None


def test_everything_can_be_taken_back_at_once() -> None:
    book = DecisionBook()
    book.put(a_booking())
    book.put(a_booking(pair=ETH))
    assert {booking.pair for booking in book.clear()} == {PAIR, ETH}
    assert book.clear() == ()


def test_bookings_expire_unless_their_order_is_out() -> None:
    book = DecisionBook()
    book.put(a_booking())
    book.put(a_booking(pair=ETH))
    assert book.expire(LATER - timedelta(seconds=1), ()) == ()
    assert [booking.pair for booking in book.expire(LATER, {ETH})] == [PAIR]
    assert [booking.pair for booking in book.expire(LATER, ())] == [ETH]


def test_everything_booked_is_promised() -> None:
    book = DecisionBook()
    book.put(a_booking(stake_amount=100.0))
    book.put(a_booking(pair=ETH, kind="adjust", stake_amount=40.0))
    book.put(a_booking(pair="SOL/USDT:USDT", kind="adjust", stake_amount=-30.0))
    book.put(a_booking(pair="XRP/USDT:USDT", kind="exit", stake_amount=0.0))
    assert len(book.promised(version=1)) == 4


def test_a_filled_booking_stays_reserved_until_the_account_shows_it() -> None:
    book = DecisionBook()
    book.put(a_booking())
    book.settle(PAIR, "signal_entry_long", version=5)
    assert book.promised(version=5) == (a_booking(),)
    assert book.promised(version=6) == ()
    assert book.promised(version=5) == ()


def test_a_stop_is_taken_once() -> None:
    book = DecisionBook()
    book.put_stop(7, 98.0)
    book.put_stop(7, 98.5)
    assert book.take_stop(7) == 98.5
    assert book.take_stop(7) is None

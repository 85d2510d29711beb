"""The locks of a run are those Freqtrade would find, whenever they were made and undone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.persistence import PairLocks, disable_database_use, enable_database_use
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.backtest.past_locks import PastLocks

START = datetime(2026, 1, 10, tzinfo=UTC)
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "*")
CANDLE = timedelta(minutes=30)

# Of each candle the locks that are made, by pair, side and length, and the pairs set free.
stories = st.lists(
    st.tuples(
        st.lists(
            st.tuples(
                st.sampled_from(PAIRS), st.sampled_from(("long", "short", "*")), st.integers(-2, 6)
            ),
            max_size=3,
        ),
        st.lists(st.sampled_from(PAIRS), max_size=1),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(autouse=True)
def no_database() -> Iterator[None]:
    disable_database_use("30m")
    yield
    PairLocks.reset_locks()
    enable_database_use()


@given(story=stories)
def test_they_are_what_freqtrade_finds_candle_by_candle(
    story: list[tuple[list[tuple[str, str, int]], list[str]]],
) -> None:
    PairLocks.reset_locks()
    locks = PastLocks()
    for number, (made, freed) in enumerate(story):
        now = START + number * CANDLE
        for pair, side, candles in made:
            PairLocks.lock_pair(pair, now + candles * CANDLE, "cooldown", now=now, side=side)
        for pair in freed:
            PairLocks.unlock_pair(pair, now)
        assert list(locks.after(now)) == list(PairLocks.get_pair_locks(None, now))


def test_a_lock_that_has_ended_is_not_looked_at_again() -> None:
    locks = PastLocks()
    # Freqtrade lets it end with the candle.
    PairLocks.lock_pair(PAIRS[0], START, "cooldown", now=START)
    (lock,) = locks.after(START)
    assert not locks.after(START + CANDLE)
    # Longer than it was: whoever looks again would find it.
    lock.lock_end_time = START + 9 * CANDLE
    assert not locks.after(START + 2 * CANDLE)

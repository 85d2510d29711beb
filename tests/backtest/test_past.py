"""Nothing that came later can be reached through the market of the past."""

from datetime import UTC, datetime, timedelta
from weakref import ref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.backtest.past import FundingRates, PastMarket, Recorded
from llm_modules.backtest.session import PastView
from llm_modules.domain import Candles

PAIR, OTHER = "BTC/USDT:USDT", "ETH/USDT:USDT"
START = datetime(2026, 1, 10, tzinfo=UTC)
MINUTES = {"30m": 30, "1h": 60}


def a_recording(rows: int = 20, **parts: object) -> Recorded:
    """Prices count up from 1; the first candle opens at START."""
    candles = {
        (pair, name): _candles(name, rows, START) for pair in (PAIR, OTHER) for name in MINUTES
    }
    paid_at = np.array([_ms(START), _ms(START + timedelta(hours=8))], dtype=np.int64)
    funding = {PAIR: FundingRates(paid_at, np.array([0.0001, 0.0002]))}
    fields = {"candles": candles, "funding": funding, "markets": {PAIR: {"id": "x"}}, "tiers": {}}
    return Recorded(**(fields | parts))


def _candles(name: str, rows: int, start: datetime) -> Candles:
    opened = _ms(start) + np.arange(rows, dtype=np.int64) * MINUTES[name] * 60_000
    prices = np.arange(1, rows + 1, dtype=np.float64)
    return Candles(name, opened, prices, prices, prices, prices, prices)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def a_market(at: datetime, recorded: Recorded | None = None) -> PastMarket:
    market = PastMarket(recorded or a_recording(), [PAIR, OTHER])
    market.set_moment(at)
    return market


def test_a_candle_is_known_from_the_moment_it_closes() -> None:
    closes = START + timedelta(minutes=30)
    before = a_market(closes - timedelta(milliseconds=1))
    assert before.newest_close(PAIR, "30m") is None
    assert before.newest_price(PAIR, "30m") is None
    assert len(before.candles(PAIR, "30m")) == 0
    after = a_market(closes)
    assert after.newest_close(PAIR, "30m") == closes
    assert after.newest_price(PAIR, "30m") == 1.0
    assert after.candles(PAIR, "30m").close.tolist() == [1.0]


@given(moments=st.lists(st.integers(0, 22 * 60), min_size=2, max_size=8))
def test_what_is_known_at_a_moment_does_not_depend_on_those_looked_at_before(
    moments: list[int],
) -> None:
    market = a_market(START)
    for minutes in moments:
        at = START + timedelta(minutes=minutes)
        market.set_moment(at)
        for name in MINUTES:
            fresh = a_market(at)
            assert market.newest_close(PAIR, name) == fresh.newest_close(PAIR, name)
            assert market.newest_price(PAIR, name) == fresh.newest_price(PAIR, name)
            known, anew = market.candles(PAIR, name), fresh.candles(PAIR, name)
            assert known.close.tolist() == anew.close.tolist()


def test_a_longer_candle_is_known_only_when_it_is_over() -> None:
    market = a_market(START + timedelta(minutes=90))
    assert market.candles(PAIR, "30m").close.tolist() == [1.0, 2.0, 3.0]
    assert market.candles(PAIR, "1h").close.tolist() == [1.0]


def test_the_newest_rows_are_given_as_many_as_are_wished() -> None:
    market = a_market(START + timedelta(hours=5))
    assert market.candles(PAIR, "30m", 3).close.tolist() == [8.0, 9.0, 10.0]
    assert len(market.candles(PAIR, "30m", 100)) == 10


@given(minutes=st.integers(0, 900), rows=st.integers(1, 30))
def test_no_row_given_closes_after_the_moment(minutes: int, rows: int) -> None:
    moment = START + timedelta(minutes=minutes)
    market = a_market(moment)
    for name, length in MINUTES.items():
        given_rows = market.candles(PAIR, name, rows)
        assert len(given_rows) == min(rows, 20, minutes // length)
        assert (given_rows.open_times + length * 60_000 <= _ms(moment)).all()


def test_after_the_recording_its_last_candle_stays_the_newest() -> None:
    market = a_market(START + timedelta(days=9))
    assert market.newest_close(PAIR, "30m") == START + timedelta(hours=10)


@pytest.mark.parametrize(
    ("hours", "rate"), [(-0.001, None), (0, 0.0001), (7.999, 0.0001), (8, 0.0002), (99, 0.0002)]
)
def test_the_funding_rate_is_the_last_one_paid(hours: float, rate: float | None) -> None:
    assert a_market(START + timedelta(hours=hours)).funding_rate(PAIR) == rate


def test_what_is_not_recorded_is_unknown() -> None:
    market = a_market(START)
    assert market.funding_rate(OTHER) is None
    assert market.market(PAIR) == {"id": "x"}
    assert market.market(OTHER) is None
    assert market.tiers(PAIR) == ()
    assert market.whitelist() == (PAIR, OTHER)


def test_a_decision_has_the_same_name_in_every_run() -> None:
    one, other = a_market(START), a_market(START)
    assert one.decision_id(PAIR, START) == other.decision_id(PAIR, START)
    assert one.decision_id(PAIR, START).startswith("260110000000-BTC-")


def test_pairs_of_one_coin_have_names_of_their_own() -> None:
    market = a_market(START)
    names = {market.decision_id(f"BTC/{quote}", START) for quote in ("USDT:USDT", "USDC:USDC")}
    assert len(names) == 2


def test_the_candles_stay_the_same_object_until_another_one_closes() -> None:
    market = a_market(START + timedelta(minutes=60))
    hour, half_hour = market.candles(PAIR, "1h"), market.candles(PAIR, "30m")
    market.set_moment(START + timedelta(minutes=90))
    assert market.candles(PAIR, "1h") is hour
    assert market.candles(PAIR, "30m") is not half_hour
    market.set_moment(START + timedelta(minutes=120))
    assert market.candles(PAIR, "1h") is not hour
    assert market.candles(PAIR, "1h").close.tolist() == [1.0, 2.0]


def test_what_was_cut_for_a_candle_goes_with_it() -> None:
    market = a_market(START + timedelta(minutes=150))
    gone = [ref(market.candles(PAIR, "30m", rows)) for rows in (1, 2, 3)]
    assert [len(known()) for known in gone] == [1, 2, 3]
    market.set_moment(START + timedelta(minutes=180))
    assert len(market.candles(PAIR, "30m")) == 6
    assert [known() for known in gone] == [None] * 3


def test_each_pair_timeframe_and_number_of_rows_has_candles_of_its_own() -> None:
    market = a_market(START + timedelta(hours=4))
    asked = [(pair, name, rows) for pair in (PAIR, OTHER) for name in MINUTES for rows in (2, 4)]
    given_candles = [market.candles(*one) for one in asked]
    assert [market.candles(*one) for one in asked] == given_candles
    assert [len(one) for one in given_candles] == [rows for _, _, rows in asked]
    assert len({id(one) for one in given_candles}) == len(asked)


@given(minutes=st.lists(st.integers(0, 700), min_size=1, max_size=8))
def test_what_is_known_does_not_depend_on_the_moments_before(minutes: list[int]) -> None:
    used = a_market(START)
    for minute in minutes:
        moment = START + timedelta(minutes=minute)
        used.set_moment(moment)
        fresh = a_market(moment)
        for name in MINUTES:
            assert used.newest_close(PAIR, name) == fresh.newest_close(PAIR, name)
            assert used.newest_price(PAIR, name) == fresh.newest_price(PAIR, name)
            one, other = used.candles(PAIR, name, 5), fresh.candles(PAIR, name, 5)
            assert one.open_times.tolist() == other.open_times.tolist()
            assert one.close.tolist() == other.close.tolist()


def test_no_pair_waits_for_a_candle_of_another_that_was_never_recorded() -> None:
    short = a_recording(4).candles
    recorded = a_recording(
        candles={
            key: short[key] if key[0] == OTHER else candles
            for key, candles in a_recording().candles.items()
        }
    )
    at = START + timedelta(minutes=5 * 30)
    view = PastView(a_market(at, recorded), "30m", ["1h"], {})
    assert (view._due_candle(PAIR, at), view._due_candle(OTHER, at)) == (at, None)

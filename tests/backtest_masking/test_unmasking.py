from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from freqtrade.exchange import Exchange

from builders import a_closed_trade, a_thesis
from llm_modules.backtest.masking import Masked, unmasked
from llm_modules.backtest.outcome import Equity, Outcome
from llm_modules.domain import ClosedTrade

SHIFT = timedelta(weeks=1305)
NEW_YEAR = datetime(2001, 1, 1, tzinfo=UTC)
MASKED = Masked(
    config={},
    exchange=cast("Exchange", None),
    names={"A/USDT:USDT": "SOL/USDT:USDT", "B/USDT:USDT": "BTC/USDT:USDT"},
    shift=SHIFT,
    factors={"A/USDT:USDT": 0.8, "B/USDT:USDT": 0.00125},
)


def trade(pair: str = "B/USDT:USDT") -> ClosedTrade:
    return replace(
        a_closed_trade(),
        pair=pair,
        opened_at=NEW_YEAR,
        closed_at=NEW_YEAR + timedelta(hours=2),
        open_rate=112.5,
        close_rate=113.75,
        stop_price=110.0,
        liquidation_price=90.0,
        thesis=replace(
            a_thesis(),
            key_support=111.25,
            key_resistance=115.0,
            stop_price=110.0,
            target_price=120.0,
            facts={"price": 112.5, "support": 111.25, "resistance": 115.0, "rsi": 41.0},
        ),
        exit_facts={"price": 113.75, "adx": 20.0},
    )


def outcome(*trades: ClosedTrade) -> Outcome:
    at = np.array([978307200000, 978309000000], dtype=np.int64)
    return Outcome(
        stake_currency="USDT",
        starting_balance=1000.0,
        final_balance=1010.0,
        timeframe="30m",
        start=NEW_YEAR,
        end=NEW_YEAR + timedelta(days=1),
        pairs=("A/USDT:USDT", "B/USDT:USDT"),
        equity=Equity(at, np.array([1000.0, 1010.0])),
        trades=trades,
        decided=2,
        asked=2,
        cost=0.5,
        rejected_entries=1,
        folder=Path("run"),
        result_file=None,
    )


def real(one: ClosedTrade) -> ClosedTrade:
    return unmasked(outcome(one), MASKED).trades[0]


def test_pairs_and_dates_are_real_again() -> None:
    told = unmasked(outcome(), MASKED)
    assert told.pairs == ("SOL/USDT:USDT", "BTC/USDT:USDT")
    assert told.start == datetime(2026, 1, 5, tzinfo=UTC)
    assert told.end == datetime(2026, 1, 6, tzinfo=UTC)
    assert told.equity.at.tolist() == [1767571200000, 1767573000000]
    assert told.equity.at.dtype == np.int64
    assert datetime.fromtimestamp(told.equity.at[0] / 1000, UTC) == told.start


def test_money_and_counts_stay_as_they_are() -> None:
    before, after = outcome(trade()), unmasked(outcome(trade()), MASKED)
    kept = (
        "starting_balance",
        "final_balance",
        "decided",
        "asked",
        "cost",
        "rejected_entries",
        "folder",
    )
    for name in kept:
        assert getattr(after, name) == getattr(before, name)
    assert after.equity.values.tolist() == [1000.0, 1010.0]
    for name in (
        "profit_abs",
        "profit_ratio",
        "stake_amount",
        "leverage",
        "funding_fees",
        "mfe_ratio",
    ):
        assert getattr(after.trades[0], name) == getattr(before.trades[0], name)


def test_a_trade_is_told_at_real_prices_and_times() -> None:
    told = real(trade())
    assert told.pair == "BTC/USDT:USDT"
    assert (told.opened_at, told.closed_at) == (
        datetime(2026, 1, 5, tzinfo=UTC),
        datetime(2026, 1, 5, 2, tzinfo=UTC),
    )
    assert (told.open_rate, told.close_rate, told.stop_price, told.liquidation_price) == (
        pytest.approx(90_000.0),
        pytest.approx(91_000.0),
        pytest.approx(88_000.0),
        pytest.approx(72_000.0),
    )
    assert told.exit_facts == {"price": pytest.approx(91_000.0), "adx": 20.0}


def test_a_price_comes_back_to_its_last_digit() -> None:
    for price in (0.13975, 135.93, 2.0843, 90551.8, 0.00001234):
        told = real(replace(trade("A/USDT:USDT"), close_rate=price * 0.8))
        assert told.close_rate == price


def test_each_pair_has_its_own_factor() -> None:
    assert real(trade("A/USDT:USDT")).open_rate == pytest.approx(140.625)


def test_a_thesis_is_told_at_real_prices_in_its_own_words() -> None:
    told, before = real(trade()).thesis, trade().thesis
    assert told is not None
    assert before is not None
    assert told.key_support == pytest.approx(89_000.0)
    assert told.key_resistance == pytest.approx(92_000.0)
    assert told.stop_price == pytest.approx(88_000.0)
    assert told.target_price == pytest.approx(96_000.0)
    assert told.facts == {
        "price": pytest.approx(90_000.0),
        "support": pytest.approx(89_000.0),
        "resistance": pytest.approx(92_000.0),
        "rsi": 41.0,
    }
    assert (told.reason, told.decision_id) == (before.reason, before.decision_id)


def test_what_a_trade_does_not_have_it_does_not_get() -> None:
    bare = replace(trade(), thesis=None, liquidation_price=None, exit_facts={})
    told = real(bare)
    assert told.thesis is None
    assert told.liquidation_price is None
    assert told.exit_facts == {}
    without = replace(a_thesis(), stop_price=None, target_price=None)
    named = real(replace(trade(), thesis=without)).thesis
    assert named is not None
    assert named.stop_price is named.target_price is None

import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from backtests import PAIRS
from llm_modules.backtest.masking.disguise import Disguise
from llm_modules.backtest.masking.markets import masked_markets, price_step
from llm_modules.backtest.offline import Market, sample_markets

BTC, ETH, SOL, XRP, DOGE = PAIRS
DISGUISE = Disguise(
    names={BTC: "C/USDT:USDT", DOGE: "A/USDT:USDT", XRP: "B/USDT:USDT"},
    factors={BTC: Decimal("0.00125"), DOGE: Decimal(640), XRP: Decimal(50)},
    volume_factors={},
    shift=timedelta(weeks=1300),
)


def by_symbol(markets: Sequence[Market]) -> dict[str, Market]:
    return {market["symbol"]: market for market in markets}


def masked_sample() -> dict[str, Market]:
    return by_symbol(masked_markets(sample_markets(), DISGUISE))


def test_only_the_pairs_of_the_run_have_a_market() -> None:
    assert sorted(masked_sample()) == ["A/USDT:USDT", "B/USDT:USDT", "C/USDT:USDT"]


def test_a_market_tells_no_name_date_or_exchange() -> None:
    told = json.dumps(list(masked_sample().values()))
    for word in ("BTC", "DOGE", "XRP", "btc", "onboardDate", "2019", "1569398400000", "inance"):
        assert word not in told
    assert all(market["info"] == {} for market in masked_sample().values())
    assert "created" not in masked_sample()["A/USDT:USDT"]


def test_names_fit_each_other() -> None:
    market = masked_sample()["C/USDT:USDT"]
    assert (market["id"], market["lowercaseId"], market["base"], market["baseId"]) == (
        "CUSDT",
        "cusdt",
        "C",
        "C",
    )


def test_what_freqtrade_reads_of_a_contract_stays() -> None:
    real, market = by_symbol(sample_markets())[BTC], masked_sample()["C/USDT:USDT"]
    for key in (
        "quote",
        "settle",
        "type",
        "swap",
        "linear",
        "active",
        "taker",
        "maker",
        "contractSize",
    ):
        assert market[key] == real[key]


@pytest.mark.parametrize(
    ("pair", "name"), [(BTC, "C/USDT:USDT"), (DOGE, "A/USDT:USDT"), (XRP, "B/USDT:USDT")]
)
def test_a_lot_is_worth_what_it_was(pair: str, name: str) -> None:
    real, market = by_symbol(sample_markets())[pair], masked_sample()[name]
    factor = float(DISGUISE.factors[pair])
    assert market["precision"]["amount"] * factor == pytest.approx(
        real["precision"]["amount"], rel=1e-15
    )
    for kind in ("amount", "market"):
        for end in ("min", "max"):
            assert market["limits"][kind][end] * factor == pytest.approx(real["limits"][kind][end])


def test_all_pairs_demand_the_same_smallest_order() -> None:
    assert {market["limits"]["cost"]["min"] for market in masked_sample().values()} == {50.0}


@pytest.mark.parametrize(
    ("tick", "factor", "step"),
    [
        (0.1, "0.00125", "0.000001"),
        (0.1, "0.002", "0.0001"),
        (0.01, "1.6", "0.001"),
        (0.00001, "640", "0.0001"),
        (1, "0.05", "0.01"),
        (0.5, "20", "10"),
        (1e-8, "3.2E+9", "1"),
    ],
)
def test_every_masked_price_is_a_multiple_of_a_power_of_ten(
    tick: float, factor: str, step: str
) -> None:
    market: dict[str, Any] = {"precision": {"price": tick}}
    found = price_step(market, Decimal(factor))
    assert found == Decimal(step)
    assert Decimal(repr(tick)) * Decimal(factor) % found == 0


def test_all_pairs_allow_the_leverage_that_the_strictest_allows() -> None:
    told = [
        {**market, "limits": {**market["limits"], "leverage": {"max": most}}}
        for market, most in zip(sample_markets(), (125, 100, None, 75, 50), strict=True)
    ]
    allowed = {one["limits"]["leverage"]["max"] for one in masked_markets(told, DISGUISE)}
    assert allowed == {50.0}
    untold = {one["limits"]["leverage"]["max"] for one in masked_sample().values()}
    assert untold == {None}


def test_limits_an_exchange_does_not_tell_stay_untold() -> None:
    real = by_symbol(sample_markets())[BTC]
    bare = {**real, "limits": {"amount": {"min": 0.001}}}
    (market,) = masked_markets([bare], DISGUISE)
    assert market["limits"]["amount"] == {"min": 0.8, "max": None}
    assert market["limits"]["market"] == {"min": None, "max": None}
    assert market["limits"]["cost"]["min"] == 0.0


def test_without_a_known_pair_there_are_no_markets() -> None:
    assert masked_markets([by_symbol(sample_markets())[ETH]], DISGUISE) == ()

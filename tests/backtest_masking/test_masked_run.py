import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from freqtrade.resolvers import ExchangeResolver

from backtests import PAIRS, Remembering, backtest_config, played
from llm_modules.backtest.masking import Masked, masked
from llm_modules.backtest.offline import sample_markets
from llm_modules.backtest.outcome import Outcome, Variant
from llm_modules.backtest.running import run
from llm_modules.errors import BacktestError
from llm_modules.llm.client import LLMClient
from masked_runs import ScaleFree, masked_run, shipped_tiers, texts
from shipped import DATA
from unmasking import unmasked

# Real and telling; the quote currency is the account's own.
SECRET_WORDS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "Bitcoin", "Ethereum", "Solana", "Ripple")
SECRET_PARTS = ("inance", "BTCUSDT", "1569398400")
A_DAY = "20260110-20260111"
REAL_DATE = re.compile(r"20(?:2\d|1\d)-\d\d")


def masked_outcome(
    config: dict[str, Any], folder: Path, client: LLMClient
) -> tuple[Masked, Outcome]:
    world = masked_run(config, folder)
    return world, run(world.config, Variant(client=client), world.exchange)


def real_prices(start: str, end: str) -> set[str]:
    """The digits of every close of the run, without point and zeros, where they tell something."""
    digits = set()
    for pair in PAIRS:
        path = (
            DATA / "binance" / "futures" / f"{pair.partition('/')[0]}_USDT_USDT-5m-futures.feather"
        )
        frame = pd.read_feather(path).set_index("date").loc[start:end]
        closes = frame["close"].resample("30min").last()
        digits |= {repr(close).replace(".", "").strip("0") for close in closes}
    return {one for one in digits if len(one) >= 5}


def all_words(prompts_and_journals: list[str], pattern: str) -> set[str]:
    return {word for text in prompts_and_journals for word in re.findall(pattern, text)}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Masked, Outcome, list[str], list[str]]:
    """A masked run of the scripted policy: what it was shown, and what was written."""
    folder, client = tmp_path_factory.mktemp("masked"), Remembering()
    world, outcome = masked_outcome(backtest_config(folder, A_DAY), folder, client)
    journals = [path.read_text(encoding="utf-8") for path in sorted(outcome.folder.glob("*.json*"))]
    return world, outcome, texts(client.prompts), journals


def test_the_tools_work_on_a_masked_market(
    scene: tuple[Masked, Outcome, list[str], list[str]],
) -> None:
    _, outcome, prompts, journals = scene
    assert outcome.decided == outcome.asked == len(prompts) == 240
    assert len(outcome.trades) > 10
    assert {trade.side for trade in outcome.trades} == {"long", "short"}
    assert {trade.exit_reason for trade in outcome.trades} >= {"signal_exit"}
    assert any(trade.entries > 1 for trade in outcome.trades)
    assert len(journals) >= 2


def test_nothing_the_model_or_a_journal_reads_names_the_market(
    scene: tuple[Masked, Outcome, list[str], list[str]],
) -> None:
    _, _, prompts, journals = scene
    told = prompts + journals
    words = all_words(told, r"[A-Za-z]+")
    assert words.isdisjoint(SECRET_WORDS)
    assert words.isdisjoint(word.lower() for word in SECRET_WORDS)
    for part in SECRET_PARTS:
        assert not any(part in text for text in told)


def test_no_real_date_is_told(scene: tuple[Masked, Outcome, list[str], list[str]]) -> None:
    _, outcome, prompts, journals = scene
    assert not any(REAL_DATE.search(text) for text in prompts + journals)
    years = all_words(prompts + journals, r"(?<!\d)(\d{4})-\d\d-\d\dT")
    assert years == {"2001"}
    assert outcome.start.year == outcome.end.year == 2001
    ids = all_words(journals, r'"decision_id":"(\d{6})')
    assert ids == {"010106", "010107"}


def test_no_real_price_is_told_nor_its_digits(
    scene: tuple[Masked, Outcome, list[str], list[str]],
) -> None:
    _, _, prompts, _ = scene
    real = real_prices("2026-01-10", "2026-01-11")
    assert len(real) > 100
    told = all_words(prompts, r"(?:price|open_rate|stop_price|support|resistance)=([\d.]+)")
    digits = {one.replace(".", "").strip("0") for one in told}
    # None in this run; one in a thousand may meet another pair's by chance.
    assert len(real & digits) <= 1


def test_every_pair_trades_near_a_hundred(
    scene: tuple[Masked, Outcome, list[str], list[str]],
) -> None:
    _, _, prompts, _ = scene
    prices = [float(price) for price in all_words(prompts, r" price=([\d.]+)")]
    assert len(prices) > 200
    assert 70 < min(prices) < max(prices) < 140


def test_no_rule_of_the_market_tells_pairs_apart_by_its_smallest_order(
    scene: tuple[Masked, Outcome, list[str], list[str]],
) -> None:
    _, _, prompts, _ = scene
    assert all_words(prompts, r"min_notional=(\S+)") == {"50"}
    assert len(all_words(prompts, r"pair_max_leverage=(\S+)")) == 1
    steps = all_words(prompts, r"price_step=(\S+)")
    assert all(set(step) <= set("0.1") for step in steps)


def test_volumes_are_of_one_size(scene: tuple[Masked, Outcome, list[str], list[str]]) -> None:
    world, _, _, _ = scene
    for name in world.names:
        file = name.replace("/", "_").replace(":", "_")
        path = Path(world.config["datadir"]) / "futures" / f"{file}-30m-futures.feather"
        frame = pd.read_feather(path)
        before = frame[frame["date"] <= pd.Timestamp("2001-01-06", tz="UTC")]
        assert before["volume"].tail(601).mean() == pytest.approx(1000.0)


def test_the_world_has_only_the_masked_pairs(
    scene: tuple[Masked, Outcome, list[str], list[str]],
) -> None:
    world, _, _, _ = scene
    assert sorted(world.names.values()) == sorted(PAIRS)
    assert world.config["exchange"]["pair_whitelist"] == sorted(world.names)
    assert set(world.exchange.markets) == set(world.exchange._leverage_tiers) == set(world.names)
    assert world.shift.total_seconds() % (7 * 24 * 3600) == 0


def test_an_unmasked_outcome_lies_in_the_real_market(
    scene: tuple[Masked, Outcome, list[str], list[str]],
) -> None:
    world, outcome, _, _ = scene
    told = unmasked(outcome, world)
    assert (f"{told.start:%Y%m%d}", f"{told.end:%Y%m%d}") == ("20260110", "20260111")
    # The rate of a position that grew is a mean.
    plain = [trade for trade in told.trades if trade.entries == 1]
    assert plain
    for trade in plain:
        base = trade.pair.partition("/")[0]
        path = DATA / "binance" / "futures" / f"{base}_USDT_USDT-5m-futures.feather"
        frame = pd.read_feather(path).set_index("date")
        assert trade.open_rate == frame.loc[trade.opened_at, "open"]


def test_a_question_about_all_pairs_in_chinese_tells_no_more(tmp_path: Path) -> None:
    config = backtest_config(
        tmp_path,
        A_DAY,
        context_config={"language": "zh", "max_context_tokens": 20_000},
        llm_config={"asking": {"scope": "portfolio"}},
    )
    client = Remembering()
    _, outcome = masked_outcome(config, tmp_path, client)
    prompts = texts(client.prompts)
    assert len(prompts) == 48
    assert len(outcome.trades) > 10
    assert all_words(prompts, r"[A-Za-z]+").isdisjoint(SECRET_WORDS)
    assert not any(part in text for part in SECRET_PARTS for text in prompts)
    assert not any(REAL_DATE.search(text) for text in prompts)
    asked = [re.findall(r"(?<!\w)pair=(\w+)/", text) for text in prompts]
    assert {tuple(names) for names in asked} == {tuple("ABCDE")}


def test_an_exchange_that_freqtrade_has_loaded_tells_the_rules_as_well(tmp_path: Path) -> None:
    config = backtest_config(tmp_path)
    exchange = ExchangeResolver.load_exchange(config, load_leverage_tiers=True)
    markets = tuple(exchange.markets.values())
    world = masked(config, markets, exchange._leverage_tiers, tmp_path / "masked")
    same = masked_run(config, tmp_path)
    for name in world.names:
        for key in ("symbol", "precision", "limits", "taker", "info"):
            assert world.exchange.markets[name][key] == same.exchange.markets[name][key]
        real = exchange._leverage_tiers[world.names[name]]
        assert world.exchange._leverage_tiers[name] == real


def test_a_model_without_memory_earns_the_same_with_and_without_a_mask(tmp_path: Path) -> None:
    world, hidden = masked_outcome(backtest_config(tmp_path), tmp_path, ScaleFree())
    told = unmasked(hidden, world)
    (tmp_path / "open").mkdir()
    # The same pairs in the same order: who comes first gets the last slot.
    config = backtest_config(
        tmp_path / "open", pairs=[world.names[name] for name in sorted(world.names)]
    )
    open_market = played(config, ScaleFree())
    assert len(told.trades) == len(open_market.trades) > 10
    for one, other in zip(told.trades, open_market.trades, strict=True):
        assert (one.pair, one.side, one.opened_at, one.closed_at, one.exit_reason) == (
            other.pair,
            other.side,
            other.opened_at,
            other.closed_at,
            other.exit_reason,
        )
        assert one.profit_ratio == pytest.approx(other.profit_ratio, abs=1e-3)
        assert one.profit_abs == pytest.approx(other.profit_abs, abs=1e-3 * other.stake_amount)
        assert one.funding_fees == pytest.approx(other.funding_fees, rel=1e-6, abs=1e-6)
        assert one.liquidation_price == pytest.approx(other.liquidation_price, rel=1e-3)
    assert {trade.exit_reason for trade in told.trades} > {"signal_exit"}
    assert any(trade.funding_fees for trade in told.trades)
    assert told.equity.at.tolist() == open_market.equity.at.tolist()
    assert np.allclose(told.equity.values, open_market.equity.values, rtol=1e-4)


@pytest.mark.parametrize(
    ("timerange", "span"),
    [
        ("20260110-20260112", "20010106T000000-20010108T000000"),
        ("20260110T1230-", "20010106T123000-"),
        # The first candle is of a Sunday, the last day of November.
        ("-20260112", "-20010219T000000"),
        (None, None),
    ],
)
def test_a_time_range_keeps_its_open_ends(
    tmp_path: Path, timerange: str | None, span: str | None
) -> None:
    world = masked_run(backtest_config(tmp_path) | {"timerange": timerange}, tmp_path)
    assert world.config["timerange"] == span


def test_pairs_the_exchange_does_not_know_are_named(tmp_path: Path) -> None:
    config = backtest_config(tmp_path)
    few = [market for market in sample_markets() if market["base"] != "SOL"]
    tiers = {**shipped_tiers(), "XRP/USDT:USDT": []}
    with pytest.raises(BacktestError, match=r"no rules for SOL/USDT:USDT, XRP/USDT:USDT: leave"):
        masked(config, few, tiers, tmp_path / "masked")


@pytest.mark.parametrize(
    "changes", [{"timeframe": "1M"}, {"context_config": {"informative_timeframes": ["1d", "1M"]}}]
)
def test_months_cannot_be_masked(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = backtest_config(tmp_path) | changes
    with pytest.raises(BacktestError, match="whole weeks"):
        masked_run(config, tmp_path)


def test_the_user_s_own_configuration_is_not_touched(tmp_path: Path) -> None:
    config = backtest_config(tmp_path)
    before = repr(config)
    masked_run(config, tmp_path)
    assert repr(config) == before


def test_a_pair_that_stood_still_keeps_its_volume(tmp_path: Path) -> None:
    config = backtest_config(tmp_path, pairs=["BTC/USDT:USDT"])
    datadir = tmp_path / "still"
    (datadir / "futures").mkdir(parents=True)
    for path in (Path(config["datadir"]) / "futures").glob("BTC*"):
        frame = pd.read_feather(path)
        if "futures.feather" in path.name:
            frame["volume"] = 0.0
        frame.to_feather(datadir / "futures" / path.name)
    world = masked_run(config | {"datadir": datadir}, tmp_path)
    frame = pd.read_feather(
        Path(world.config["datadir"]) / "futures" / "A_USDT_USDT-30m-futures.feather"
    )
    assert set(frame["volume"]) == {0.0}


def test_without_a_start_the_oldest_pair_tells_when_the_run_begins(tmp_path: Path) -> None:
    config = backtest_config(tmp_path, pairs=PAIRS[:2]) | {"timerange": None}
    datadir = tmp_path / "young"
    (datadir / "futures").mkdir(parents=True)
    for path in (Path(config["datadir"]) / "futures").glob("*30m-futures.feather"):
        frame = pd.read_feather(path)
        young = frame.iloc[20 * 48 :] if path.name.startswith("ETH") else frame
        young.reset_index(drop=True).to_feather(datadir / "futures" / path.name)
    assert masked_run(config | {"datadir": datadir}, tmp_path).shift.days == 9093 - 9093 % 7


def test_masking_twice_masks_alike(tmp_path: Path) -> None:
    config = backtest_config(tmp_path)
    one, two = masked_run(config, tmp_path / "1"), masked_run(config, tmp_path / "2")
    assert (one.names, one.shift, one.factors) == (two.names, two.shift, two.factors)
    assert replace(one, config={}, exchange=None) == replace(two, config={}, exchange=None)  # type: ignore[arg-type]

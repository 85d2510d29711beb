"""What was computed from candles is kept with them, and never given for others."""

import gc
from dataclasses import replace

import numpy as np
import pytest

from llm_modules.domain import Candles, MarketRules
from llm_modules.market import indicators, snapshot
from llm_modules.market.kept import KeptWithCandles
from llm_modules.market.snapshot import build_snapshot
from market.made_candles import COLUMNS, NOON, made_candles

PAIR = "BTC/USDT:USDT"
RULES = MarketRules(price_step=0.001, min_notional=5.0, max_leverage=50.0)


class Counting:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


def test_the_same_candles_are_computed_once() -> None:
    kept, compute, candles = KeptWithCandles[int](), Counting(), made_candles()
    assert [kept.of(candles, (), compute) for _ in range(3)] == [1, 1, 1]


def test_the_same_arrays_in_another_object_are_the_same_candles() -> None:
    kept, compute, candles = KeptWithCandles[int](), Counting(), made_candles()
    assert kept.of(candles, (), compute) == kept.of(replace(candles), (), compute) == 1


def test_another_way_to_compute_is_another_result() -> None:
    kept, compute, candles = KeptWithCandles[int](), Counting(), made_candles()
    assert [kept.of(candles, how, compute) for how in ((), ("cci",), (), ("cci",))] == [1, 2, 1, 2]


@pytest.mark.parametrize("name", ["open_times", *COLUMNS])
def test_one_other_column_makes_other_candles(name: str) -> None:
    kept, compute, candles = KeptWithCandles[int](), Counting(), made_candles()
    kept.of(candles, (), compute)
    changed = replace(candles, **{name: getattr(candles, name).copy()})
    assert kept.of(changed, (), compute) == 2


def test_nothing_is_kept_of_candles_that_are_gone() -> None:
    kept, compute = KeptWithCandles[int](), Counting()
    for seed in range(5):
        kept.of(made_candles(seed=seed), (), compute)
        gc.collect()
        assert len(kept) == 0
    assert compute.times == 5


def test_a_twin_of_candles_that_are_gone_is_computed_anew() -> None:
    kept, compute, candles = KeptWithCandles[int](), Counting(), made_candles()
    twin = replace(candles)
    assert kept.of(candles, (), compute) == kept.of(twin, (), compute) == 1
    del candles
    gc.collect()
    assert len(kept) == 0
    assert kept.of(twin, (), compute) == kept.of(twin, (), compute) == 2


def test_candles_that_took_the_place_of_others_outlast_them() -> None:
    kept, compute, candles = KeptWithCandles[int](), Counting(), made_candles()
    other = replace(candles, volume=candles.volume.copy())
    assert [kept.of(one, (), compute) for one in (candles, other)] == [1, 2]
    del candles
    gc.collect()
    assert kept.of(other, (), compute) == 2
    del other
    gc.collect()
    assert len(kept) == 0


def test_candles_in_the_place_of_gone_ones_are_computed_anew() -> None:
    kept = KeptWithCandles[float]()
    for row in range(200):
        # Freed at the end of each round: the next ones usually get the same place in memory.
        prices = np.full(60, float(row))
        times = np.arange(60, dtype=np.int64)
        candles = Candles("30m", times, prices, prices, prices, prices, prices)
        assert kept.of(candles, (), lambda now=candles: float(now.close[0])) == row


def test_a_timeframe_that_did_not_change_is_not_computed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    computed: list[str] = []

    def noting(candles: Candles, extra: object) -> object:
        computed.append(candles.timeframe)
        return indicators.compute(candles, extra)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshot, "compute", noting)
    day = made_candles("1d")
    taken = [build_snapshot(PAIR, NOON, (made_candles(seed=seed), day), RULES) for seed in range(3)]
    assert computed.count("1d") == 1
    assert computed.count("30m") == 3
    assert len({one.informative[0].latest("rsi_14") for one in taken}) == 1
    assert len({one.price for one in taken}) == 3


def test_candles_that_had_not_closed_are_computed_without_them() -> None:
    whole = made_candles()
    half_hour_ms = 1_800_000
    later = replace(whole, open_times=whole.open_times + half_hour_ms)
    seen = build_snapshot(PAIR, NOON, (later,), RULES)
    assert len(seen.main.candles) == len(whole) - 1
    assert len(seen.main.indicators["rsi_14"]) == len(whole) - 1
    assert seen.price == whole.close[-2]

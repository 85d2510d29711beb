"""Stops on price paths: Freqtrade's own exit logic, our callbacks, real and made-up prices.

No loss goes beyond the stop and the gap of the price that crossed it.
"""

from datetime import timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from ccxt import TICK_SIZE
from freqtrade.persistence import Trade

from builders import NOON, a_thesis
from llm_modules.engine import bridge
from stored_trades import a_trade

CANDLES = Path(__file__).parent.parent.parent / "user_data" / "data" / "binance" / "futures"
FIVE_PERCENT = 0.05


def ready(strategy: Any, **risk: Any) -> None:
    """Start the strategy without a market: no candles, no questions."""
    strategy.config["risk_management"] |= risk
    strategy.dp.ohlcv = lambda *_args, **_named: pd.DataFrame()
    strategy.dp.send_msg = lambda *_args, **_named: None
    strategy.wallets = SimpleNamespace(
        get_total=lambda _: 1000.0, get_available_stake_amount=lambda: 950.0
    )
    strategy.bot_start()
    strategy.view.due = lambda *_: ()


def unstopped(trade: Trade) -> Trade:
    """Give a trade the far stop that Freqtrade starts every trade with."""
    trade.stop_loss = 120.0 if trade.is_short else 80.0
    return trade


def ride(strategy: Any, trade: Trade, path: list[float]) -> tuple[float | None, list[float]]:
    """Let Freqtrade look at one rate after the other; return the rate of the exit and all stops."""
    stops: list[float] = []
    for turn, rate in enumerate(path):
        now = NOON + timedelta(seconds=2 * turn)
        strategy.bot_loop_start(current_time=now)
        exits = strategy.should_exit(trade, rate, now, enter=False, exit_=False)
        stops.append(strategy.desk.stop_price(trade.id))
        if exits:
            return rate, stops
    return None, stops


def real_path(pair: str, start: int, rows: int = 150) -> list[float]:
    """Closes, lows and highs of real candles, scaled to start at 100."""
    frame = pd.read_feather(CANDLES / f"{pair}_USDT_USDT-5m-futures.feather").iloc[start:]
    path: list[float] = []
    for row in frame.head(rows).itertuples():
        path += [row.open, row.low, row.high, row.close]
    return [100.0] + [price / path[0] * 100.0 for price in path]


def walk(seed: int, step: float, rows: int = 400) -> list[float]:
    random = Random(seed)  # noqa: S311 - no secret
    path = [100.0]
    for _ in range(rows):
        path.append(path[-1] * (1 + random.uniform(-step, step)))
    return path


def holds(trade: Trade, path: list[float], left_at: float | None, stops: list[float]) -> None:
    """The stop never loosens, and the first price at or beyond it ends the trade."""
    sign = -1 if trade.is_short else 1
    assert [sign * stop for stop in stops] == sorted(sign * stop for stop in stops)
    assert abs(stops[0] / 100.0 - 1) <= FIVE_PERCENT + 1e-9
    for turn, stop in enumerate(stops[:-1]):
        # Rounded to the tick by Freqtrade; a thousandth is far more than that.
        assert sign * path[turn] >= sign * stop * (1 - sign * 0.001)
    if left_at is not None:
        gap = abs(path[len(stops) - 1] - path[max(0, len(stops) - 2)])
        loss = sign * (100.0 - left_at)
        assert loss <= sign * (100.0 - stops[-1]) + gap + 0.1


PATHS = [
    *(
        pytest.param(real_path(pair, start), id=f"{pair}-{start}")
        for pair, start in (
            ("BTC", 0),
            ("ETH", 3000),
            ("SOL", 6000),
            ("DOGE", 9000),
            ("XRP", 12_000),
        )
    ),
    *(
        pytest.param(walk(seed, step), id=f"walk-{seed}-{step}")
        for seed, step in ((1, 0.002), (2, 0.01), (3, 0.03))
    ),
]


@pytest.mark.parametrize("is_short", [False, True], ids=["long", "short"])
@pytest.mark.parametrize("path", PATHS)
def test_no_loss_goes_beyond_the_stop_and_the_gap(
    strategy: Any, path: list[float], is_short: bool
) -> None:
    ready(strategy)
    trade = unstopped(a_trade(is_short=is_short))
    bridge.store_thesis(trade, a_thesis(stop_price=102.0 if is_short else 98.0))
    left_at, stops = ride(strategy, trade, path)
    holds(trade, path, left_at, stops)


@pytest.mark.parametrize("is_short", [False, True], ids=["long", "short"])
@pytest.mark.parametrize("path", PATHS)
def test_a_trailing_stop_gives_back_no_more_than_it_may(
    strategy: Any, path: list[float], is_short: bool
) -> None:
    ready(strategy, trailing_activate_pct=1.0, trailing_give_back_pct=0.5)
    trade = unstopped(a_trade(is_short=is_short))
    trade.max_rate = trade.min_rate = 100.0
    left_at, stops = ride(strategy, trade, path)
    holds(trade, path, left_at, stops)
    seen = path[: len(stops) - 1] or [100.0]
    best = min(seen) if is_short else max(seen)
    if abs(best / 100.0 - 1) >= 0.01 and (best < 100.0) is is_short:
        assert abs(stops[-1] / best - 1) <= 0.005 + 1e-9


def test_a_gap_through_the_stop_costs_the_gap_and_ends_the_trade(strategy: Any) -> None:
    ready(strategy)
    trade = unstopped(a_trade())
    bridge.store_thesis(trade, a_thesis(stop_price=98.0))
    left_at, stops = ride(strategy, trade, [100.0, 99.0, 90.0, 120.0])
    assert left_at == 90.0
    assert stops[-1] == 98.0


def test_a_position_nobody_gave_a_stop_has_one_from_the_first_look_on(strategy: Any) -> None:
    ready(strategy)
    trade = unstopped(a_trade())
    left_at, stops = ride(strategy, trade, [100.0, 96.0, 94.9])
    assert (left_at, stops[0]) == (94.9, 95.0)


@pytest.mark.parametrize(
    ("open_rate", "tick", "is_short"),
    [(0.10543, 1e-5, True), (60_000.0, 0.1, True), (150.12, 0.01, True), (67_000.0, 0.1, False)],
)
def test_a_stop_that_nobody_touches_stays_where_it_is(
    strategy: Any, open_rate: float, tick: float, is_short: bool
) -> None:
    """Freqtrade rounds a stop to a tick each time it is placed, towards the price."""
    ready(strategy)
    trade = a_trade(is_short=is_short)
    trade.open_rate, trade.price_precision, trade.precision_mode_price = open_rate, tick, TICK_SIZE
    trade.max_rate = trade.min_rate = open_rate
    trade.stop_loss = open_rate * (1.2 if is_short else 0.8)
    stop = round(open_rate * (1.03 if is_short else 0.97) / tick) * tick
    bridge.store_thesis(trade, a_thesis(stop_price=stop))
    path = [price / 100 * open_rate for price in walk(7, 0.0005)]
    left_at, _ = ride(strategy, trade, path)
    assert left_at is None
    assert trade.stop_loss == pytest.approx(stop, abs=1.01 * tick)

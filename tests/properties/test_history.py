"""Whatever came in, in whatever order, and whatever was asked before: memory equals a recount."""

import math
import statistics as plain
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, PAIR
from llm_modules.domain import Regime, Side
from llm_modules.learning.breakdowns import TradeStatistics
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.remembered import RememberedTrade
from own_trades import own_trade

PAIRS = (PAIR, "ETH/USDT:USDT", "SOL/USDT:USDT")
# Windows of a day over a week of closes: most questions have trades before and after them.
DAYS = 1
HOURS = 168

profits = st.one_of(
    st.sampled_from([-0.05, 0.0, 0.02, 0.1]),
    st.floats(-1e6, 1e6, allow_subnormal=True),
)
trades = st.builds(
    own_trade,
    st.integers(1, HOURS),
    pair=st.sampled_from(PAIRS),
    side=st.sampled_from(["long", "short"]),
    regime=st.sampled_from(["volatile", "trending", "ranging"]),
    leverage=st.sampled_from([1.0, 3.5, 8.0, 20.0]),
    confidence_score=st.sampled_from([None, 40.0, 60.0, 90.0]),
    exit_reason=st.sampled_from(["stop_loss", "signal_exit", "liquidation"]),
    profit_ratio=profits,
)
some_trades = st.lists(trades, max_size=30, unique_by=lambda trade: trade.trade_id)
times = st.lists(st.integers(0, HOURS + 30), max_size=12)
asked_pairs = st.sampled_from([None, *PAIRS])


def hours(count: float) -> datetime:
    return NOON + timedelta(hours=count)


def is_in_window(trade: RememberedTrade, before: datetime) -> bool:
    return before - timedelta(days=DAYS) <= trade.closed_at < before


def counted(rows: Sequence[RememberedTrade]) -> tuple[object, ...]:
    """Statistics as one would count them by hand."""
    found = [row.profit_ratio for row in rows]
    wins = [profit for profit in found if profit > 0]
    return (
        len(found),
        len(wins),
        plain.mean(found) if found else 0.0,
        {side: len([row for row in rows if row.side == side]) for side in {r.side for r in rows}},
    )


def profit_factor(profits: Sequence[float]) -> float | None:
    """The sum of the wins over the sum of the losses; None while nothing was lost."""
    lost = -math.fsum([profit for profit in profits if profit < 0])
    return math.fsum([profit for profit in profits if profit > 0]) / lost if lost else None


def expectancy(profits: Sequence[float]) -> float | None:
    """The mean profit per unit of the mean loss; None while nothing was lost."""
    losses = [-profit for profit in profits if profit < 0]
    return plain.mean(profits) / plain.mean(losses) if losses else None


def told(found: TradeStatistics) -> tuple[object, ...]:
    sides = {side: group.n for side, group in found.by_side.items()}
    return found.n, found.whole.wins, found.mean_profit_ratio, sides


@given(some_trades.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))), times)
def test_one_by_one_in_any_order_with_questions_between_equals_loading_at_once(
    both: tuple[list[RememberedTrade], list[RememberedTrade]], asked: list[int]
) -> None:
    rows, shuffled = both
    loaded, grown = HistoricalQueryEngine(rows), HistoricalQueryEngine()
    for place, trade in enumerate(shuffled):
        grown.add(trade)
        if asked:
            before = hours(asked[place % len(asked)])
            grown.statistics(pair=None, before=before, days=DAYS)
            grown.statistics(pair=trade.pair, before=before, days=DAYS)
    for hour in asked:
        for pair in (None, *PAIRS):
            one = loaded.statistics(pair=pair, before=hours(hour), days=DAYS)
            other = grown.statistics(pair=pair, before=hours(hour), days=DAYS)
            # Also in the order of its groups, which the sentences follow.
            assert (one, repr(one)) == (other, repr(other))
            assert loaded.recent(9, pair=pair, before=hours(hour)) == grown.recent(
                9, pair=pair, before=hours(hour)
            )


@pytest.mark.parametrize("direction", [1, -1])
@given(rows=some_trades, asked=times, pair=asked_pairs)
def test_a_window_that_slides_forth_or_back_equals_a_fresh_count(
    direction: int, rows: list[RememberedTrade], asked: list[int], pair: str | None
) -> None:
    history = HistoricalQueryEngine(rows)
    for hour in sorted(asked)[::direction]:
        before = hours(hour)
        found = history.statistics(pair=pair, before=before, days=DAYS)
        window = [r for r in rows if is_in_window(r, before) and pair in {None, r.pair}]
        assert told(found) == counted(window)
        again = HistoricalQueryEngine(rows).statistics(pair=pair, before=before, days=DAYS)
        assert found == again


@given(rows=some_trades, asked=times)
def test_profit_factor_and_expectancy_are_those_of_the_formulas(
    rows: list[RememberedTrade], asked: list[int]
) -> None:
    # Of the very smallest floats the plain formulas lose the digits.
    rows = [row for row in rows if not 0 < abs(row.profit_ratio) < 1e-9]
    history = HistoricalQueryEngine(rows)
    for hour in asked:
        found = history.statistics(pair=None, before=hours(hour), days=DAYS)
        window = [row.profit_ratio for row in rows if is_in_window(row, hours(hour))]
        for told_, true in (
            (found.profit_factor, profit_factor(window)),
            (found.expectancy, expectancy(window)),
        ):
            assert (told_ is None) == (true is None)
            assert true is None or told_ == pytest.approx(true, rel=1e-12, abs=1e-300)


@given(rows=some_trades, asked=times)
def test_every_breakdown_divides_the_whole(rows: list[RememberedTrade], asked: list[int]) -> None:
    history = HistoricalQueryEngine(rows)
    for hour in asked:
        found = history.statistics(pair=None, before=hours(hour), days=DAYS)
        for groups in (
            found.by_side,
            found.by_hour,
            found.by_regime,
            found.by_leverage,
            found.by_confidence,
            found.by_exit_reason,
        ):
            assert sum(group.n for group in groups.values()) == found.n
            assert sum(group.wins for group in groups.values()) == found.whole.wins
            assert all(group.n >= group.wins + group.losses for group in groups.values())
            assert all(group.n > 0 for group in groups.values())


@given(
    rows=some_trades,
    hour=st.integers(0, HOURS + 1),
    pair=asked_pairs,
    side=st.sampled_from([None, "long", "short"]),
    regime=st.sampled_from([None, "volatile", "ranging"]),
)
def test_an_index_finds_what_a_filter_over_all_trades_finds(
    rows: list[RememberedTrade],
    hour: int,
    pair: str | None,
    side: Side | None,
    regime: Regime | None,
) -> None:
    history = HistoricalQueryEngine(rows)
    fits = [
        row
        for row in rows
        if pair in {None, row.pair} and side in {None, row.side} and regime in {None, row.regime}
    ]
    known = [row for row in fits if NOON <= row.closed_at < hours(hour)]
    asked = {"pair": pair, "side": side, "regime": regime}
    found = history.statistics(**asked, before=hours(hour), days=99)
    assert told(found) == counted(known)


@given(rows=some_trades, hour=st.integers(0, HOURS + 1), count=st.integers(0, 25))
def test_nothing_closed_at_or_after_the_time_is_found_and_nothing_before_it_is_missed(
    rows: list[RememberedTrade], hour: int, count: int
) -> None:
    history = HistoricalQueryEngine(rows)
    known = [row for row in rows if row.closed_at < hours(hour)]
    found = history.recent(count, before=hours(hour))
    assert len(found) == min(count, len(known))
    assert all(row.closed_at < hours(hour) for row in found)

"""Runs, curves and scenes to assess, with defaults; a test names only what it is about."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from builders import PAIR, RULES, a_closed_trade, an_account, some_candles
from llm_modules.backtest.assessment import Figure, Statistics, Stretch
from llm_modules.backtest.baselines.script import Scene
from llm_modules.backtest.outcome import Equity, Outcome
from llm_modules.domain import ClosedTrade, MarketSnapshot, OpenPosition, TimeframeView
from llm_modules.journal.records import OutcomeRecord

MIDNIGHT = datetime(2026, 1, 10, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)


def a_curve(values: Iterable[float], every: timedelta = DAY, since: datetime = MIDNIGHT) -> Equity:
    """An account that had these values at equal distances of time."""
    found = np.array(list(values), dtype=np.float64)
    first, step = round(since.timestamp() * 1000), round(every.total_seconds() * 1000)
    return Equity(first + step * np.arange(len(found), dtype=np.int64), found)


def grown(returns: Iterable[float], start: float = 1000.0) -> list[float]:
    """The values of an account with these returns."""
    return [start, *(start * np.cumprod(1 + np.array(list(returns))))]


def trades_of(*profits: float, stake: float = 100.0) -> tuple[ClosedTrade, ...]:
    """Trades with these profits, one an hour."""
    return tuple(
        a_closed_trade(
            trade_id=number,
            opened_at=MIDNIGHT + timedelta(hours=number),
            closed_at=MIDNIGHT + timedelta(hours=number + 1),
            profit_abs=profit,
            profit_ratio=profit / stake,
        )
        for number, profit in enumerate(profits)
    )


def an_outcome(trades: Sequence[ClosedTrade] = (), **changes: Any) -> Outcome:
    """A run of two days that ended where it began."""
    outcome = Outcome(
        stake_currency="USDT",
        starting_balance=1000.0,
        final_balance=1000.0,
        timeframe="30m",
        start=MIDNIGHT,
        end=MIDNIGHT + 2 * DAY,
        pairs=(PAIR,),
        equity=a_curve([1000.0] * 96, HALF_HOUR, MIDNIGHT + HALF_HOUR),
        trades=tuple(trades),
        decided=96,
        asked=96,
        cost=0.0,
        rejected_entries=0,
        folder=Path("nowhere"),
        result_file=None,
    )
    return replace(outcome, **changes)


def a_stretch(name: Any = "whole", profit_factor: float | None = 1.2, **changes: Any) -> Stretch:
    """Two days with enough trades."""
    figures: dict[Any, Figure] = {
        "profit_factor": Figure(profit_factor),
        "return_ratio": Figure(changes.pop("return_ratio", 0.0)),
    }
    statistics = replace(Statistics(figures, trades=30, days=2.0), **changes)
    return Stretch(name, MIDNIGHT, MIDNIGHT + 2 * DAY, statistics)


def a_scene(position: OpenPosition | None = None, price: float = 100.0, **facts: float) -> Scene:
    """What a script sees of a pair at a price."""
    view = TimeframeView(some_candles(), {})
    snapshot = MarketSnapshot(PAIR, MIDNIGHT, price, RULES, view, (), facts)
    return Scene(snapshot, an_account(free=900.0), position)


def filled(at: datetime = MIDNIGHT, **changes: Any) -> OutcomeRecord:
    """The line that says an entry was filled."""
    values: dict[str, Any] = {
        "decision_id": "d-1",
        "at": at,
        "pair": PAIR,
        "tool": "signal_entry_long",
        "outcome": "filled",
    }
    return OutcomeRecord(**(values | changes))

"""Every metric of a stretch of a run, with its bootstrap interval."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from llm_modules import metrics
from llm_modules.backtest.assessment import Figure, Metric, Statistics
from llm_modules.backtest.outcome import Equity
from llm_modules.backtest.resampling import (
    SEED,
    Steps,
    deepest_fall,
    finite,
    gained,
    in_blocks,
    interval,
    one_by_one,
    steps_of,
)
from llm_modules.domain import ClosedTrade, FloatArray

DAY = timedelta(days=1)
MS_PER_DAY = 86_400_000
FINE_STEP_MS = 4 * 3_600_000
# Below, a day is too coarse a step to resample.
DAYS_FOR_DAILY_STEPS = 30
# Below, a ratio of a year says nothing.
FEWEST_DAYS = 2.0

Figures = dict[Metric, Figure]
EQUITY_METRICS: tuple[Metric, ...] = (
    "return_ratio",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown_ratio",
)
TRADE_METRICS: tuple[Metric, ...] = ("win_rate", "profit_factor", "expectancy_ratio")
UNDEFINED = Figure(None)


def statistics_of(equity: Equity, trades: Sequence[ClosedTrade]) -> Statistics:
    """Return every metric of an account and its trades; the same samples for the same input."""
    days = float(equity.at[-1] - equity.at[0]) / MS_PER_DAY if len(equity.at) else 0.0
    figures = figures_of_equity(equity, days) | figures_of_trades(trades)
    return Statistics(figures, trades=len(trades), days=days)


def between(equity: Equity, start: datetime, end: datetime) -> Equity:
    """Return the part of an account's curve from one time to another, with a value at each.

    The account stands still before its first point and after its last one.
    """
    first_ms, last_ms = milliseconds(start), milliseconds(end)
    first, last = np.searchsorted(equity.at, [first_ms, last_ms], side="right")
    inner = slice(int(first), int(last))
    opening = equity.values[max(0, int(first) - 1)]
    closing = equity.values[max(0, int(last) - 1)]
    at = np.concatenate([[first_ms], equity.at[inner], [last_ms]]).astype(np.int64)
    return Equity(at, np.concatenate([[opening], equity.values[inner], [closing]]))


def opened_between(
    trades: Sequence[ClosedTrade], start: datetime, end: datetime
) -> tuple[ClosedTrade, ...]:
    """Return the trades that were decided on within a span of time, whenever they closed."""
    return tuple(trade for trade in trades if start <= trade.opened_at < end)


def milliseconds(at: datetime) -> int:
    """Return a moment as milliseconds since the epoch."""
    return round(at.timestamp() * 1000)


def figures_of_equity(equity: Equity, days: float) -> Figures:
    """Return what is measured on the account; undefined where it began with nothing.

    An account that fell to zero or below, or a curve of less than two days, has a return and a
    drawdown, but no ratios of a year and no intervals.
    """
    figures = dict.fromkeys(EQUITY_METRICS, UNDEFINED)
    if days <= 0 or equity.values[0] <= 0:
        return figures
    figures["return_ratio"] = Figure(finite(metrics.return_ratio(equity.values)))
    figures["max_drawdown_ratio"] = Figure(finite(metrics.max_drawdown_ratio(equity.values)))
    if days < FEWEST_DAYS or equity.values.min() <= 0:
        return figures
    step_ms = FINE_STEP_MS if days < DAYS_FOR_DAILY_STEPS else MS_PER_DAY
    steps = steps_of(equity, step_ms)
    order = in_blocks(len(steps), np.random.default_rng(SEED))
    found, drawn = _measured(steps, days), _measured(steps.taken(order), days)
    return {name: _figure(found[name], drawn[name]) for name in EQUITY_METRICS}


def figures_of_trades(trades: Sequence[ClosedTrade]) -> Figures:
    """Return what is measured on trades, in whatever order they come; undefined without any."""
    if not trades:
        return dict.fromkeys(TRADE_METRICS, UNDEFINED)
    # Sorted, so that the samples do not depend on the order either.
    profits = np.array(sorted((trade.profit_abs, trade.profit_ratio) for trade in trades))
    found = _judged(profits)
    if len(profits) == 1:
        return {name: Figure(finite(found[name])) for name in TRADE_METRICS}
    generator = np.random.default_rng(SEED)
    drawn = [_judged(profits[order]) for order in one_by_one(len(profits), generator)]
    return {
        name: _figure(found[name], np.concatenate([some[name] for some in drawn]))
        for name in TRADE_METRICS
    }


def _measured(steps: Steps, days: float) -> dict[Metric, FloatArray]:
    steps_per_year = steps.returns.shape[-1] / days * metrics.DAYS_PER_YEAR
    gain, fall = gained(steps), deepest_fall(steps)
    return {
        "return_ratio": gain,
        "sharpe": metrics.sharpe(steps.returns, steps_per_year),
        "sortino": metrics.sortino(steps.returns, steps_per_year),
        "calmar": metrics.calmar(gain, fall, days),
        "max_drawdown_ratio": fall,
    }


def _judged(profits: FloatArray) -> dict[Metric, FloatArray]:
    """Judge rows of trades; the last axis holds the profit in money and as a ratio."""
    money, ratios = profits[..., 0], profits[..., 1]
    return {
        "win_rate": metrics.win_rate(money),
        "profit_factor": metrics.profit_factor(money),
        "expectancy_ratio": metrics.expectancy(ratios),
    }


def _figure(value: FloatArray, samples: FloatArray) -> Figure:
    known = finite(value)
    return UNDEFINED if known is None else Figure(known, *interval(samples))

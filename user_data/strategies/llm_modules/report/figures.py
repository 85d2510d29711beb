"""The figures of the days, with what they rest on, and a remark where that is too little."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from llm_modules import metrics
from llm_modules.backtest.assessment import Figure, Statistics
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.measures import MEASURES, worded
from llm_modules.backtest.report.numbers import MISSING, dollars, money, percent, share
from llm_modules.backtest.report.page import Card
from llm_modules.backtest.report.plain import name
from llm_modules.backtest.statistics import (
    FEWEST_DAYS,
    TRADE_METRICS,
    UNDEFINED,
    Figures,
    figures_of_trades,
    statistics_of,
)
from llm_modules.domain import ClosedTrade
from llm_modules.report.account import Account
from llm_modules.report.money import Spent
from llm_modules.report.words import counted

# Below, the interval of a win rate is wider than 35 points: nothing follows from it.
FEWEST_TRADES = 30
# Ratios of a year that were made of less than a month are mostly noise.
FEWEST_DAYS_OF_RATIO = 30
ALL_PAIRS = "all pairs"
HOURS_PER_DAY = 24
DRAWN = (
    "Brackets hold the interval of 95 % that a bootstrap gives: another run of the same luck could "
    "have ended anywhere in it; for trades won it is Wilson's."
)


@dataclass(frozen=True, slots=True)
class Result:
    """The trades of the days, the account if known, what asking took, and all figures of them."""

    trades: tuple[ClosedTrade, ...]
    account: Account | None
    spent: Spent
    currency: str
    statistics: Statistics

    @property
    def profit(self) -> float:
        """What closed trades brought in, in stake currency, before the model's cost."""
        return math.fsum(trade.profit_abs for trade in self.trades)


def result_of(
    trades: tuple[ClosedTrade, ...], account: Account | None, spent: Spent, currency: str
) -> Result:
    """Return the result of some days with every figure that is defined."""
    if account is None:
        found = Statistics(figures_of_trades(trades), trades=len(trades), days=0.0)
    else:
        found = statistics_of(account.equity, trades)
    figures = dict.fromkeys(MEASURES, UNDEFINED) | dict(found.figures) | _won(trades)
    return Result(trades, account, spent, currency, replace(found, figures=figures))


def cards(result: Result) -> tuple[Card, ...]:
    """Return the few figures to be seen first."""
    n, statistics, spent = len(result.trades), result.statistics, result.spent
    won = sum(trade.profit_abs > 0 for trade in result.trades)
    on_days = spell(statistics.days)
    cost = MISSING if spent.problem else dollars(spent.whole.usd)
    return (
        Card("return", worded(statistics, "return_ratio", interval=False), f"in {on_days}"),
        Card("profit", money(result.profit, result.currency), f"of {counted(n, 'trade')}"),
        Card("trades won", worded(statistics, "win_rate", interval=False), f"{won:,} of {n:,}"),
        Card(
            "largest drawdown",
            worded(statistics, "max_drawdown_ratio", interval=False),
            f"in {on_days}",
        ),
        Card("cost of the model", cost, f"{spent.whole.requests:,} requests"),
    )


def spell(days: float) -> str:
    """Write how long something was, in the unit that fits it."""
    if days >= 1:
        return f"{days:,.1f} days"
    hours = HOURS_PER_DAY * days
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"


def headline(result: Result) -> Grid:
    """Return every figure with its interval and what it rests on."""
    on_trades, on_days = counted(len(result.trades), "trade"), spell(result.statistics.days)
    rests_on = {metric: on_trades if metric in TRADE_METRICS else on_days for metric in MEASURES}
    rows = [
        (measure.label, worded(result.statistics, metric), rests_on[metric])
        for metric, measure in MEASURES.items()
    ]
    spent = result.spent
    cost = MISSING if spent.problem else dollars(spent.whole.usd)
    net = MISSING if spent.problem else money(result.profit - spent.whole.usd, result.currency)
    sums = [
        ("profit of closed trades", money(result.profit, result.currency), on_trades),
        ("cost of the model", cost, f"{spent.whole.requests:,} requests"),
        ("profit less that cost", net, "1 USD taken for 1 of the stake currency"),
    ]
    return Grid(("", "these days", "rests on"), (*rows, *sums))


def doubts(result: Result) -> Iterator[str]:
    """Say where there is too little to judge by."""
    n, days = len(result.trades), result.statistics.days
    if n < FEWEST_TRADES:
        yield (
            f"{counted(n, 'trade')} closed: fewer than {FEWEST_TRADES} are too few to tell skill "
            "from luck."
        )
    if result.account is not None and days < FEWEST_DAYS:
        yield (
            f"The account is known for {spell(days)}: Sharpe, Sortino and Calmar ratio take "
            f"{FEWEST_DAYS:g} days and more."
        )
    elif result.account is not None and days < FEWEST_DAYS_OF_RATIO:
        yield (
            f"Sharpe, Sortino and Calmar ratio are of a year and made of {spell(days)}: below "
            f"{FEWEST_DAYS_OF_RATIO} days they are mostly noise."
        )


def by_pair(result: Result) -> Grid:
    """Return a row per pair and side, one per side, and one for all."""
    groups: defaultdict[tuple[str, str], list[ClosedTrade]] = defaultdict(list)
    for trade in result.trades:
        for key in ((trade.pair, trade.side), (ALL_PAIRS, trade.side), (ALL_PAIRS, "both")):
            groups[key].append(trade)
    # A side of all pairs comes after all pairs themselves: "both" is smaller than either.
    order = sorted(groups, key=lambda key: (key[0] == ALL_PAIRS, *key))
    rows = tuple(_row(pair, side, groups[pair, side], result.currency) for pair, side in order)
    headings = ("pair", "side", "trades", "won", "mean", "profit factor", "profit")
    return Grid(headings, rows)


def _won(trades: Sequence[ClosedTrade]) -> Figures:
    """Return the share of trades won: where all or none were, no resampling tells an interval."""
    if not trades:
        return {}
    wins = sum(trade.profit_abs > 0 for trade in trades)
    return {"win_rate": Figure(wins / len(trades), *metrics.wilson_interval(wins, len(trades)))}


def _row(pair: str, side: str, trades: Sequence[ClosedTrade], currency: str) -> tuple[str, ...]:
    profits = np.array([trade.profit_abs for trade in trades])
    factor = float(metrics.profit_factor(profits))
    return (
        name(pair),
        side,
        f"{len(trades):,}",
        share(float(metrics.win_rate(profits))),
        percent(float(np.mean([trade.profit_ratio for trade in trades]))),
        f"{factor:,.2f}" if math.isfinite(factor) else MISSING,
        money(math.fsum(profits), currency),
    )

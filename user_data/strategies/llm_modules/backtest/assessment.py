"""What a run is worth: its figures with their uncertainty, beside those that knew nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from llm_modules.backtest.outcome import Equity, Outcome

Metric = Literal[
    "return_ratio",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown_ratio",
    "win_rate",
    "profit_factor",
    "expectancy_ratio",
]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its bootstrap interval of 95 %; None where it is not defined.

    A bound is None where the interval has none on that side, or there are too few samples.

    Ratios are fractions of one; `expectancy_ratio` is the mean profit ratio of a trade.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Statistics:
    """Every metric of a stretch of time, and how many trades and days are behind it."""

    figures: Mapping[Metric, Figure]
    trades: int
    days: float


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to trade on the same candles, fees and gate; equity as in Outcome, net of its cost.

    Its statistics are those of the headline stretch.
    """

    name: str
    description: str
    equity: Equity
    statistics: Statistics
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class RandomTrading:
    """What chance made of the same turnover: final return ratio of each seed, and the middle 95 %.

    `beaten` is the share of seeds whose return lies below the model's; both are of the headline
    stretch. `placed` is the share of the model's entries that could be made, on average.
    """

    returns: tuple[float, ...]
    low: Equity
    median: Equity
    high: Equity
    beaten: float
    placed: float = 1.0


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry the gate refused, and what it would have earned; None where that is unknown."""

    decision_id: str
    pair: str
    at: datetime
    side: str
    codes: tuple[str, ...]
    profit_abs: float | None
    profit_ratio: float | None


@dataclass(frozen=True, slots=True)
class CheckEffect:
    """What a check of the gate refused, and what of it is known: the profit it would have made.

    `refused` entries, of which `known` were made in the run without gate and earned `profit_abs`:
    below zero, the check saved that much.
    """

    code: str
    refused: int
    known: int
    profit_abs: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the run on one side of the model's knowledge cut-off."""

    name: Literal["before", "after", "whole"]
    start: datetime
    end: datetime
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything a report tells about a run.

    `equity` is net of the model's cost, `statistics` too; `headline` is the stretch that counts,
    `stretches` are all of them. `cut_off` is when the model's knowledge ends, None where it is
    unknown. `shards` above 1: each stretch of time began flat, so there is no one account.
    `names` tells what a masked pair is called in truth. `remarks` are sentences a reader must see
    before any figure. `checks` sum `refused` up, where an entry counts for each check it failed.
    Dates of a masked run plus `shift` are the real ones. `settings` are what the run was made with,
    each by its name.
    """

    outcome: Outcome
    model: str
    equity: Equity
    headline: Stretch
    stretches: tuple[Stretch, ...]
    cut_off: datetime | None
    baselines: tuple[Contender, ...]
    random: RandomTrading | None
    refused: tuple[RefusedEntry, ...]
    shards: int
    names: Mapping[str, str]
    remarks: tuple[str, ...]
    checks: tuple[CheckEffect, ...] = ()
    shift: timedelta = timedelta(0)
    settings: tuple[tuple[str, str], ...] = ()

from dataclasses import replace
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import NOON, a_closed_trade
from costs import enter
from llm_modules.backtest.outcome import Equity
from llm_modules.backtest.report.measures import MEASURES
from llm_modules.llm.spending.totals import NO_REQUESTS
from llm_modules.metrics import wilson_interval
from llm_modules.report.account import Account
from llm_modules.report.figures import (
    FEWEST_TRADES,
    by_pair,
    cards,
    doubts,
    headline,
    result_of,
    spell,
)
from llm_modules.report.money import Spent, spent
from llm_modules.report.span import Span

FREE = Spent(NO_REQUESTS)
HOUR_MS = 3_600_000


def an_account(days: float, *values: float) -> Account:
    middle = np.array(values)
    at = np.linspace(0, days * 24 * HOUR_MS, len(middle)).astype(np.int64)
    return Account(Equity(at, middle), "what it is")


def some(n: int, profit: float = 1.0, **changes: Any) -> tuple[Any, ...]:
    return tuple(
        a_closed_trade(trade_id=number, profit_abs=profit, profit_ratio=profit / 100, **changes)
        for number in range(n)
    )


def row(grid: Any, title: str) -> tuple[str, ...]:
    return next(one for one in grid.rows if one[0] == title)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (0.0, "0 minutes"),
        (0.5 / 24, "30 minutes"),
        (1 / 24, "1.0 hours"),
        (0.99, "23.8 hours"),
        (1.0, "1.0 days"),
        (1234.5, "1,234.5 days"),
    ],
)
def test_how_long_is_said_in_the_unit_that_fits(days: float, said: str) -> None:
    assert spell(days) == said


def test_every_figure_says_what_it_rests_on() -> None:
    result = result_of(some(2), an_account(3, 1000, 990, 1020), FREE, "USDT")
    grid = headline(result)
    assert [one[0] for one in grid.rows[:8]] == [one.label for one in MEASURES.values()]
    assert row(grid, "return")[1].startswith("+2.0 %")
    assert row(grid, "return")[2] == "3.0 days"
    assert row(grid, "largest drawdown")[1].startswith("1.0 %")
    assert row(grid, "trades won")[2] == "2 trades"
    assert row(grid, "profit of closed trades")[1:] == ("+2.00 USDT", "2 trades")


def test_without_an_account_there_are_the_figures_of_trades_alone() -> None:
    result = result_of(some(3), None, FREE, "USDT")
    grid = headline(result)
    assert row(grid, "return")[1] == row(grid, "Sharpe ratio")[1] == "-"
    assert row(grid, "mean profit of a trade")[1].startswith("+1.0 %")
    assert set(result.statistics.figures) == set(MEASURES)


def test_without_a_trade_nothing_of_trades_is_defined() -> None:
    grid = headline(result_of((), an_account(3, 1000, 1010), FREE, "USDT"))
    assert row(grid, "trades won")[1] == row(grid, "profit factor")[1] == "-"
    assert row(grid, "profit of closed trades")[1] == "+0.00 USDT"


@pytest.mark.parametrize("profit", [1.0, -1.0])
def test_where_all_or_none_were_won_the_interval_is_not_a_point(profit: float) -> None:
    figure = result_of(some(11, profit), None, FREE, "USDT").statistics.figures["win_rate"]
    wins = 11 if profit > 0 else 0
    assert (figure.low, figure.high) == wilson_interval(wins, 11)
    assert figure.value == wins / 11


@pytest.mark.parametrize(
    ("trades", "days", "said"),
    [
        (0, 60, ["0 trades closed: fewer than 30 are too few to tell skill from luck."]),
        (1, 60, ["1 trade closed: fewer than 30 are too few to tell skill from luck."]),
        (FEWEST_TRADES - 1, 60, ["29 trades closed"]),
        (FEWEST_TRADES, 60, []),
        (FEWEST_TRADES, 30, []),
        (FEWEST_TRADES, 29.9, ["below 30 days they are mostly noise."]),
        (FEWEST_TRADES, 2, ["made of 2.0 days"]),
        (FEWEST_TRADES, 1.9, ["The account is known for 1.9 days: Sharpe, Sortino and Calmar"]),
    ],
)
def test_what_rests_on_too_little_is_remarked(trades: int, days: float, said: list[str]) -> None:
    account = an_account(days, 1000, 1001, 1002)
    found = list(doubts(result_of(some(trades), account, FREE, "USDT")))
    assert len(found) == len(said)
    assert all(part in whole for part, whole in zip(said, found, strict=True))


def test_an_unknown_account_is_not_called_short() -> None:
    assert list(doubts(result_of(some(FEWEST_TRADES), None, FREE, "USDT"))) == []


def test_what_is_seen_first_fits_on_cards() -> None:
    trades = (*some(2), *some(1, -3.0))
    result = result_of(trades, an_account(1, 1000, 999), FREE, "USDT")
    assert [(one.title, one.value, one.note) for one in cards(result)] == [
        ("return", "-0.10 %", "in 1.0 days"),
        ("profit", "-1.00 USDT", "of 3 trades"),
        ("trades won", "66.7 %", "2 of 3"),
        ("largest drawdown", "0.10 %", "in 1.0 days"),
        ("cost of the model", "0.00 USD", "0 requests"),
    ]


def test_a_cost_nobody_knows_is_neither_shown_nor_subtracted() -> None:
    result = result_of(some(1), None, replace(FREE, problem="gone"), "USDT")
    assert row(headline(result), "cost of the model")[1] == "-"
    assert row(headline(result), "profit less that cost")[1] == "-"
    assert cards(result)[-1].value == "-"


def test_the_models_cost_is_subtracted() -> None:
    costly = Spent(replace(NO_REQUESTS, usd=1.5, requests=3))
    grid = headline(result_of(some(1), None, costly, "USDT"))
    assert row(grid, "cost of the model")[1:] == ("1.50 USD", "3 requests")
    assert row(grid, "profit less that cost")[1] == "-0.50 USDT"


def test_pairs_and_sides_add_up_to_all() -> None:
    trades = (
        *some(2, 2.0, pair="B"),
        *some(1, -1.0, pair="B", side="short"),
        *some(1, -2.0, pair="A"),
    )
    assert by_pair(result_of(trades, None, FREE, "USDT")).rows == (
        ("A", "long", "1", "0 %", "-2.0 %", "0.00", "-2.00 USDT"),
        ("B", "long", "2", "100 %", "+2.0 %", "-", "+4.00 USDT"),
        ("B", "short", "1", "0 %", "-1.0 %", "0.00", "-1.00 USDT"),
        ("all pairs", "both", "4", "50 %", "+0.25 %", "1.33", "+1.00 USDT"),
        ("all pairs", "long", "3", "67 %", "+0.67 %", "2.00", "+2.00 USDT"),
        ("all pairs", "short", "1", "0 %", "-1.0 %", "0.00", "-1.00 USDT"),
    )


# --- the ledger ---

SPAN = Span("dry_run", NOON - timedelta(days=5), NOON + timedelta(hours=1))


def test_costs_are_summed_up_by_day_of_utc_in_one_mode(tmp_path: Path) -> None:
    path = tmp_path / "costs.sqlite"
    for hours, cost in ((0, 0.25), (-11, 0.5), (-13, 1.0), (-500, 9.0), (9, 9.0)):
        enter(path, at=NOON + timedelta(hours=hours), cost=cost)
    enter(path, mode="sandbox", cost=9.0)
    found = spent(path, SPAN)
    assert found.days == ((date(2026, 1, 14), 1.0), (date(2026, 1, 15), 0.75))
    assert (found.whole.usd, found.whole.requests, found.problem) == (1.75, 3, "")
    assert NOON.tzinfo is UTC


def test_without_a_ledger_nothing_was_asked_and_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "costs.sqlite"
    assert spent(path, SPAN) == Spent(NO_REQUESTS)
    assert not path.exists()


def test_a_ledger_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "costs.sqlite"
    path.write_bytes(b"no database" * 100)
    assert "costs.sqlite" in spent(path, SPAN).problem

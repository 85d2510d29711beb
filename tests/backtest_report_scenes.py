"""A small backtest as a report gets to see it: two pairs, four days, known numbers everywhere."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from builders import NOON, PAIR, a_closed_trade, a_decision_record, a_thesis, a_trade_record
from llm_modules.backtest.assessment import (
    Assessment,
    Contender,
    Figure,
    RandomTrading,
    RefusedEntry,
    Statistics,
    Stretch,
)
from llm_modules.backtest.outcome import Equity, Outcome
from llm_modules.backtest.refusals import effects
from llm_modules.domain import Candles, ClosedTrade
from llm_modules.journal.records import EntryThesis, Evaluation, Reflection

START = NOON
END = NOON + timedelta(days=4)
ETH = "ETH/USDT:USDT"
HALF_HOUR_MS = 1_800_000
CANDLES = 4 * 48
ARRIVED = NOON + timedelta(hours=1)


def an_equity(*values: float) -> Equity:
    """An account that passes through these values, evenly over the four days."""
    opened = int(START.timestamp() * 1000)
    at = opened + HALF_HOUR_MS * np.arange(1, CANDLES + 1, dtype=np.int64)
    middle = np.interp(np.linspace(0, 1, CANDLES), np.linspace(0, 1, len(values)), values)
    return Equity(at, middle)


def some_statistics(**changes: Any) -> Statistics:
    """Every metric with an interval; `changes` are other figures."""
    figures = {
        "return_ratio": Figure(0.0321, -0.041, 0.0984),
        "sharpe": Figure(1.234, -0.5, 2.5),
        "sortino": Figure(2.345, -0.7, 4.5),
        "calmar": Figure(3.456, -0.9, 9.5),
        "max_drawdown_ratio": Figure(0.0456, 0.02, 0.08),
        "win_rate": Figure(0.6667, 0.2, 0.95),
        "profit_factor": Figure(1.567, 0.4, 3.5),
        "expectancy_ratio": Figure(0.00432, -0.001, 0.009),
    }
    return Statistics(figures | changes, trades=3, days=4.0)


def a_stretch(**changes: Any) -> Stretch:
    return replace(Stretch("whole", START, END, some_statistics()), **changes)


def a_contender(name: str, final: float, **changes: Any) -> Contender:
    statistics = some_statistics(
        return_ratio=Figure(final / 10_000 - 1, -0.02, 0.03), sharpe=Figure(0.5)
    )
    contender = Contender(name, f"what {name} does", an_equity(10_000, final), statistics)
    return replace(contender, **changes)


def a_random_trading() -> RandomTrading:
    return RandomTrading(
        returns=(-0.05, -0.02, 0.0, 0.01, 0.04),
        low=an_equity(10_000, 9_500),
        median=an_equity(10_000, 10_010),
        high=an_equity(10_000, 10_400),
        beaten=0.8,
    )


def a_refused_entry(*codes: str, profit: float | None = None, **changes: Any) -> RefusedEntry:
    ratio = None if profit is None else profit / 1000
    entry = RefusedEntry("d-9", PAIR, NOON, "long", codes, profit, ratio)
    return replace(entry, **changes)


SOME_REFUSED = (
    a_refused_entry("LEVERAGE", "STAKE", profit=12.5),
    a_refused_entry("LEVERAGE", profit=-40.0),
    a_refused_entry("LEVERAGE"),
)


def some_trades() -> tuple[ClosedTrade, ...]:
    """Two wins and a loss, one of them short, in two pairs."""
    won = a_closed_trade(trade_id=1, opened_at=ARRIVED, closed_at=ARRIVED + timedelta(hours=9))
    lost = a_closed_trade(
        trade_id=2,
        pair=ETH,
        side="short",
        opened_at=ARRIVED + timedelta(hours=3),
        closed_at=ARRIVED + timedelta(hours=20),
        profit_abs=-4.25,
        profit_ratio=-0.0425,
        exit_reason="stop_loss",
        exit_reflection=None,
        thesis=a_thesis(reason="the trend is down", confidence_score=83.0),
    )
    again = a_closed_trade(
        trade_id=3, opened_at=ARRIVED + timedelta(days=1), closed_at=ARRIVED + timedelta(days=2)
    )
    return won, lost, again


def an_outcome(folder: Path, **changes: Any) -> Outcome:
    outcome = Outcome(
        stake_currency="USDT",
        starting_balance=10_000.0,
        final_balance=10_321.0,
        timeframe="30m",
        start=START,
        end=END,
        pairs=(PAIR, ETH),
        equity=an_equity(10_000, 10_321),
        trades=some_trades(),
        decided=384,
        asked=300,
        cost=1.5,
        rejected_entries=7,
        folder=folder,
        result_file=folder / "backtest-result.zip",
    )
    return replace(outcome, **changes)


def an_assessment(outcome: Outcome, **changes: Any) -> Assessment:
    refused = changes.pop("refused", SOME_REFUSED)
    assessment = Assessment(
        outcome=outcome,
        model="test-model",
        equity=an_equity(10_000, 10_500, 10_000, 10_321),
        headline=a_stretch(),
        stretches=(a_stretch(),),
        cut_off=None,
        baselines=(a_contender("hold", 10_120), a_contender("wait", 10_000)),
        random=a_random_trading(),
        refused=refused,
        checks=effects(refused),
        shards=1,
        names={},
        remarks=("The exchange is simulated.",),
    )
    return replace(assessment, **changes)


def candles_of(_pair: str) -> Candles:
    """Candles of the run's four days, with half a day on either side that is not the run's."""
    return waving(CANDLES + 48, START - timedelta(hours=12))


def waving(rows: int, start: datetime) -> Candles:
    """Half-hour candles of a wave around 100."""
    at = int(start.timestamp() * 1000) + HALF_HOUR_MS * np.arange(rows, dtype=np.int64)
    close = 100 + 3 * np.sin(np.arange(rows) / 9)
    opened = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(opened, close) + 0.2, np.minimum(opened, close) - 0.2
    return Candles("30m", at, opened, high, low, close, np.ones(rows))


def write_journals(folder: Path, trades: Iterable[ClosedTrade] = ()) -> None:
    """Journals of six decisions, 1.50 USD in all, and of these trades."""
    folder.mkdir(exist_ok=True)
    statuses = ("approved", "approved", "clamped", "refused", "failed", "skipped")
    decisions = [
        a_decision_record(
            decision_id=f"d-{number}",
            at=NOON + timedelta(hours=number),
            status=status,
            mode="backtest",
            attempts=0 if status == "skipped" else 1,
            cost=None if status == "skipped" else 0.3,
        )
        for number, status in enumerate(statuses)
    ]
    write_lines(folder / "llm_decisions.jsonl", decisions)
    write_lines(folder / "trade_experience.jsonl", [_recorded(trade) for trade in trades])


def write_lines(path: Path, records: Iterable[BaseModel]) -> None:
    lines = (f"{record.model_dump_json(by_alias=True)}\n" for record in records)
    path.write_text("".join(lines), encoding="utf-8")


def _recorded(trade: ClosedTrade) -> BaseModel:
    thesis = trade.thesis
    assert thesis is not None
    entry = EntryThesis(
        decision_id=thesis.decision_id,
        reason=thesis.reason,
        confidence_score=thesis.confidence_score,
        key_support=thesis.key_support,
        key_resistance=thesis.key_resistance,
        stop_price=thesis.stop_price,
        target_price=thesis.target_price,
        invalidation=thesis.invalidation,
        facts=dict(thesis.facts),
        model="test-model",
    )
    return a_trade_record(
        mode="backtest",
        trade_id=trade.trade_id,
        pair=trade.pair,
        side=trade.side,
        opened_at=trade.opened_at,
        closed_at=trade.closed_at,
        profit_abs=trade.profit_abs,
        profit_ratio=trade.profit_ratio,
        exit_reason=trade.exit_reason,
        entry=entry,
        evaluation=Evaluation(
            profit_points=10,
            risk_points=10,
            timing_points=10,
            efficiency_points=10,
            score=40,
            grade="F",
        ),
        reflection=Reflection(summary="a summary", lessons=(f"lesson of trade {trade.trade_id}",)),
    )

"""A bot that seems to run, journals to look at, and a report with sensible defaults."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from builders import NOON, PAIR, a_decision_record
from llm_modules.domain import RunMode
from llm_modules.journal.records import DecisionRecord, Line, Reason
from llm_modules.llm.spending.left import BudgetLeft
from llm_modules.operations.places import Places
from llm_modules.operations.running.bot_record import bot_lock, write_record
from llm_modules.operations.running.plan import Plan
from llm_modules.operations.status.facts import (
    AccountFacts,
    BotFacts,
    CostFacts,
    JournalFacts,
    LastDecision,
    ModelFacts,
    PositionFacts,
    Process,
    RefusalFacts,
    StatusReport,
)

STARTED_AT = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
NOW = NOON + timedelta(minutes=5)


@contextmanager
def a_running_bot(places: Places, mode: RunMode, port: int) -> Iterator[None]:
    """Hold the lock of a bot and write its record, as a supervisor does."""
    with bot_lock(places):
        write_record(places, Plan(mode, port, ()), STARTED_AT, ())
        yield


def tell(path: Path, *lines: Line | str) -> None:
    """Write a journal anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = (
        line if isinstance(line, str) else line.model_dump_json(by_alias=True) for line in lines
    )
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def refused(*codes: str, **changes: Any) -> DecisionRecord:
    """A decision that checks of these names refused."""
    reasons = tuple(Reason(code=code, text="because", kind="refusal") for code in codes)
    return a_decision_record(**({"status": "refused", "reasons": reasons} | changes))


def a_bot(**changes: Any) -> BotFacts:
    bot = BotFacts(
        running=True,
        mode="dry_run",
        started_at=STARTED_AT,
        uptime_seconds=9300,
        processes=(Process("supervisor", 11), Process("freqtrade", 12)),
        api_address="http://127.0.0.1:8086",
        api_answers=True,
    )
    return replace(bot, **changes)


def an_equity(**changes: Any) -> AccountFacts:
    account = AccountFacts(
        source="api",
        at=NOW,
        currency="USDT",
        equity=990.0,
        peak_equity=1000.0,
        drawdown_ratio=-0.01,
        day_start_equity=980.0,
        day_profit_abs=10.0,
        day_profit_ratio=10 / 980,
    )
    return replace(account, **changes)


def a_held_position(**changes: Any) -> PositionFacts:
    position = PositionFacts(
        trade_id=7,
        pair=PAIR,
        side="long",
        leverage=3.0,
        stake_amount=100.0,
        opened_at=NOW - timedelta(hours=2, minutes=3),
        open_rate=100.0,
        current_rate=101.0,
        profit_ratio=0.0288,
        profit_abs=2.88,
        stop_price=97.5,
        decision_id="d-1",
        thesis="the trend is up",
    )
    return replace(position, **changes)


def a_last_decision(**changes: Any) -> LastDecision:
    decision = LastDecision(
        pair=PAIR,
        decision_id="260115120000-BTC-abc123",
        at=NOW - timedelta(seconds=42),
        age_seconds=42,
        tool="signal_entry_long",
        verdict="refused",
        confidence=70.0,
    )
    return replace(decision, **changes)


def a_model(**changes: Any) -> ModelFacts:
    model = ModelFacts(
        name="test-model",
        asked=40,
        failed=2,
        error_ratio=0.05,
        latency_p50_seconds=1.5,
        latency_p95_seconds=4.25,
        fallback=0,
        breaker=0,
        over_budget=0,
        skipped=0,
    )
    return replace(model, **changes)


def a_cost(**changes: Any) -> CostFacts:
    limit = BudgetLeft("usd_per_day", 2.0, 0.5, 1.5, "2026-01-16 00:00 UTC")
    return replace(CostFacts(0.5, 40, 0, (limit,)), **changes)


def some_journals(**changes: Any) -> JournalFacts:
    journals = JournalFacts(
        lines=120,
        since=NOW - timedelta(hours=24),
        is_cut=False,
        unreadable_lines=0,
        torn_files=(),
        disk_free_bytes=12_300_000_000,
        problems=(),
    )
    return replace(journals, **changes)


def a_report(**changes: Any) -> StatusReport:
    report = StatusReport(
        schema=1,
        at=NOW,
        bot=a_bot(),
        account=an_equity(),
        positions=(a_held_position(),),
        decisions=(a_last_decision(),),
        refusals=RefusalFacts(3, {"MIN_CONFIDENCE": 2, "COOLDOWN": 1}),
        model=a_model(),
        cost=a_cost(),
        halts=(),
        journals=some_journals(),
        learning_off=(),
        problems=(),
    )
    return replace(report, **changes)

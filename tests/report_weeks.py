"""Weeks of a bot that never was: a market, trades on it, decisions, a ledger, in a folder."""

import json
import math
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import feather
from pydantic import BaseModel

from builders import a_closed_trade, a_decision_record, a_thesis, a_trade_record
from costs import an_expense, an_inquiry
from llm_modules.domain import ClosedTrade, RunMode, Side
from llm_modules.journal.records import (
    Approved,
    DecisionRecord,
    EntryThesis,
    Evaluation,
    Grade,
    HaltRecord,
    LessonRecord,
    Reason,
    Reflection,
    TradeRecord,
)
from llm_modules.learning.lessons import findings, lessons
from llm_modules.learning.wording import learning_phrases
from llm_modules.llm.spending.ledger import LEDGER_NAME, Ledger, row_of
from llm_modules.operations.places import SHIPPED_USER_DATA, Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.report.options import ReportOptions

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 24
END = START + timedelta(days=DAYS)
STEP = timedelta(minutes=30)
HOUR = timedelta(hours=1)
PAIRS = {"BTC/USDT:USDT": 64_000.0, "ETH/USDT:USDT": 3_100.0, "SOL/USDT:USDT": 142.0}
WALLET = 1000.0
FEES = 0.001
REASONS = {
    "long": "RSI turned up from {rsi:.0f} at support, the EMA gap closes, volume confirms it",
    "short": "rejected at resistance with RSI {rsi:.0f}, lower highs on 1h and 4h",
}
REFUSALS = (
    ("COOLDOWN", "{pair} rests 2 candles after its loss"),
    ("MIN_CONFIDENCE", "confidence 52 is below 55"),
    ("REWARD_RISK", "the target is 0.9 times as far as the stop, at least 1.5 is asked"),
    ("NO_FREE_SLOT", "2 of 2 slots are taken or promised"),
)


CUT = Reason(
    code="MAX_POSITION",
    kind="clamp",
    text="240 is cut to 120, 12 % of equity",
    field="stake_amount",
    before=240,
    after=120,
)


@dataclass(frozen=True, slots=True)
class Market:
    """Half-hour candles of a pair, from START on."""

    at: Any
    open: Any
    high: Any
    low: Any
    close: Any


@cache
def market(pair: str) -> Market:
    """A random walk with a slow wave, the same every time."""
    rows = DAYS * 48
    generator = np.random.default_rng(sorted(PAIRS).index(pair) + 7)
    drift = 0.0011 * np.cos(np.arange(rows) / 55 + len(pair) + PAIRS[pair] % 7)
    close = PAIRS[pair] * np.exp(np.cumsum(drift + generator.normal(0, 0.0028, rows)))
    opened = np.concatenate(([PAIRS[pair]], close[:-1]))
    reach = np.abs(generator.normal(0, 0.0016, (2, rows)))
    high, low = (
        np.maximum(opened, close) * (1 + reach[0]),
        np.minimum(opened, close) * (1 - reach[1]),
    )
    at = int(START.timestamp() * 1000) + 1_800_000 * np.arange(rows, dtype=np.int64)
    return Market(at, opened, high, low, close)


def when(row: int) -> datetime:
    """The close of a candle."""
    return START + (row + 1) * STEP


@cache
def some_trades() -> tuple[TradeRecord, ...]:
    """Seventy trades in three pairs, about half of them won."""
    generator = np.random.default_rng(41)
    made: list[tuple[str, int, int, tuple[float, ...]]] = []
    for pair in PAIRS:
        row = 20
        while (row := row + int(generator.integers(10, 50))) < DAYS * 48 - 30:
            end = row + int(generator.integers(4, 26))
            made.append((pair, row, end, tuple(generator.random(4))))
            row = end
    made.sort(key=lambda one: one[2])
    return tuple(a_trade(number, *one) for number, one in enumerate(made, start=1))


def a_trade(number: int, pair: str, row: int, end: int, chance: tuple[float, ...]) -> TradeRecord:
    """A trade from one candle to another; it goes with the market rather more often than not."""
    candles = market(pair)
    opened, closed = float(candles.close[row]), float(candles.close[end])
    side: Side = "long" if (closed > opened) == (chance[0] < 0.56) else "short"
    sign = 1 if side == "long" else -1
    inside = slice(row + 1, end + 1)
    reached = sorted(
        sign * (np.array([candles.high[inside].max(), candles.low[inside].min()]) / opened - 1)
    )
    profit = 3 * (sign * (closed / opened - 1) - FEES)
    # Those that go wrong were against the trend more often than the others.
    rsi, against = 30 + 40 * chance[1], 0.7 if chance[0] < 0.56 else 1.7
    facts = {
        "price": opened,
        "rsi": rsi,
        "adx": 15 + 25 * chance[2],
        "ema_gap_pct": sign * (0.9 - against * chance[3]),
        "atr_pct": 0.5,
        "volatility_ratio": 0.7 + chance[1],
    }
    return recorded(
        a_closed_trade(
            trade_id=number,
            pair=pair,
            side=side,
            leverage=3.0,
            stake_amount=120.0,
            opened_at=when(row),
            closed_at=when(end),
            open_rate=opened,
            close_rate=closed,
            profit_ratio=profit,
            profit_abs=120 * profit,
            mfe_ratio=3 * (float(reached[1]) - FEES),
            mae_ratio=3 * (float(reached[0]) - FEES),
            stop_price=opened * (1 - sign * 0.02),
            exit_reason="signal_exit" if profit > -0.02 else "stop_loss",
            exit_reflection="the move I waited for came" if profit > 0 else "the idea was wrong",
            model_score=78.0 if profit > 0 else 42.0,
            liquidation_price=None,
            thesis=a_thesis(
                reason=REASONS[side].format(rsi=rsi),
                confidence_score=round(56 + 36 * chance[2]),
                key_support=opened * 0.985,
                key_resistance=opened * 1.015,
                stop_price=opened * (1 - sign * 0.02),
                facts=facts,
                model="deepseek-v4-flash",
                timeframe="30m",
            ),
        )
    )


def recorded(trade: ClosedTrade, mode: RunMode = "dry_run", **changes: Any) -> TradeRecord:
    """A trade as the journal tells it, with what the rules find in it."""
    score = 85.0 if trade.profit_abs > 0 else 38.0
    grade: Grade = "A" if trade.profit_abs > 0 else "F"
    quarter = score / 4
    evaluation = Evaluation(
        profit_points=quarter,
        risk_points=quarter,
        timing_points=quarter,
        efficiency_points=quarter,
        score=score,
        grade=grade,
    )
    found = findings(trade, evaluation)
    told = lessons(found, learning_phrases("en"))
    thesis = trade.thesis
    entry = None
    if thesis is not None:
        names = EntryThesis.model_fields
        entry = EntryThesis(**{name: getattr(thesis, name) for name in names})
    names = TradeRecord.model_fields
    same = {name: getattr(trade, name) for name in names if hasattr(trade, name)}
    values: dict[str, Any] = same | {
        "at": trade.closed_at,
        "mode": mode,
        "entry": entry,
        "evaluation": evaluation,
        "reflection": Reflection(summary="as it went", lessons=told, findings=found),
    }
    return a_trade_record(**(values | changes))


def some_decisions(
    trades: Iterable[TradeRecord], mode: RunMode = "dry_run"
) -> Iterator[DecisionRecord]:
    """A decision per pair and hour, with the account as it then was."""
    known = tuple(trades)
    for row in range(1, DAYS * 48, 2):
        at = when(row)
        same: dict[str, Any] = {
            "at": at + timedelta(seconds=2),
            "candle_at": at,
            "mode": mode,
            "model": "deepseek-v4-flash",
            "equity": equity_at(row, known),
            "timeframe": "30m",
            "attempts": 1,
        }
        for place, pair in enumerate(PAIRS):
            own = [one for one in known if one.pair == pair]
            number = 3 * row + place
            verdict = a_verdict(pair, number, at, own)
            yield a_decision_record(**same, decision_id=f"d-{number}", pair=pair, **verdict)


def a_verdict(
    pair: str, number: int, at: datetime, trades: Iterable[TradeRecord]
) -> dict[str, Any]:
    """What was called about a pair and what the gate made of it."""
    for trade in trades:
        if at - HOUR < trade.opened_at <= at:
            return {"tool": f"signal_entry_{trade.side}"}
        if at - HOUR < trade.closed_at <= at:
            return {"tool": "signal_exit"}
        if trade.opened_at < at < trade.closed_at:
            return {"tool": "signal_hold"}
    return a_quiet_verdict(pair, number)


def a_quiet_verdict(pair: str, number: int) -> dict[str, Any]:
    """What becomes of a candle on which nothing is opened or held."""
    if number % 7 == 0:
        return a_refusal(pair, number)
    if number % 23 == 0:
        approved = Approved(leverage=3, stake_amount=120, stop_price=None)
        cut = {"status": "clamped", "reasons": (CUT,), "approved": approved}
        return {"tool": "signal_entry_long"} | cut
    if number % 97 == 0:
        return {"tool": None, "default_tool": "signal_wait", "status": "failed", "fault": "timeout"}
    return {"tool": "signal_wait"}


def a_refusal(pair: str, number: int) -> dict[str, Any]:
    count = 1 + (number % 4 == 0)
    picked = [REFUSALS[(number // 7 + place * 3) % (2 + number % 3)] for place in range(count)]
    reasons = tuple(
        Reason(code=code, text=text.format(pair=pair), kind="refusal")
        for code, text in dict(picked).items()
    )
    side: Side = "long" if number % 2 else "short"
    call = {
        "leverage": 5.0,
        "stake_amount": 150.0,
        "confidence_score": 52.0,
        "reason": REASONS[side].format(rsi=30 + number % 40),
    }
    return {"tool": f"signal_entry_{side}", "status": "refused", "reasons": reasons, "call": call}


def equity_at(row: int, trades: Iterable[TradeRecord]) -> float:
    """The wallet, what was earned so far, and the profit of what is open."""
    at, equity = when(row), WALLET
    for trade in trades:
        if trade.closed_at <= at:
            equity += trade.profit_abs
        elif trade.opened_at < at:
            sign = 1 if trade.side == "long" else -1
            price = float(market(trade.pair).close[row])
            equity += 3 * 120 * (sign * (price / trade.open_rate - 1) - FEES)
    return equity


@dataclass(frozen=True, slots=True)
class Bot:
    """A folder of a bot as it would be after weeks."""

    user_data: Path

    @property
    def decisions(self) -> Path:
        return self.user_data / "logs" / "llm_decisions.jsonl"

    @property
    def trades(self) -> Path:
        return self.user_data / "logs" / "trade_experience.jsonl"

    @property
    def session(self) -> Session:
        return Session(Places(self.user_data), {}, Screen())

    def options(self, **changes: Any) -> ReportOptions:
        return ReportOptions(**({"now": END, "user_data": self.user_data} | changes))


def an_empty_bot(folder: Path) -> Bot:
    """Settings and nothing else."""
    user_data = folder / "user_data"
    (user_data / "logs").mkdir(parents=True)
    for name in ("config.json", "config.sandbox.json"):
        shutil.copy(SHIPPED_USER_DATA / name, user_data / name)
    (user_data / "data").mkdir()
    return Bot(user_data)


def a_bot(folder: Path) -> Bot:
    """Twenty-four days of dry-run with everything a report can show."""
    bot, trades = an_empty_bot(folder), some_trades()
    write_lines(bot.decisions, some_decisions(trades))
    write_lines(bot.trades, trades)
    with closing(Ledger(bot.decisions.with_name(LEDGER_NAME))) as ledger:
        for day in range(DAYS):
            cost = 0.05 + 0.02 * math.sin(day)
            expense = an_expense(at=START + timedelta(days=day, hours=3), cost=cost)
            ledger.add(row_of(an_inquiry(decision_id=f"d-{day}"), expense, "dry_run"))
    for pair in PAIRS:
        store_candles(bot.user_data / "data" / "binance", pair)
    return bot


def store_candles(folder: Path, pair: str, timeframe: str = "30m") -> Path:
    """The market of a pair as Freqtrade stores it."""
    candles = market(pair)
    path = (
        folder
        / "futures"
        / f"{pair.replace('/', '_').replace(':', '_')}-{timeframe}-futures.feather"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    dates = pa.array(candles.at, pa.timestamp("ms", tz="UTC"))
    columns = {name: getattr(candles, name) for name in ("open", "high", "low", "close")}
    table = pa.table({"date": dates, **columns, "volume": np.ones(len(candles.at))})
    feather.write_feather(table, path)
    return path


def write_lines(path: Path, records: Iterable[BaseModel]) -> None:
    text = "".join(f"{record.model_dump_json(by_alias=True)}\n" for record in records)
    path.write_text(text, encoding="utf-8")


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def change_settings(bot: Bot, **changes: Any) -> None:
    """Write other settings: those of the file with these in their place."""
    path = bot.user_data / "config.json"
    settings = bot.session.settings() | changes
    path.write_text(json.dumps(settings), encoding="utf-8")


def hostile(bot: Bot, text: str) -> Bot:
    """A bot whose model, pairs, checks, tools, exits, halts and lessons are all an attack."""
    closed = END - timedelta(hours=1)
    trade = a_closed_trade(
        pair=text,
        opened_at=END - timedelta(hours=3),
        closed_at=closed,
        exit_reason=text,
        exit_reflection=text,
        thesis=a_thesis(reason=text, model=text, invalidation=text),
    )
    record = recorded(trade)
    lesson = LessonRecord(
        at=END,
        mode="dry_run",
        trade_id=trade.trade_id,
        opened_at=trade.opened_at,
        pair=text,
        model=text,
        text=text,
    )
    write_lines(bot.trades, [record, lesson])
    reasons = tuple(Reason(code=text, text=text, kind=kind) for kind in ("refusal", "clamp"))
    decision = a_decision_record(
        mode="dry_run",
        at=closed,
        pair=text,
        model=text,
        tool=text,
        timeframe=text,
        status="refused",
        reasons=reasons,
        call={"reason": text, "leverage": text},
        equity=1000.0,
    )
    later = decision.model_copy(update={"at": END, "decision_id": "d-2"})
    halt = HaltRecord(at=END, mode="dry_run", event="halted", text=text, equity=None)
    write_lines(bot.decisions, [decision, later, halt])
    return bot

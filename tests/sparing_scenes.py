"""Candles, snapshots and records of one pair, as Sparing sees them one after the other."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from builders import NOON, RULES, a_decision_record, a_position, a_question, some_candles
from llm_modules.config import AskingConfig
from llm_modules.domain import MarketSnapshot, OpenPosition
from llm_modules.engine.question import Question
from llm_modules.engine.sparing import Skip, Sparing
from llm_modules.engine.sparing.likeness import held_of
from llm_modules.journal.records import DecisionRecord
from llm_modules.market.snapshot import build_snapshot

CANDLE = timedelta(minutes=30)
FACTS: dict[str, float] = {
    "price": 100.0,
    "rsi": 50.0,
    "adx": 20.0,
    "mfi": 45.0,
    "rsi_1h": 55.0,
    "adx_4h": 30.0,
    "ema_gap_pct": 0.4,
    "ema_gap_pct_1d": -0.4,
    "macd_pct": 0.1,
    "macd_hist_pct": -0.1,
    "funding_rate_pct": 0.01,
    "atr_pct": 1.0,
    "support": 96.0,
}


def close_of(number: int) -> datetime:
    """The close of a candle; the one of noon is number 0, and divisible by 2, 3 and 4."""
    return NOON + number * CANDLE


@cache
def _market() -> MarketSnapshot:
    return build_snapshot("BTC/USDT:USDT", NOON, (some_candles(),), RULES)


def a_snapshot(number: int = 1, **facts: float | None) -> MarketSnapshot:
    """The market at a candle, with some facts changed, or left out as None."""
    merged: Mapping[str, float | None] = FACTS | facts
    known = {name: value for name, value in merged.items() if value is not None}
    price = known.pop("price")
    return replace(_market(), candle_at=close_of(number), price=price, facts=known)


def a_holding(**changes: Any) -> OpenPosition:
    """A long from 100 with its stop at 97 and levels far away."""
    return a_position(**({"current_rate": 100.0, "profit_ratio": 0.03} | changes))


def at_candle(number: int, *positions: OpenPosition, **changes: Any) -> Question:
    return a_question(*positions, candle_at=close_of(number), **changes)


def asked(number: int = 0, position: OpenPosition | None = None, **changes: Any) -> DecisionRecord:
    """A decision to wait, or to hold a position, as the journal has it."""
    values: dict[str, Any] = {
        "decision_id": f"d{number}",
        "at": close_of(number) + timedelta(seconds=3),
        "candle_at": close_of(number),
        "stance": "in_position" if position else "flat",
        "tool": "signal_hold" if position else "signal_wait",
        "trade_id": position.trade_id if position else None,
        "profit_ratio": position.profit_ratio if position else None,
        "held": held_of(position),
        "timeframe": "30m",
        "facts": FACTS,
    }
    return a_decision_record(**(values | changes))


def sparing(*past: DecisionRecord, **keys: Any) -> Sparing:
    made = Sparing(AskingConfig(**keys))
    made.load(past)
    return made


def skip_at(made: Sparing, number: int, *positions: OpenPosition, **facts: Any) -> Skip | None:
    return made.reason_to_skip(at_candle(number, *positions), a_snapshot(number, **facts))

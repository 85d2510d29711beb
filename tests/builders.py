"""Domain objects with sensible defaults; a test names only what its scene is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from llm_modules.config import RiskConfig, TraderConfig, parse_config
from llm_modules.dialogue import Message, Prompt, Reply, ToolRequest, Usage
from llm_modules.domain import (
    AccountState,
    Candles,
    ClosedTrade,
    Conduct,
    MarketRules,
    OpenPosition,
    Thesis,
)
from llm_modules.engine.book import Booking
from llm_modules.engine.question import Question, World
from llm_modules.gate.verdict import Exposure, GateState
from llm_modules.journal.records import (
    DecisionRecord,
    EntryThesis,
    Evaluation,
    Reflection,
    TradeRecord,
)
from llm_modules.tools.calls import TOOL_CALL, ToolCall
from llm_modules.tools.schema import offered_tools

PAIR = "BTC/USDT:USDT"
NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RULES = MarketRules(price_step=0.1, min_notional=5.0, max_leverage=125.0)

ENTRY_ARGUMENTS: dict[str, Any] = {
    "pair": PAIR,
    "leverage": 3,
    "confidence_score": 70,
    "key_support": 95.0,
    "key_resistance": 110.0,
    "rsi_value": 25,
    "trend_strength": "moderate",
    "reason": "the trend is up",
    "stake_amount": 100,
    "stop_price": 98.0,
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "signal_entry_long": ENTRY_ARGUMENTS,
    "signal_entry_short": ENTRY_ARGUMENTS | {"stop_price": 102.0},
    "signal_exit": {
        "pair": PAIR,
        "confidence_score": 60,
        "rsi_value": 70,
        "trade_score": 80,
        "reason": "target reached",
    },
    "adjust_position": {
        "pair": PAIR,
        "adjustment_pct": 50,
        "confidence_score": 60,
        "key_support": 95.0,
        "key_resistance": 110.0,
        "reason": "it goes well",
    },
    "signal_hold": {
        "pair": PAIR,
        "confidence_score": 60,
        "rsi_value": 50,
        "reason": "nothing new",
    },
    "signal_wait": {
        "pair": PAIR,
        "confidence_score": 60,
        "rsi_value": 50,
        "reason": "no edge",
    },
}


def a_call(tool: str, **changes: Any) -> ToolCall:
    return TOOL_CALL.validate_python({**ARGUMENTS[tool], **changes, "tool": tool})


def an_account(**changes: Any) -> AccountState:
    account = AccountState(
        version=1,
        stake_currency="USDT",
        equity=1000.0,
        free=900.0,
        used_stake=100.0,
        open_trades=1,
        peak_equity=1000.0,
        day_start_equity=1000.0,
        halted=False,
    )
    return replace(account, **changes)


def a_thesis(**changes: Any) -> Thesis:
    thesis = Thesis(
        decision_id="d-1",
        reason="the trend is up",
        confidence_score=70.0,
        key_support=95.0,
        key_resistance=110.0,
        stop_price=97.0,
        target_price=106.0,
        invalidation="a close below 95",
        facts={"price": 100.0, "rsi": 55.0, "adx": 25.0, "ema_gap_pct": 0.3},
    )
    return replace(thesis, **changes)


def a_position(**changes: Any) -> OpenPosition:
    position = OpenPosition(
        trade_id=7,
        pair=PAIR,
        side="long",
        opened_at=NOON - timedelta(hours=2),
        open_rate=100.0,
        stake_amount=100.0,
        leverage=3.0,
        current_rate=101.0,
        best_rate=101.5,
        profit_ratio=0.03,
        mfe_ratio=0.05,
        mae_ratio=-0.02,
        stop_price=97.0,
        liquidation_price=68.0,
        entries=1,
        adjustments=0,
        thesis=a_thesis(),
    )
    return replace(position, **changes)


def a_world(*positions: OpenPosition, **changes: Any) -> World:
    return World(an_account(**changes), {position.pair: position for position in positions})


def a_gate_state(**changes: Any) -> GateState:
    state = GateState(
        now=NOON + timedelta(seconds=5),
        candle_at=NOON,
        valid_until=NOON + timedelta(minutes=30),
        pair=PAIR,
        price=100.0,
        rules=RULES,
        account=an_account(),
        position=None,
        exposures=(),
        locked_sides=frozenset(),
        tradable=True,
        facts={"rsi": 25.0, "adx": 22.0, "support": 96.0, "resistance": 104.0, "atr_pct": 1.0},
        conduct=Conduct(),
        habits=(),
        acted_on=None,
        funding_rate=0.0001,
    )
    return replace(state, **changes)


def a_promise(**changes: Any) -> Exposure:
    """An approved entry in another pair that has not reached the account yet."""
    promise = Exposure("ETH/USDT:USDT", "long", 100.0, 3.0, 0.0, promised=True, takes_slot=True)
    return replace(promise, **changes)


def a_risk(**changes: Any) -> RiskConfig:
    values = {
        "max_leverage": 10.0,
        "default_leverage": 3.0,
        "max_position_pct": 20.0,
        "max_open_trades": 4,
        "allow_model_freedom": True,
        "emergency_stop_loss": -0.15,
    }
    return RiskConfig.model_validate(values | changes)


def settings(folder: str = ".", **blocks: dict[str, Any]) -> dict[str, Any]:
    """Our four blocks as config.json holds them, each updatable by name."""
    base: dict[str, dict[str, Any]] = {
        "llm_config": {
            "api_base": "http://127.0.0.1:9/v1",
            "model": "test-model",
            "temperature": 0.6,
            "max_tokens": 2000,
            "timeout": 5,
            "retry_times": 1,
        },
        "risk_management": a_risk().model_dump(),
        "experience_config": {
            "log_decisions": True,
            "log_trades": True,
            "decision_log_path": f"{folder}/llm_decisions.jsonl",
            "trade_log_path": f"{folder}/trade_experience.jsonl",
            "max_recent_trades_context": 5,
            "max_recent_decisions_context": 10,
            "include_pair_specific_trades": True,
        },
        "context_config": {
            "max_context_tokens": 6000,
            "indicator_history_points": 10,
            "raw_kline_history_points": 10,
            "include_multi_timeframe_data": False,
            "multi_timeframe_history": {},
            "informative_timeframes": ["1h"],
        },
    }
    return {name: values | blocks.get(name, {}) for name, values in base.items()}


def a_config(folder: str = ".", **blocks: dict[str, Any]) -> TraderConfig:
    return parse_config(settings(folder, **blocks))


def some_candles(
    timeframe: str = "30m", rows: int = 200, end: datetime = NOON, *, base: float = 100.0
) -> Candles:
    """Deterministic candles of a slow wave; the newest closes at `end`."""
    minutes = {"1m": 1, "5m": 5, "30m": 30, "1h": 60, "4h": 240, "1d": 1440}[timeframe]
    step_ms = minutes * 60_000
    opens_ms = int(end.timestamp() * 1000) - step_ms * np.arange(rows, 0, -1)
    close = base * (1 + 0.02 * np.sin(np.arange(rows) / 9) + 0.0005 * np.arange(rows) / rows)
    opened = np.concatenate([[base], close[:-1]])
    spread = base * 0.001
    return Candles(
        timeframe=timeframe,
        open_times=opens_ms.astype(np.int64),
        open=opened,
        high=np.maximum(opened, close) + spread,
        low=np.minimum(opened, close) - spread,
        close=close,
        volume=1000 + 100 * np.cos(np.arange(rows) / 5),
    )


def a_question(*positions: OpenPosition, **changes: Any) -> Question:
    question = Question(
        decision_id="260115120000-BTC-abc123",
        pair=PAIR,
        candle_at=NOON,
        valid_until=NOON + timedelta(minutes=30),
        frames=(some_candles("30m"), some_candles("1h")),
        rules=RULES,
        world=a_world(*positions),
        mode="sandbox",
        locked_sides=frozenset(),
        tradable=True,
        returns={},
        funding_rate=0.0,
    )
    return replace(question, **changes)


def a_booking(**changes: Any) -> Booking:
    booking = Booking(
        decision_id="d-1",
        kind="entry",
        tool="signal_entry_long",
        pair=PAIR,
        side="long",
        leverage=3.0,
        stake_amount=100.0,
        stop_price=97.0,
        lowest_price=99.0,
        highest_price=101.0,
        candle_at=NOON,
        valid_until=NOON + timedelta(minutes=30),
        thesis=a_thesis(),
    )
    return replace(booking, **changes)


def a_request(tool: str, arguments: Any, call_id: str = "c1") -> ToolRequest:
    return ToolRequest(call_id, tool, arguments)


def a_reply(*requests: ToolRequest, **changes: Any) -> Reply:
    reply = Reply(
        text="",
        tool_requests=requests,
        finish_reason="tool_calls",
        model="test-model-0126",
        usage=Usage(prompt_tokens=1000, completion_tokens=50),
    )
    return replace(reply, **changes)


def a_prompt(stance: str = "flat", text: str = "what now?") -> Prompt:
    tools = offered_tools("flat" if stance == "flat" else "in_position")
    return Prompt((Message("system", "rules"), Message("user", text)), tools)


def a_decision_record(**changes: Any) -> DecisionRecord:
    values: dict[str, Any] = {
        "decision_id": "d-1",
        "at": NOON + timedelta(seconds=2),
        "candle_at": NOON,
        "pair": PAIR,
        "stance": "flat",
        "mode": "sandbox",
        "model": "test-model",
        "status": "approved",
        "tool": "signal_wait",
        "call": {"confidence_score": 60.0, "reason": "no edge"},
        "facts": {"price": 100.0},
    }
    return DecisionRecord(**(values | changes))


def a_closed_trade(**changes: Any) -> ClosedTrade:
    trade = ClosedTrade(
        trade_id=7,
        pair=PAIR,
        side="long",
        leverage=3.0,
        stake_amount=100.0,
        opened_at=NOON - timedelta(hours=3),
        closed_at=NOON - timedelta(hours=1),
        open_rate=100.0,
        close_rate=102.0,
        profit_abs=5.8,
        profit_ratio=0.058,
        funding_fees=-0.01,
        mfe_ratio=0.08,
        mae_ratio=-0.01,
        stop_price=97.0,
        liquidation_price=68.0,
        exit_reason="signal_exit",
        entries=1,
        exits=1,
        thesis=a_thesis(),
        exit_decision_id="d-2",
        model_score=75.0,
        exit_reflection="took profit at resistance",
    )
    return replace(trade, **changes)


def a_trade_record(**changes: Any) -> TradeRecord:
    trade = a_closed_trade()
    values: dict[str, Any] = {
        "at": trade.closed_at,
        "mode": "sandbox",
        "trade_id": trade.trade_id,
        "pair": trade.pair,
        "side": trade.side,
        "leverage": trade.leverage,
        "stake_amount": trade.stake_amount,
        "opened_at": trade.opened_at,
        "closed_at": trade.closed_at,
        "open_rate": trade.open_rate,
        "close_rate": trade.close_rate,
        "profit_abs": trade.profit_abs,
        "profit_ratio": trade.profit_ratio,
        "funding_fees": trade.funding_fees,
        "mfe_ratio": trade.mfe_ratio,
        "mae_ratio": trade.mae_ratio,
        "stop_price": trade.stop_price,
        "exit_reason": trade.exit_reason,
        "entries": 1,
        "exits": 1,
        "entry": EntryThesis(
            decision_id="d-1",
            reason="the trend is up",
            confidence_score=70,
            key_support=95,
            key_resistance=110,
            stop_price=97,
            target_price=106,
            invalidation=None,
            facts={"rsi": 55.0},
        ),
        "exit_decision_id": "d-2",
        "model_score": 75.0,
        "exit_reflection": "took profit at resistance",
        "evaluation": Evaluation(
            profit_points=21,
            risk_points=20,
            timing_points=20,
            efficiency_points=20,
            score=81,
            grade="A",
        ),
        "reflection": Reflection(summary="won 5.8 %", lessons=("keep the stop",)),
        "reward": 0.047,
    }
    return TradeRecord(**(values | changes))

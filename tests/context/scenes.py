"""Snapshots, positions and experience for the context room, all with fixed numbers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from llm_modules.config import ContextConfig, RiskConfig
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.pages import PairView
from llm_modules.dialogue import Prompt, ToolSpec
from llm_modules.domain import (
    AccountState,
    Change,
    Experience,
    Habit,
    MarketRules,
    MarketSnapshot,
    OpenPosition,
    PastDecision,
    PastTrade,
    Thesis,
)
from llm_modules.market.comparison import MarketStateComparator
from llm_modules.market.snapshot import build_snapshot
from market.made_candles import NOON, made_candles

PAIR = "BTC/USDT:USDT"
RULES = MarketRules(price_step=0.1, min_notional=5.0, max_leverage=50.0)
WAIT = ToolSpec(
    name="signal_wait",
    description="Stay out of the market.",
    parameters={"type": "object", "properties": {"reason": {"type": "string"}}},
)
HOLD = ToolSpec(name="signal_hold", description="Keep the position.", parameters={"type": "object"})
NOTHING = Experience()


def a_risk(**changes: Any) -> RiskConfig:
    values: dict[str, Any] = {
        "max_leverage": 10.0,
        "default_leverage": 3.0,
        "max_position_pct": 20.0,
        "max_open_trades": 4,
        "allow_model_freedom": True,
        "emergency_stop_loss": -0.15,
    }
    return RiskConfig.model_validate(values | changes)


def a_context(**changes: Any) -> ContextConfig:
    values: dict[str, Any] = {
        "max_context_tokens": 50_000,
        "indicator_history_points": 6,
        "raw_kline_history_points": 5,
        "include_multi_timeframe_data": False,
        "multi_timeframe_history": {},
        "informative_timeframes": ("1h", "4h"),
    }
    return ContextConfig.model_validate(values | changes)


def a_snapshot(context: ContextConfig | None = None, **changes: Any) -> MarketSnapshot:
    """A snapshot with the timeframes and extra indicators of a configuration."""
    context = context or a_context()
    seeds = enumerate(context.informative_timeframes, start=2)
    frames = [
        made_candles("30m", ticks=870_000, step=0.1),
        *(made_candles(name, ticks=870_000, step=0.1, seed=seed) for seed, name in seeds),
    ]
    snapshot = build_snapshot(PAIR, NOON, frames, RULES, context.extra_indicators)
    return replace(snapshot, **changes)


def an_account(**changes: Any) -> AccountState:
    account = AccountState(
        version=1,
        stake_currency="USDT",
        equity=1234.5678,
        free=1000.0,
        used_stake=234.5,
        open_trades=1,
        peak_equity=1300.0,
        day_start_equity=1280.0,
        halted=False,
    )
    return replace(account, **changes)


def a_thesis(**changes: Any) -> Thesis:
    thesis = Thesis(
        decision_id="d-1",
        reason="RSI turned up from 28 at a support that held twice.",
        confidence_score=72.0,
        key_support=86_500.0,
        key_resistance=89_000.0,
        stop_price=86_100.0,
        target_price=88_900.5,
        invalidation="a close below 86500",
        facts={
            "price": 86_900.0,
            "rsi": 28.25,
            "adx": 28.4,
            "atr_pct": 0.198,
            "ema_gap_pct": -0.212,
            "macd_pct": 0.042,
            "support": 86_480.0,
            "gone": 1.0,
        },
    )
    return replace(thesis, **changes)


def a_position(**changes: Any) -> OpenPosition:
    position = OpenPosition(
        trade_id=7,
        pair=PAIR,
        side="long",
        opened_at=NOON - timedelta(minutes=125),
        open_rate=86_910.0,
        stake_amount=100.0,
        leverage=2.5,
        current_rate=87_000.0,
        best_rate=87_900.0,
        profit_ratio=-0.01234,
        mfe_ratio=0.02,
        mae_ratio=-0.031,
        stop_price=86_100.0,
        liquidation_price=52_345.6,
        entries=2,
        adjustments=1,
        thesis=a_thesis(),
    )
    return replace(position, **changes)


def a_decision(age: int = 1, **changes: Any) -> PastDecision:
    decision = PastDecision(
        at=NOON - timedelta(minutes=30 * age),
        pair=PAIR,
        tool="signal_wait",
        confidence_score=60.0,
        reason=f"no edge number {age}",
        result="approved",
    )
    return replace(decision, **changes)


def a_trade(age: int = 1, **changes: Any) -> PastTrade:
    trade = PastTrade(
        trade_id=age,
        pair=PAIR,
        side="short",
        leverage=5.0,
        closed_at=NOON - timedelta(hours=age),
        profit_ratio=0.0213,
        mfe_ratio=0.03,
        mae_ratio=-0.005,
        duration_hours=2.5,
        exit_reason="signal_exit",
        grade="B",
        taught=(f"TAKE_PROFIT_{age}",),
    )
    return replace(trade, **changes)


def a_habit(number: int = 1, **changes: Any) -> Habit:
    habit = Habit(
        code="NO_PROGRESS",
        serious=False,
        text=f"You held {5 + number} times without progress: act.",
    )
    return replace(habit, **changes)


def an_experience(size: int = 3) -> Experience:
    ages = range(size, 0, -1)
    return Experience(
        trades=tuple(a_trade(age) for age in ages),
        decisions=tuple(a_decision(age) for age in ages),
        statistics=tuple(f"{age} trades: win rate {50 + age} %" for age in ages),
        patterns=tuple(f"pattern {age}: longs below RSI 30 won 7 of 9" for age in ages),
        lessons=tuple(f"lesson {age}: let winners run, {age} of 9 trades" for age in ages),
        habits=tuple(a_habit(age) for age in ages),
    )


def a_prompt(
    position: OpenPosition | None = None,
    experience: Experience = NOTHING,
    *,
    context: ContextConfig | None = None,
    risk: RiskConfig | None = None,
    snapshot: MarketSnapshot | None = None,
    account: AccountState | None = None,
) -> Prompt:
    context = context or a_context()
    snapshot = snapshot or a_snapshot(context)
    builder = ContextBuilder(context, risk or a_risk())
    view = PairView(snapshot, position, experience, since_entry(position, snapshot))
    return builder.build(view, account or an_account(), (HOLD if position else WAIT,))


def since_entry(position: OpenPosition | None, snapshot: MarketSnapshot) -> tuple[Change, ...]:
    """The changes as the engine hands them in."""
    if position is None or position.thesis is None:
        return ()
    now = {"price": snapshot.price, **snapshot.facts}
    return MarketStateComparator().compare(position.thesis.facts, now)


def user_text(prompt: Prompt) -> str:
    return prompt.messages[1].content


def system_text(prompt: Prompt) -> str:
    return prompt.messages[0].content


def table_rows(text: str, title: str) -> list[list[str]]:
    """The cells of a table below its title, header first; empty when it is not there."""
    head, found, tail = text.partition(f"# {title}\n")
    del head
    return [line.split() for line in tail.split("\n\n")[0].splitlines()] if found else []

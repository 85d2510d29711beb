"""Random questions to the gate, for Hypothesis: mostly possible ones, some with wild numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from builders import (
    ARGUMENTS,
    NOON,
    PAIR,
    a_call,
    a_gate_state,
    a_position,
    a_promise,
    a_risk,
    an_account,
)
from llm_modules.config import RiskConfig
from llm_modules.domain import Conduct, LeverageTier, MarketRules, OpenPosition
from llm_modules.gate.verdict import Exposure, GateState
from llm_modules.tools.calls import Adjust, Entry, Hold, ToolCall

WILD = (
    st.sampled_from(
        [math.nan, math.inf, -math.inf, 1e308, -1e308, -0.0, 0.0, 5e-324, -5.0, 10**400, 10**30]
    )
    | st.floats()
)
PRICES = st.floats(90, 110)
Numbers = Callable[[st.SearchStrategy[Any]], st.SearchStrategy[Any]]


@dataclass(frozen=True)
class Scene:
    """One question to the gate."""

    call: ToolCall
    state: GateState
    risk: RiskConfig


def tame(sane: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return sane


def odd(sane: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One number in eight is wild; were all of them, a single check would refuse everything."""
    return st.integers(0, 7).flatmap(lambda dice: sane if dice else WILD)


@st.composite
def risks(draw: st.DrawFn) -> RiskConfig:
    leverage = 125 - draw(st.floats(0, 124))
    mode = st.sampled_from(["refuse", "clamp", "record"])
    # Hypothesis prefers what is near zero: that should be the generous end.
    share = st.floats(0, 99.9).map(lambda less: 100 - less)
    trailing = draw(st.booleans())
    return a_risk(
        max_leverage=leverage,
        default_leverage=draw(st.floats(1, leverage)),
        max_position_pct=draw(share),
        max_open_trades=12 - draw(st.integers(0, 11)),
        allow_model_freedom=draw(st.booleans()),
        risk_per_trade_pct=draw(share),
        min_reward_risk=draw(st.floats(0, 3)),
        max_price_drift_pct=draw(share) / 2,
        position_sizing=draw(st.sampled_from(["fixed", "atr", "kelly"])),
        fixed_position_pct=draw(share),
        max_stop_pct=draw(share),
        stop_atr_margin=draw(st.floats(0, 10)),
        trailing_activate_pct=draw(share) if trailing else None,
        trailing_give_back_pct=draw(share) if trailing else None,
        max_total_stake_pct=draw(share),
        max_total_notional_pct=12_500 - draw(st.floats(0, 12_499)),
        max_correlation=draw(st.floats(0, 1)),
        max_correlated_pct=draw(share),
        min_confidence=draw(st.floats(0, 40)),
        rsi_claim=draw(mode),
        levels_claim=draw(mode),
        trend_claim=draw(mode),
        max_entries_per_hour=20 - draw(st.integers(0, 19)),
        daily_loss_limit_pct=draw(share),
        emergency_day_loss=None,
    )


@st.composite
def calls(draw: st.DrawFn, tool: str, number: Numbers) -> ToolCall:
    """A call as the parser would accept it, or one that skipped all validation."""
    call = a_call(tool)
    changes: dict[str, object] = {"confidence_score": draw(number(st.floats(30, 100)))}
    if isinstance(call, Entry):
        sign = 1 if call.side == "long" else -1
        changes |= {
            "leverage": draw(number(st.floats(1, 100))),
            "stake_amount": draw(st.none() | number(st.floats(1, 1e4) | st.just(1e12))),
            "stop_price": draw(st.none() | number(st.floats(-1, 9).map(lambda x: 100 - sign * x))),
            "target_price": draw(st.none() | number(PRICES)),
            "rsi_value": draw(number(st.floats(20, 31))),
        }
    elif isinstance(call, Adjust):
        changes |= {
            "adjustment_pct": draw(number(st.floats(1, 100) | st.floats(-99, -1))),
            "stop_price": draw(st.none() | number(PRICES)),
        }
    elif isinstance(call, Hold):
        changes["stop_price"] = draw(st.none() | number(PRICES))
    return type(call).model_construct(**(call.model_dump() | changes))


@st.composite
def markets(draw: st.DrawFn, number: Numbers) -> MarketRules:
    ends = sorted(draw(st.lists(st.floats(100, 1e5), max_size=4)))
    tops = sorted(draw(st.lists(st.floats(1, 125), min_size=4, max_size=4)), reverse=True)
    kept = sorted(draw(st.lists(st.floats(0.002, 0.2), min_size=4, max_size=4)))
    tiers = tuple(LeverageTier(*tier) for tier in zip(ends, tops, kept, strict=False))
    return MarketRules(
        0.1,
        draw(number(st.floats(0, 20))),
        draw(number(st.floats(0, 124).map(lambda less: 125 - less))),
        tiers,
    )


@st.composite
def positions(draw: st.DrawFn, number: Numbers) -> OpenPosition:
    side = draw(st.sampled_from(["long", "short"]))
    sign = 1 if side == "long" else -1
    return a_position(
        side=side,
        stake_amount=draw(number(st.floats(1, 500))),
        leverage=draw(number(st.floats(1, 20))),
        current_rate=draw(number(st.floats(99.5, 100.5))),
        best_rate=draw(number(PRICES)),
        stop_price=draw(number(st.floats(1, 5).map(lambda gap: 100 - sign * gap))),
        liquidation_price=draw(st.none() | number(st.just(100 - sign * 40.0))),
        profit_ratio=draw(number(st.floats(-0.5, 0.5))),
    )


@st.composite
def exposures(draw: st.DrawFn, number: Numbers) -> Exposure:
    promised = draw(st.booleans())
    own = promised and draw(st.integers(0, 3)) == 0
    return a_promise(
        side=draw(st.sampled_from(["long", "short"])),
        pair=PAIR if own else "ETH/USDT:USDT",
        stake_amount=draw(number(st.floats(0, 300))),
        leverage=draw(number(st.floats(1, 20))),
        correlation=draw(st.none() | number(st.floats(-1, 1))),
        promised=promised,
        takes_slot=promised and draw(st.booleans()),
    )


@st.composite
def states(draw: st.DrawFn, position: OpenPosition | None, number: Numbers) -> GateState:
    equity = draw(number(st.floats(1e3, 1e4)))
    account = an_account(
        equity=equity,
        free=draw(number(st.floats(0, 1e4).map(lambda used: 1e4 - used))),
        used_stake=draw(number(st.floats(0, 1e3))),
        open_trades=draw(st.integers(0, 5)),
        day_start_equity=draw(number(st.just(equity))),
        halted=draw(st.integers(0, 19)) == 0,
    )
    conduct = Conduct(
        entries=tuple(
            NOON - timedelta(minutes=at) for at in draw(st.lists(st.integers(0, 90), max_size=9))
        ),
        closed_trades=draw(st.integers(0, 60)),
        win_rate=draw(number(st.floats(0, 1))),
        mean_win_ratio=draw(number(st.floats(0, 1))),
        mean_loss_ratio=draw(number(st.floats(0, 1))),
    )
    known = {"rsi": st.just(25.0), "adx": st.floats(5, 60), "atr_pct": st.floats(0.1, 5)}
    levels = {"support": PRICES, "resistance": PRICES}
    return a_gate_state(
        account=account,
        position=position,
        price=draw(number(st.floats(99.5, 100.5))),
        rules=draw(markets(number)),
        exposures=tuple(draw(st.lists(exposures(number), max_size=4))),
        conduct=conduct,
        funding_rate=draw(st.none() | number(st.floats(-0.001, 0.001))),
        facts={name: draw(number(value)) for name, value in (known | levels).items()},
    )


@st.composite
def scenes(draw: st.DrawFn, *tools: str) -> Scene:
    """A call in the state it belongs to, mostly, with tame numbers, mostly."""
    number = draw(st.sampled_from([tame, tame, odd]))
    tool = draw(st.sampled_from(tools or tuple(ARGUMENTS)))
    flat = tool in {"signal_entry_long", "signal_entry_short", "signal_wait"}
    stray = not tools and draw(st.integers(0, 9)) == 0
    position = draw(positions(number)) if flat is stray else None
    return Scene(draw(calls(tool, number)), draw(states(position, number)), draw(risks()))

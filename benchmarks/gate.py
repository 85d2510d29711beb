"""What the gate costs per decision, as a number and against reading the answer it judges.

    PYTHONPATH=user_data/strategies .venv/bin/python benchmarks/gate.py [--rounds 20000]

An entry is judged in an account with ten other positions, every check passing and nothing
refused, so that all of the work is done. Parsing the model's arguments as JSON, in the same
run, is what the ratio is against: it is the least that any decision costs.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

from llm_modules.config import RiskConfig
from llm_modules.domain import AccountState, Conduct, LeverageTier, MarketRules
from llm_modules.gate.checker import DecisionChecker
from llm_modules.gate.verdict import Exposure, GateState
from llm_modules.tools.calls import TOOL_CALL

PAIR = "BTC/USDT:USDT"
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
GOAL_MICROSECONDS = 200
TIERS = tuple(LeverageTier(10_000.0 * 3**i, 125.0 / 2**i, 0.004 * 2**i) for i in range(7))
ARGUMENTS = {
    "tool": "signal_entry_long",
    "pair": PAIR,
    "leverage": 3.0,
    "confidence_score": 70.0,
    "key_support": 95.0,
    "key_resistance": 110.0,
    "rsi_value": 55.0,
    "trend_strength": "strong",
    "reason": "the trend is up, support held twice, and volume confirms the move",
    "stake_amount": 50.0,
    "stop_price": 98.0,
    "target_price": 106.0,
}


def limits() -> RiskConfig:
    """Return the shipped limits, with slots for ten positions and one more."""
    return RiskConfig(
        max_leverage=10.0,
        default_leverage=3.0,
        max_position_pct=20.0,
        max_open_trades=12,
        allow_model_freedom=True,
        emergency_stop_loss=-0.15,
        trading_hours_utc="08:00-22:00",
    )


def busy_state() -> GateState:
    """Return an account of 1,000 with ten unrelated positions."""
    others = tuple(
        Exposure(f"C{number}/USDT:USDT", "long", 20.0, 3.0, 0.1 * number - 0.4)
        for number in range(10)
    )
    account = AccountState(
        version=1,
        stake_currency="USDT",
        equity=1000.0,
        free=700.0,
        used_stake=200.0,
        open_trades=10,
        peak_equity=1000.0,
        day_start_equity=1000.0,
        halted=False,
    )
    conduct = Conduct(
        entries=tuple(NOON - timedelta(minutes=9 * number) for number in range(5)),
        last_losses={PAIR: NOON - timedelta(hours=5)},
        loss_streak=1,
        last_loss_at=NOON - timedelta(hours=5),
        closed_trades=50,
    )
    return GateState(
        now=NOON + timedelta(seconds=5),
        candle_at=NOON,
        valid_until=NOON + timedelta(minutes=30),
        pair=PAIR,
        price=100.0,
        rules=MarketRules(0.1, 5.0, 125.0, TIERS),
        account=account,
        position=None,
        exposures=others,
        locked_sides=frozenset(),
        tradable=True,
        facts={"rsi": 55.0, "adx": 30.0, "support": 96.0, "resistance": 104.0, "atr_pct": 1.0},
        conduct=conduct,
        habits=(),
        acted_on=None,
        funding_rate=0.0001,
    )


def median_microseconds(work: Callable[[], object], rounds: int) -> float:
    """Return the median time of one call."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - started)
    return median(times) / 1000


def main() -> None:
    """Print the cost of a verdict and of reading the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20_000)
    rounds = parser.parse_args().rounds
    checker, state = DecisionChecker(limits()), busy_state()
    call = TOOL_CALL.validate_python(ARGUMENTS)
    text = json.dumps(ARGUMENTS)
    verdict = checker.judge(call, state)
    if verdict.status != "approved":
        raise SystemExit(f"the scene is no longer approved: {verdict.reasons}")
    clamped = replace(state, account=replace(state.account, free=30.0))
    parsing = median_microseconds(lambda: json.loads(text), rounds)
    approved = median_microseconds(lambda: checker.judge(call, state), rounds)
    lowered = median_microseconds(lambda: checker.judge(call, clamped), rounds)
    print(f"judge, approved   {approved:7.1f} us   {approved / parsing:5.1f} x json.loads")
    print(f"judge, clamped    {lowered:7.1f} us   {lowered / parsing:5.1f} x json.loads")
    print(f"json.loads        {parsing:7.1f} us")
    print(f"goal              {GOAL_MICROSECONDS:7.1f} us")


if __name__ == "__main__":
    main()

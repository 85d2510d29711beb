"""Every check with its code, what it does and what configures it: the tables of docs/risk.md."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from llm_modules.config import RiskConfig
from llm_modules.gate import checks
from llm_modules.gate.checks import claims, market, restraint, situation, size, stops, totals

Effect = Literal["refuses", "clamps", "records"]

REFUSES: tuple[Effect, ...] = ("refuses",)
CLAMPS: tuple[Effect, ...] = ("clamps",)
BY_MODE: tuple[Effect, ...] = ("refuses", "clamps", "records")


@dataclass(frozen=True, slots=True)
class Rule:
    """One check: its stable code, what a finding does, and the keys of `risk_management` it reads.

    A code stands twice where entries and additions are judged differently.
    """

    check: checks.Check
    code: str
    effects: tuple[Effect, ...] = REFUSES
    keys: tuple[str, ...] = ()


CATALOGUE: tuple[Rule, ...] = (
    Rule(situation.pair_matches, "PAIR_MISMATCH"),
    Rule(situation.pair_is_tradable, "PAIR_NOT_TRADABLE"),
    Rule(situation.account_is_known, "ACCOUNT_UNKNOWN"),
    Rule(situation.market_is_known, "MARKET_UNKNOWN"),
    Rule(situation.trading_is_not_halted, "HALTED"),
    Rule(situation.decision_is_fresh, "STALE_DECISION"),
    Rule(situation.decision_is_first, "DUPLICATE"),
    Rule(situation.pair_is_flat, "ALREADY_IN_POSITION"),
    Rule(situation.pair_has_position, "NO_POSITION"),
    Rule(situation.side_is_not_locked, "PAIR_LOCKED"),
    Rule(situation.slot_is_free, "NO_FREE_SLOT", keys=("max_open_trades",)),
    Rule(market.hours_are_open, "TRADING_HOURS", keys=("trading_hours_utc",)),
    Rule(market.funding_is_bearable, "FUNDING", ("refuses", "records"), ("max_funding_rate_pct",)),
    Rule(market.price_is_near, "PRICE_DRIFT", keys=("max_price_drift_pct",)),
    Rule(restraint.pair_has_rested, "COOLDOWN", keys=("cooldown_candles_after_loss",)),
    Rule(
        restraint.no_losing_streak,
        "LOSS_STREAK",
        keys=("max_loss_streak", "loss_streak_pause_candles"),
    ),
    Rule(restraint.day_is_not_lost, "DAILY_LOSS", keys=("daily_loss_limit_pct",)),
    Rule(restraint.entries_are_few, "ENTRY_RATE", keys=("max_entries_per_hour",)),
    Rule(restraint.position_was_held, "MIN_HOLDING", keys=("min_holding_candles",)),
    Rule(restraint.no_serious_habit, "HABIT", keys=("quality_gate",)),
    Rule(claims.confidence_is_enough, "MIN_CONFIDENCE", keys=("min_confidence",)),
    Rule(size.model_may_choose, "FIXED_BY_CONFIG", CLAMPS, ("allow_model_freedom",)),
    Rule(size.model_may_add, "FIXED_BY_CONFIG", keys=("allow_model_freedom",)),
    Rule(size.sizing_finds_an_edge, "NO_EDGE", keys=("position_sizing",)),
    Rule(size.leverage_within_limit, "MAX_LEVERAGE", CLAMPS, ("max_leverage",)),
    Rule(size.leverage_is_whole, "WHOLE_LEVERAGE", CLAMPS),
    Rule(size.held_leverage_within_limit, "MAX_LEVERAGE", keys=("max_leverage",)),
    Rule(size.held_leverage_is_whole, "WHOLE_LEVERAGE"),
    Rule(size.stake_within_position_limit, "MAX_POSITION", CLAMPS, ("max_position_pct",)),
    Rule(
        totals.stake_within_total,
        "MAX_TOTAL_STAKE",
        CLAMPS,
        ("max_total_stake_pct",),
    ),
    Rule(
        totals.stake_within_correlated,
        "CORRELATED",
        CLAMPS,
        ("max_correlation", "max_correlated_pct"),
    ),
    Rule(totals.stake_within_free_funds, "FREE_FUNDS", CLAMPS),
    Rule(size.leverage_within_tier, "MARKET_TIER", ("refuses", "clamps")),
    Rule(size.stake_within_tier, "MARKET_TIER", CLAMPS),
    Rule(totals.notional_within_total, "MAX_TOTAL_NOTIONAL", CLAMPS, ("max_total_notional_pct",)),
    Rule(stops.stop_only_tightens, "STOP_NOT_TIGHTER", CLAMPS),
    Rule(stops.leverage_leaves_room, "STOP_BEYOND_LIQUIDATION"),
    Rule(stops.stop_near_enough, "STOP_TOO_FAR", CLAMPS, ("max_stop_pct",)),
    Rule(stops.stop_on_losing_side, "STOP_WRONG_SIDE"),
    Rule(stops.named_stop_on_losing_side, "STOP_WRONG_SIDE"),
    Rule(stops.target_is_worth_it, "REWARD_RISK", keys=("min_reward_risk",)),
    Rule(
        stops.risk_within_limit,
        "RISK_PER_TRADE",
        CLAMPS,
        ("risk_per_trade_pct", "max_price_drift_pct"),
    ),
    Rule(claims.rsi_is_right, "RSI_CLAIM", BY_MODE, ("rsi_claim", "rsi_tolerance")),
    Rule(claims.price_within_levels, "LEVELS_CLAIM", BY_MODE, ("levels_claim",)),
    Rule(claims.trend_is_as_strong, "TREND_CLAIM", BY_MODE, ("trend_claim",)),
    Rule(stops.stop_before_liquidation, "STOP_BEYOND_LIQUIDATION", keys=("max_price_drift_pct",)),
    Rule(size.stake_above_market_minimum, "BELOW_MINIMUM"),
    Rule(size.remainder_above_market_minimum, "REST_BELOW_MINIMUM"),
)
# The checker's own: numbers no check could compare, and a check that failed.
OWN_CODES = ("NOT_FINITE", "GATE_INTERNAL_ERROR")
# Keys that act outside the checks, or also there.
ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "allow_model_freedom": "sizing",
        "default_leverage": "sizing",
        "max_position_pct": "sizing",
        "max_open_trades": "sizing",
        "position_sizing": "sizing",
        "fixed_position_pct": "sizing",
        "atr_risk_pct": "sizing",
        "atr_multiple": "sizing",
        "kelly_fraction": "sizing",
        "max_stop_pct": "stops",
        "stop_atr_margin": "stops",
        "trailing_activate_pct": "stops",
        "trailing_give_back_pct": "stops",
        "max_price_drift_pct": "booking",
        "emergency_stop_loss": "emergency stop",
        "emergency_day_loss": "emergency stop",
    }
)


def applies_to(check: checks.Check) -> tuple[str, ...]:
    """Return the kinds of decision that a check judges."""
    lists = {
        "entry": checks.ENTRY_CHECKS,
        "addition": checks.ADDITION_CHECKS,
        "reduction": checks.REDUCTION_CHECKS,
        "exit": checks.EXIT_CHECKS,
        "hold": checks.HOLD_CHECKS,
        "wait": checks.WAIT_CHECKS,
    }
    return tuple(kind for kind, members in lists.items() if check in members)


def checks_table() -> str:
    """Return the checks as a Markdown table, in the order of the catalogue."""
    lines = ["| code | judges | does | keys | rule |", "|---|---|---|---|---|"]
    every_kind = applies_to(situation.pair_matches)
    for rule in CATALOGUE:
        kinds = applies_to(rule.check)
        judges = "all" if kinds == every_kind else ", ".join(kinds)
        keys = ", ".join(f"`{key}`" for key in rule.keys)
        sentence = (rule.check.__doc__ or "").splitlines()[0]
        cells = (f"`{rule.code}`", judges, ", ".join(rule.effects), keys, sentence)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def keys_table() -> str:
    """Return the keys of `risk_management` as a Markdown table, in their order."""
    lines = ["| key | default | acts in | meaning |", "|---|---|---|---|"]
    for key, field in RiskConfig.model_fields.items():
        default = "required" if field.is_required() else f"`{json.dumps(field.default)}`"
        lines.append(f"| `{key}` | {default} | {', '.join(users_of(key))} | {field.description} |")
    return "\n".join(lines)


def users_of(key: str) -> tuple[str, ...]:
    """Return the codes of the checks that read a key, and what else acts on it."""
    codes = (f"`{rule.code}`" for rule in CATALOGUE if key in rule.keys)
    elsewhere = (ELSEWHERE[key],) if key in ELSEWHERE else ()
    return tuple(dict.fromkeys((*codes, *elsewhere)))

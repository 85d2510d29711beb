"""One pure function per rule: it looks at a proposal and the state, and returns a finding.

Findings are applied in the order of these lists: a clamp changes the proposal that the following
checks see, a refusal is final, and all checks run so that all reasons are known.
"""

from collections.abc import Callable

from llm_modules.config import RiskConfig
from llm_modules.gate.checks import claims, market, restraint, situation, size, stops, totals
from llm_modules.gate.verdict import Finding, GateState, Proposal

Check = Callable[[Proposal, GateState, RiskConfig], Finding]

# Clamps stand before what depends on them: leverage before notional, the stop before the risk it
# means, everything before the market's minimum. The stake is halved for a wrong claim after the
# limits, lest asking for twice as much undo it.
ENTRY_CHECKS: tuple[Check, ...] = (
    situation.pair_matches,
    situation.pair_is_tradable,
    situation.account_is_known,
    situation.market_is_known,
    situation.trading_is_not_halted,
    situation.decision_is_fresh,
    situation.decision_is_first,
    situation.pair_is_flat,
    situation.side_is_not_locked,
    situation.slot_is_free,
    market.hours_are_open,
    market.funding_is_bearable,
    restraint.pair_has_rested,
    restraint.no_losing_streak,
    restraint.day_is_not_lost,
    restraint.entries_are_few,
    restraint.no_serious_habit,
    claims.confidence_is_enough,
    size.model_may_choose,
    size.sizing_finds_an_edge,
    size.leverage_within_limit,
    size.leverage_is_whole,
    size.stake_within_position_limit,
    totals.stake_within_total,
    totals.stake_within_correlated,
    totals.stake_within_free_funds,
    size.leverage_within_tier,
    totals.notional_within_total,
    stops.leverage_leaves_room,
    stops.stop_near_enough,
    stops.stop_on_losing_side,
    stops.target_is_worth_it,
    stops.risk_within_limit,
    claims.rsi_is_right,
    claims.price_within_levels,
    claims.trend_is_as_strong,
    size.stake_above_market_minimum,
)
ADDITION_CHECKS: tuple[Check, ...] = (
    situation.pair_matches,
    situation.pair_is_tradable,
    situation.account_is_known,
    situation.market_is_known,
    situation.trading_is_not_halted,
    situation.decision_is_fresh,
    situation.decision_is_first,
    situation.pair_has_position,
    market.funding_is_bearable,
    market.price_is_near,
    restraint.no_losing_streak,
    restraint.day_is_not_lost,
    restraint.no_serious_habit,
    claims.confidence_is_enough,
    size.model_may_add,
    size.held_leverage_within_limit,
    size.held_leverage_is_whole,
    size.stake_within_position_limit,
    totals.stake_within_total,
    totals.stake_within_correlated,
    totals.stake_within_free_funds,
    size.stake_within_tier,
    totals.notional_within_total,
    stops.stop_only_tightens,
    stops.stop_on_losing_side,
    stops.risk_within_limit,
    claims.price_within_levels,
    stops.stop_before_liquidation,
    size.stake_above_market_minimum,
)
# No limit of the account, halt, claim or habit keeps anyone from having less at risk.
REDUCTION_CHECKS: tuple[Check, ...] = (
    situation.pair_matches,
    situation.decision_is_fresh,
    situation.decision_is_first,
    situation.pair_has_position,
    restraint.position_was_held,
    size.stake_above_market_minimum,
    size.remainder_above_market_minimum,
    stops.stop_only_tightens,
    stops.named_stop_on_losing_side,
)
# Getting out is never too late.
EXIT_CHECKS: tuple[Check, ...] = (
    situation.pair_matches,
    situation.pair_has_position,
    restraint.position_was_held,
)
HOLD_CHECKS: tuple[Check, ...] = (
    situation.pair_matches,
    situation.pair_has_position,
    stops.stop_only_tightens,
    stops.named_stop_on_losing_side,
)
WAIT_CHECKS: tuple[Check, ...] = (situation.pair_matches,)

"""Whether there is anything to decide at all: the right pair, in time, in the right state."""

import math
from datetime import timedelta

from llm_modules.config import RiskConfig
from llm_modules.domain import MarketRules
from llm_modules.gate.exposure import open_positions
from llm_modules.gate.verdict import Finding, GateState, Proposal, Refusal

# No account is that large, and sums and products of such numbers stay finite.
LARGEST_AMOUNT = 1e15
# Clocks of two machines differ by less.
CLOCK_SLACK = timedelta(seconds=5)


def pair_matches(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse a call that names any other pair than the one asked about, look-alikes included."""
    if proposal.call.pair == state.pair:
        return None
    # Escaped: what looks like the pair in print need not be it.
    text = f"the call names {proposal.call.pair!a:.80}, asked was {state.pair}"
    return Refusal("PAIR_MISMATCH", text)


def pair_is_tradable(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse entries in a pair off the pair list, and any new exposure where its market closed."""
    if state.tradable:
        return None
    return Refusal("PAIR_NOT_TRADABLE", f"{state.pair} is not open for new positions")


def account_is_known(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse while equity, free funds, used stake or price are unknown or beyond 1e15."""
    account = state.account
    numbers = (account.equity, account.used_stake, account.free, state.price)
    known = all(0 <= number <= LARGEST_AMOUNT for number in numbers)
    if known and account.equity > 0 and state.price > 0:
        return None
    return Refusal("ACCOUNT_UNKNOWN", "equity, free funds or price are not known")


def market_is_known(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse while the market's own limits are no numbers."""
    rules = state.rules
    # Written as what holds, not as what is wrong: no comparison with NaN holds.
    if rules.max_leverage >= 1 and rules.min_notional >= 0 and _tiers_are_numbers(rules):
        return None
    return Refusal("MARKET_UNKNOWN", f"the exchange's limits for {state.pair} are not known")


def trading_is_not_halted(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse new exposure while the account is halted."""
    if not state.account.halted:
        return None
    return Refusal("HALTED", "trading is halted; no new exposure")


def decision_is_fresh(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse an answer that is not of this candle's time: too late, or the clock jumped."""
    if state.candle_at - CLOCK_SLACK <= state.now < state.valid_until > state.candle_at:
        return None
    late = state.now >= state.valid_until
    cause = "the answer came after the next candle had closed" if late else "the clock jumped back"
    return Refusal("STALE_DECISION", cause)


def decision_is_first(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse a second order for one candle; an exit is never a second one."""
    # Each candle is one question; a second answer to it would double what the first did.
    if state.acted_on is None or state.acted_on < state.candle_at:
        return None
    text = f"an order for {state.pair} was already approved on this candle"
    return Refusal("DUPLICATE", text)


def pair_is_flat(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse an entry while the pair has a position."""
    if state.position is None:
        return None
    return Refusal("ALREADY_IN_POSITION", f"{state.pair} already has an open position")


def pair_has_position(_proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse to exit, adjust or hold what is not there."""
    if state.position is not None:
        return None
    return Refusal("NO_POSITION", f"{state.pair} has no open position any more")


def side_is_not_locked(proposal: Proposal, state: GateState, _risk: RiskConfig) -> Finding:
    """Refuse an entry that Freqtrade would not make, lest it hold a slot until it expires."""
    if proposal.side not in state.locked_sides:
        return None
    text = f"Freqtrade has locked {state.pair} for {proposal.side}s (cooldown or protection)"
    return Refusal("PAIR_LOCKED", text)


def slot_is_free(_proposal: Proposal, state: GateState, risk: RiskConfig) -> Finding:
    """Refuse an entry beyond `max_open_trades`, approved entries on their way included."""
    # An entry on its way is in neither of the two counts yet.
    taken = open_positions(state) + state.reserved_slots
    if taken < risk.max_open_trades:
        return None
    return Refusal("NO_FREE_SLOT", f"{taken} of {risk.max_open_trades} slots are taken or promised")


def _tiers_are_numbers(rules: MarketRules) -> bool:
    # The last tier may have no end, but its leverage and margin are numbers.
    return all(
        tier.max_notional >= 0
        and 0 <= tier.max_leverage < math.inf
        and 0 <= tier.maintenance_ratio < math.inf
        for tier in rules.tiers
    )

"""Everything at risk, as one list: what each limit on the whole account adds up."""

import math
from collections.abc import Iterator

from llm_modules.config import RiskConfig
from llm_modules.domain import Side
from llm_modules.gate.verdict import Exposure, GateState


def at_risk(state: GateState, risk: RiskConfig) -> tuple[Exposure, ...]:
    """Return the pair's own position, all others, every promise, and what no position explains.

    The account's `used_stake` and the positions are two sources; the larger one counts. A stake
    that is only in the account has an unknown correlation and is taken to have `max_leverage`.
    """
    known = (*_own(state), *state.exposures)
    explained = sum(magnitude(item.stake_amount) for item in known if not item.promised)
    missing = state.account.used_stake - explained
    if not missing > 0:
        return known
    # Its pair and side are not known either; the unknown correlation makes them irrelevant.
    return (*known, Exposure("?", "long", missing, risk.max_leverage))


def is_one_bet(item: Exposure, pair: str, side: Side, max_correlation: float) -> bool:
    """Tell whether an exposure wins and loses together with a position in a pair.

    Opposite sides do when the pairs move against each other; unknown correlation counts.
    """
    if item.pair == pair or item.correlation is None:
        return True
    along = item.correlation if item.side == side else -item.correlation
    # Not >=: a correlation that is no number is unknown.
    return not along < max_correlation


def own_stake(state: GateState) -> float:
    """Return the stake of the pair itself: its position, and orders of it on their way."""
    stake = magnitude(state.position.stake_amount) if state.position is not None else 0.0
    for item in state.exposures:
        if item.promised and item.pair == state.pair:
            stake += magnitude(item.stake_amount)
    return stake


def promised_stake(state: GateState) -> float:
    """Return the stake of approved orders that have not reached the account yet."""
    return sum(magnitude(item.stake_amount) for item in state.exposures if item.promised)


def open_positions(state: GateState) -> int:
    """Return how many positions there are at least."""
    known = sum(not item.promised for item in state.exposures) + (state.position is not None)
    return max(state.account.open_trades, known)


def magnitude(number: float) -> float:
    """Return a size that is negative or no number as infinite: it may be anything."""
    return number if number >= 0 else math.inf


def _own(state: GateState) -> Iterator[Exposure]:
    position = state.position
    if position is not None:
        yield Exposure(state.pair, position.side, position.stake_amount, position.leverage, 1.0)

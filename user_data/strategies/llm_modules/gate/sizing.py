"""How large an entry is when the model does not say, or may not."""

import math

from llm_modules.config import RiskConfig
from llm_modules.domain import Conduct
from llm_modules.gate.verdict import GateState

# A tenth of the equity is kept for fees.
SHARE_OF_SLOTS = 0.9
FEWEST_TRADES_FOR_KELLY = 30


def default_stake(state: GateState, risk: RiskConfig, leverage: float) -> float:
    """Return the stake that `position_sizing` gives, at most `max_position_pct` of equity.

    What a method does not know - the ATR, enough trades - makes it fall back to fixed.
    """
    ratio: float | None = None
    if risk.position_sizing == "atr":
        ratio = atr_ratio(state.fact("atr_pct"), leverage, risk)
    if risk.position_sizing == "kelly":
        ratio = kelly_ratio(state.conduct, risk)
    if ratio is None:
        # Also what atr and kelly fall back to.
        ratio = fixed_ratio(risk)
    return state.account.equity * min(ratio, risk.max_position_pct / 100)


def fixed_ratio(risk: RiskConfig) -> float:
    """Return `fixed_position_pct` of equity, but never more than an equal share per slot."""
    return min(risk.fixed_position_pct / 100, SHARE_OF_SLOTS / risk.max_open_trades)


def atr_ratio(atr_pct: float | None, leverage: float, risk: RiskConfig) -> float | None:
    """Return the stake/equity that loses `atr_risk_pct` when price moves `atr_multiple` ATRs.

    None while the ATR, in percent of the price, is unknown or zero.
    """
    if atr_pct is None or atr_pct <= 0:
        return None
    # Both are in percent, so the hundreds cancel out.
    return risk.atr_risk_pct / (leverage * risk.atr_multiple * atr_pct)


def kelly_ratio(conduct: Conduct, risk: RiskConfig) -> float | None:
    """Return the stake/equity of fractional Kelly, 0 when past trades show no edge.

    f = p / mean loss - (1 - p) / mean win, both as ratios of the stake: the growth-optimal
    fraction when a loss is only part of the stake (Thorp 2006, The Kelly criterion in blackjack,
    sports betting and the stock market). None before 30 closed trades, or without a single loss.
    """
    loss, win = conduct.mean_loss_ratio, conduct.mean_win_ratio
    if conduct.closed_trades < FEWEST_TRADES_FOR_KELLY or not loss > 0:
        return None
    # Who never won has everything against another trade.
    against = (1 - conduct.win_rate) / win if win > 0 else math.inf
    return max(0.0, risk.kelly_fraction * (conduct.win_rate / loss - against))

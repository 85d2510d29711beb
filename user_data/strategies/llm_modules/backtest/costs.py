"""What the model took, subtracted from the account when it was paid."""

from datetime import UTC, datetime

import numpy as np

from llm_modules import metrics
from llm_modules.backtest.outcome import Equity, Outcome
from llm_modules.journal.records import DecisionRecord

# Coins that are worth a US dollar, in which model prices are told.
DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "DAI"})
# When, and how much in stake currency.
Spent = tuple[tuple[datetime, float], ...]


def spent_by(outcome: Outcome, decisions: tuple[DecisionRecord, ...]) -> Spent:
    """Return what each decision took; nothing where a price or the currency is unknown."""
    if outcome.cost is None or outcome.stake_currency not in DOLLARS:
        return ()
    return tuple((one.at, one.cost) for one in decisions if one.cost)


def account_of(outcome: Outcome, spent: Spent) -> Equity:
    """Return the account from its start, less what had been spent by each of its points."""
    at = np.concatenate([[round(outcome.start.timestamp() * 1000)], outcome.equity.at])
    values = np.concatenate([[outcome.starting_balance], outcome.equity.values])
    return net(Equity(at.astype(np.int64), values), spent)


def net(equity: Equity, spent: Spent) -> Equity:
    """Return an account less what had been spent by each of its points."""
    if not spent:
        return equity
    moments = [datetime.fromtimestamp(at / 1000, UTC) for at in equity.at.tolist()]
    points = metrics.net_of_costs(list(zip(moments, equity.values.tolist(), strict=True)), spent)
    return Equity(equity.at, np.array([value for _, value in points], dtype=np.float64))

"""The account through time, and where that is known from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from llm_modules.backtest.outcome import Equity
from llm_modules.backtest.statistics import milliseconds
from llm_modules.errors import ConfigError
from llm_modules.operations.places import Places
from llm_modules.operations.settings.reading import merged, read_settings, value_at
from llm_modules.report.reading import Facts

SEEN = (
    "The account is what the bot saw at each decision: the balance and the profit of open "
    "positions. Money that was put in or taken out looks like a profit or a loss."
)
SUMMED = (
    "No decision tells the account, so it is reckoned: the balance of the settings "
    "({wallet:,.2f}) as if the days had begun with it, and the profits of closed trades. Open "
    "positions are not in it."
)
UNKNOWN = (
    "Neither a decision nor the settings tell the account. The curve is the sum of the profits of "
    "closed trades, from zero; there is no return in percent."
)
FEWEST_POINTS = 2


@dataclass(frozen=True, slots=True)
class Account:
    """A curve in stake currency with a sentence on what it is; from zero where nobody knows it."""

    equity: Equity
    sentence: str
    title: str = "Balance and open profit"


def account_of(facts: Facts, wallet: float | None) -> Account | None:
    """Return the account over the span, None where neither a decision nor a trade tells of it.

    `wallet` is the simulated balance a bot began with, None where it is real or unknown.
    """
    if len(facts.decided.equity) >= FEWEST_POINTS:
        return Account(_in_order(facts.decided.equity), SEEN)
    if not facts.trades:
        return None
    sentence = UNKNOWN if wallet is None else SUMMED.format(wallet=wallet)
    return Account(_summed(facts, wallet or 0.0), sentence, "Reckoned from closed trades")


def starting_wallet(places: Places, settings: Mapping[str, Any], mode: str) -> float | None:
    """Return the simulated balance of a mode, None where money is real or the settings are not.

    The sandbox has its own settings over those of the bot.
    """
    if mode == "live":
        return None
    if mode == "sandbox":
        settings = merged(settings, _overlay(places))
    found = value_at(settings, "dry_run_wallet")
    if isinstance(found, Mapping):
        found = found.get(value_at(settings, "stake_currency"))
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if is_number and found > 0 else None


def _overlay(places: Places) -> Mapping[str, Any]:
    try:
        return read_settings(places.sandbox_overlay)
    # Who looks back is not helped by a fault in the settings.
    except ConfigError:
        return {}


def _in_order(points: Sequence[tuple[int, float]]) -> Equity:
    """Return a curve with one value per moment: several pairs are decided in the same one."""
    newest = dict(sorted(points, key=lambda point: point[0]))
    return Equity(
        np.array([*newest], dtype=np.int64), np.array([*newest.values()], dtype=np.float64)
    )


def _summed(facts: Facts, wallet: float) -> Equity:
    span, trades = facts.span, facts.trades
    moments = (span.since, *(trade.closed_at for trade in trades), span.until)
    values = [*accumulate((trade.profit_abs for trade in trades), initial=wallet)]
    at = np.array([milliseconds(moment) for moment in moments], dtype=np.int64)
    return Equity(at, np.array([*values, values[-1]], dtype=np.float64))

"""The account of a run begins with its wallet, whatever the first candle's answers cost."""

from dataclasses import replace
from datetime import timedelta

from assessing import MIDNIGHT, a_curve, an_outcome
from llm_modules.backtest.costs import account_of
from llm_modules.backtest.outcome import Outcome

HOUR = timedelta(hours=1)


def a_run() -> Outcome:
    """A wallet of 1,000 at midnight, looked at each hour from one o'clock."""
    curve = a_curve([1000.0, 1000.0, 1010.0], HOUR)
    later = replace(curve, at=curve.at + 3_600_000)
    return an_outcome(equity=later, cost=5.0, start=MIDNIGHT, starting_balance=1000.0)


def test_it_begins_with_the_whole_wallet() -> None:
    account = account_of(a_run(), ((MIDNIGHT + HOUR, 3.0), (MIDNIGHT + 2 * HOUR, 2.0)))
    assert account.at[0] == MIDNIGHT.timestamp() * 1000
    assert account.values.tolist() == [1000.0, 997.0, 995.0, 1005.0]


def test_the_return_pays_for_the_first_candle_too() -> None:
    account = account_of(a_run(), ((MIDNIGHT + HOUR, 3.0),))
    assert account.values[-1] / account.values[0] - 1 == 1007 / 1000 - 1

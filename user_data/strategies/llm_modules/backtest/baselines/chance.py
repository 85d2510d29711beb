"""What chance made of the same turnover, over many seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from llm_modules import metrics
from llm_modules.backtest.assessment import RandomTrading, Stretch
from llm_modules.backtest.baselines.drafts import model_of
from llm_modules.backtest.baselines.seeds import Opening, courses
from llm_modules.backtest.outcome import Equity, Outcome
from llm_modules.backtest.statistics import between

MIDDLE = (2.5, 50.0, 97.5)
Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Rival:
    """Whose trades are to be beaten by chance: the run, its candles, and where it is judged."""

    outcome: Outcome
    span: timedelta
    headline: Stretch


def random_trading(
    opening: Opening, rival: Rival, seeds: int, tell: Tell, processes: int = 1
) -> RandomTrading | None:
    """Trade at random with each seed from 0; None where there is no trade or no seed.

    `tell` is told how many are done. The number of processes changes nothing but the time.
    """
    model = model_of(rival.outcome, rival.span)
    if not (model.trades and seeds):
        return None
    curves, made = [], 0
    for equity, entries in courses(opening, model, seeds, processes):
        curves.append(equity)
        made += entries
        tell(len(curves))
    return _summed(curves, rival, made / seeds / len(rival.outcome.trades))


def _summed(curves: list[Equity], rival: Rival, placed: float) -> RandomTrading:
    headline = rival.headline
    judged = [between(curve, headline.start, headline.end) for curve in curves]
    returns = [float(metrics.return_ratio(curve.values)) for curve in judged]
    values = np.stack([curve.values for curve in curves])
    low, median, high = np.percentile(values, MIDDLE, axis=0)
    own = headline.statistics.figures["return_ratio"].value
    # Without a return of its own nothing was beaten.
    beaten = sum(own is not None and one < own for one in returns) / len(returns)
    at = curves[0].at
    return RandomTrading(
        returns=tuple(returns),
        low=Equity(at, low),
        median=Equity(at, median),
        high=Equity(at, high),
        beaten=beaten,
        placed=placed,
    )

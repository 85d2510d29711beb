"""Recordings that end at a candle, and such whose future is garbage.

The cut is a rule of its own, not PastMarket's: a mistake there must not be made here too.
"""

from dataclasses import replace

import numpy as np

from llm_modules.backtest.past import FundingRates, Recorded
from llm_modules.domain import Candles, FloatArray
from llm_modules.market.timeframes import duration_ms

# Of the future every other number is no number, and every other one far from the truth.
FAR_OFF = -7.0


def closed_rows(candles: Candles, at_ms: int) -> int:
    """Return how many candles had closed by a moment, in milliseconds since the epoch."""
    last_opening = at_ms - duration_ms(candles.timeframe)
    return int(np.searchsorted(candles.open_times, last_opening, side="right"))


def paid_rows(funding: FundingRates, at_ms: int) -> int:
    """Return how many funding rates had been paid by a moment."""
    return int(np.searchsorted(funding.paid_at, at_ms, side="right"))


def cut(recorded: Recorded, at_ms: int) -> Recorded:
    """Return what a recorder that stopped at a moment would hold: there is no future in it."""
    return replace(
        recorded,
        candles={
            key: candles.taken(slice(closed_rows(candles, at_ms)))
            for key, candles in recorded.candles.items()
        },
        funding={
            pair: _first_rates(funding, paid_rows(funding, at_ms))
            for pair, funding in recorded.funding.items()
        },
    )


class Garbled:
    """A recording whose future is garbage; `recorded` comes true as time goes on.

    It is changed in place: a copy for each candle of a year would take minutes.
    """

    def __init__(self, truth: Recorded) -> None:
        self._truth = truth
        self._at_ms = 0
        self.recorded = replace(
            truth,
            candles={key: _garbled(candles) for key, candles in truth.candles.items()},
            funding={
                pair: FundingRates(funding.paid_at, _garbage(funding.rates))
                for pair, funding in truth.funding.items()
            },
        )

    def reveal(self, at_ms: int) -> None:
        """Let everything that had happened by a moment be true; time only goes on."""
        for key, candles in self._truth.candles.items():
            news = slice(closed_rows(candles, self._at_ms), closed_rows(candles, at_ms))
            columns = zip(_columns(self.recorded.candles[key]), _columns(candles), strict=True)
            for garbled, true in columns:
                garbled[news] = true[news]
        for pair, funding in self._truth.funding.items():
            news = slice(paid_rows(funding, self._at_ms), paid_rows(funding, at_ms))
            self.recorded.funding[pair].rates[news] = funding.rates[news]
        self._at_ms = at_ms


def _columns(candles: Candles) -> tuple[FloatArray, ...]:
    return (candles.open, candles.high, candles.low, candles.close, candles.volume)


def _first_rates(funding: FundingRates, rows: int) -> FundingRates:
    return FundingRates(funding.paid_at[:rows], funding.rates[:rows])


def _garbled(candles: Candles) -> Candles:
    # When candles open is no secret.
    columns = (_garbage(column) for column in _columns(candles))
    return Candles(candles.timeframe, candles.open_times, *columns)


def _garbage(column: FloatArray) -> FloatArray:
    garbage = column * FAR_OFF
    garbage[1::2] = np.nan
    return garbage

"""Candles that the running bot has in memory, through Freqtrade's own API on loopback."""

from dataclasses import dataclass

import numpy as np

from llm_modules.domain import Candles
from llm_modules.operations.running.api import Api
from llm_modules.report.candles import Wanted, no_candles

COLUMNS = ("__date_ts", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class ServedCandles:
    """Asks the bot that listens at a port of this machine."""

    api: Api

    def __call__(self, wanted: Wanted) -> Candles:
        """Return all candles the bot analysed; none where it does not answer or has none."""
        answer = self.api.pair_candles(wanted.pair, wanted.timeframe)
        if answer is None:
            return no_candles(wanted.timeframe)
        try:
            places = [answer.columns.index(name) for name in COLUMNS]
            rows = [[row[place] for place in places] for row in answer.data]
            columns = np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS)).T
        # Whatever another version, or another program at that port, answers instead.
        except (IndexError, TypeError, ValueError):
            return no_candles(wanted.timeframe)
        # The first candles of an indicator's warm-up, and gaps, come as nulls.
        whole = columns[:, np.isfinite(columns).all(axis=0)]
        return Candles(wanted.timeframe, whole[0].astype(np.int64), *whole[1:])

"""The candle files of a run, written once more in disguise."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from freqtrade.configuration import TimeRange
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType, TradingMode
from freqtrade.exchange import timeframe_to_seconds
from pandas import DataFrame, Timestamp

from llm_modules.backtest.coarser_candles import candles_of, data_format_of
from llm_modules.backtest.loading import WARM_UP_ROWS
from llm_modules.backtest.masking.disguise import Disguise
from llm_modules.errors import BacktestError

PRICES = ["open", "high", "low", "close"]
# What is known before the run had this volume on average, in every masked pair.
MEAN_VOLUME = 1000.0
# More than any price has; it only takes back what multiplying floats leaves behind.
DECIMALS = 12


class CandleFolder:
    """The candles of a configuration's pairs, and which of them a run can see."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._datadir = Path(config["datadir"])
        self._format = data_format_of(config)
        self._handler = get_datahandler(self._datadir, self._format)
        self._timeframe = str(config["timeframe"])
        self.timerange = TimeRange.parse_timerange(config.get("timerange"))

    def before(self, pair: str) -> tuple[datetime, float, float]:
        """Return when the run begins for a pair, its price then and its mean volume before.

        Raises BacktestError without any candle of the run.
        """
        frame = candles_of(self._handler, pair, self._timeframe, CandleType.FUTURES)
        start = self.timerange.startdt
        known = frame if start is None else frame[frame["date"] >= Timestamp(start)]
        if known.empty:
            raise BacktestError(
                f"no {self._timeframe} candles of {pair} in {self._datadir} from the start of the "
                f"run on: fetch them, or leave the pair out"
            )
        # The first candle itself where nothing came before: never the run's own future.
        earlier = frame.loc[: known.index[0]]["volume"].tail(WARM_UP_ROWS + 1)
        return known["date"].iloc[0].to_pydatetime(), float(known["close"].iloc[0]), earlier.mean()

    def write_masked(self, disguise: Disguise, folder: Path) -> None:
        """Write every file of the pairs into another folder, as far as the run can see."""
        target = get_datahandler(folder, self._format)
        (folder / "futures").mkdir(parents=True, exist_ok=True)
        stored = self._handler.ohlcv_get_available_data(self._datadir, TradingMode.FUTURES)
        for pair, timeframe, kind in stored:
            # Months have no length that whole weeks could be taken from.
            if pair not in disguise.names or timeframe.endswith("M"):
                continue
            frame = self._seen(candles_of(self._handler, pair, timeframe, kind), timeframe)
            masked = dressed(frame, pair, kind, disguise)
            target.ohlcv_store(disguise.names[pair], timeframe, masked, kind)

    def _seen(self, frame: DataFrame, timeframe: str) -> DataFrame:
        start, stop = self.timerange.startdt, self.timerange.stopdt
        seen = frame
        if start is not None:
            warm_up = timedelta(seconds=timeframe_to_seconds(timeframe) * WARM_UP_ROWS)
            seen = seen[seen["date"] >= Timestamp(start - warm_up)]
        return seen if stop is None else seen[seen["date"] <= Timestamp(stop)]


def dressed(frame: DataFrame, pair: str, kind: CandleType, disguise: Disguise) -> DataFrame:
    """Return candles or funding rates in disguise; rates themselves stay as they are."""
    dates = {"date": frame["date"] - disguise.shift}
    if kind == CandleType.FUNDING_RATE:
        return frame.assign(**dates)
    factor = float(disguise.factors[pair])
    prices = {name: np.round(frame[name] * factor, DECIMALS) for name in PRICES}
    volume = {"volume": frame["volume"] * disguise.volume_factors[pair]}
    return frame.assign(**dates, **prices, **volume)

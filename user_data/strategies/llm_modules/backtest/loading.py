"""Candles and funding rates from Freqtrade's files, for what a backtest may know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from freqtrade.configuration import TimeRange
from freqtrade.data.converter import ohlcv_fill_up_missing_data
from freqtrade.data.dataprovider import DataProvider
from freqtrade.data.history import load_pair_history
from freqtrade.enums import CandleType
from freqtrade.exchange import timeframe_to_msecs, timeframe_to_seconds
from pandas import DataFrame

from llm_modules.backtest.past import FundingRates, Recorded
from llm_modules.domain import IntArray
from llm_modules.engine.bridge import CANDLE_ROWS, candles, tiers_of
from llm_modules.market.candle_checks import examined

# The first row shown has this many before it, so that its indicators are the same as live.
WARM_UP_ROWS = CANDLE_ROWS
DAY_MS = 86_400_000


def load(
    config: Mapping[str, Any],
    provider: DataProvider,
    pairs: Sequence[str],
    timeframes: Sequence[str],
    timerange: TimeRange,
) -> Recorded:
    """Load what is recorded of these pairs, with enough rows before the time range."""
    files = {"datadir": Path(config["datadir"]), "data_format": config["dataformat_ohlcv"]}
    recorded = {}
    for name in timeframes:
        since = _before(timerange, timeframe_to_seconds(name) * WARM_UP_ROWS)
        for pair in pairs:
            frame = _filled(pair, name, since, files)
            # Looked at here and now: each candle is about to be shown in hundreds of stretches.
            recorded[pair, name] = examined(candles(frame, name, len(frame) or 1))
    funding = {}
    name = provider.get_funding_rate_timeframe()
    for pair in pairs:
        frame = load_pair_history(
            pair, name, candle_type=CandleType.FUNDING_RATE, fill_up_missing=False, **files
        )
        if not frame.empty:
            funding[pair] = FundingRates(
                _milliseconds(frame), frame["open"].to_numpy(dtype=np.float64)
            )
    markets = {pair: market for pair in pairs if (market := provider.market(pair))}
    return Recorded(recorded, funding, markets, {pair: tiers_of(provider, pair) for pair in pairs})


def _filled(pair: str, timeframe: str, timerange: TimeRange, files: Mapping[str, Any]) -> DataFrame:
    """Load candles as Freqtrade does, with what is absent made up."""
    frame: DataFrame = load_pair_history(
        pair,
        timeframe,
        timerange=timerange,
        candle_type=CandleType.FUTURES,
        fill_up_missing=False,
        **files,
    )
    # To look for holes as Freqtrade does takes longer than to read a file.
    if frame.empty or _is_whole(frame, timeframe_to_msecs(timeframe)):
        return frame
    filled: DataFrame = ohlcv_fill_up_missing_data(frame, timeframe, pair)
    return filled


def _is_whole(frame: DataFrame, step: int) -> bool:
    """Tell whether there is nothing to fill; what spans more than a day may begin anywhere."""
    opened = _milliseconds(frame)
    is_regular = opened[0] % step == 0 and bool(np.all(np.diff(opened) == step))
    return step <= DAY_MS and is_regular and bool(frame.notna().all(axis=None))


def _milliseconds(frame: DataFrame) -> IntArray:
    return frame["date"].to_numpy(dtype="datetime64[ms]").astype(np.int64)


def _before(timerange: TimeRange, seconds: int) -> TimeRange:
    start = timerange.startts - seconds if timerange.starttype else 0
    return TimeRange(timerange.starttype, timerange.stoptype, start, timerange.stopts)

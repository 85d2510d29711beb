"""Candles and funding rates from Freqtrade's files, for what a backtest may know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from freqtrade.configuration import TimeRange
from freqtrade.data.dataprovider import DataProvider
from freqtrade.data.history import load_pair_history
from freqtrade.enums import CandleType
from freqtrade.exchange import timeframe_to_seconds

from llm_modules.backtest.past import FundingRates, Recorded
from llm_modules.engine.bridge import CANDLE_ROWS, candles, tiers_of
from llm_modules.market.candle_checks import examined

# The first row shown has this many before it, so that its indicators are the same as live.
WARM_UP_ROWS = CANDLE_ROWS


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
            frame = load_pair_history(
                pair, name, timerange=since, candle_type=CandleType.FUTURES, **files
            )
            # Looked at here and now: each candle is about to be shown in hundreds of stretches.
            recorded[pair, name] = examined(candles(frame, name, len(frame) or 1))
    funding = {}
    name = provider.get_funding_rate_timeframe()
    for pair in pairs:
        frame = load_pair_history(
            pair, name, candle_type=CandleType.FUNDING_RATE, fill_up_missing=False, **files
        )
        if not frame.empty:
            paid_at = frame["date"].to_numpy(dtype="datetime64[ms]").astype(np.int64)
            funding[pair] = FundingRates(paid_at, frame["open"].to_numpy(dtype=np.float64))
    markets = {pair: market for pair in pairs if (market := provider.market(pair))}
    return Recorded(recorded, funding, markets, {pair: tiers_of(provider, pair) for pair in pairs})


def _before(timerange: TimeRange, seconds: int) -> TimeRange:
    start = timerange.startts - seconds if timerange.starttype else 0
    return TimeRange(timerange.starttype, timerange.stoptype, start, timerange.stopts)

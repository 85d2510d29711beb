"""Coarser candles out of finer ones, and their files, which Freqtrade finds as its own."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from freqtrade.data.history import get_datahandler
from freqtrade.data.history.datahandlers.idatahandler import IDataHandler
from freqtrade.enums import CandleType, TradingMode
from freqtrade.exchange import timeframe_to_seconds
from pandas import DataFrame, RangeIndex, concat, to_datetime

from llm_modules.domain import IntArray

DAY_SECONDS = 86_400
WEEK_SECONDS = 7 * DAY_SECONDS
# The epoch was a Thursday; an exchange's week begins on Monday.
FIRST_MONDAY_SECONDS = 4 * DAY_SECONDS
HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made or extended: `candles` are the new ones, out of the `source`."""

    pair: str
    timeframe: str
    source: str
    candles: int


def data_format_of(config: Mapping[str, Any]) -> str:
    """Return in which format Freqtrade keeps its candles."""
    # Freqtrade adds its default only when it validates the configuration for a run.
    return str(config.get("dataformat_ohlcv", "feather"))


def make_coarser(
    datadir: Path, pairs: Sequence[str], timeframes: Sequence[str], data_format: str
) -> tuple[Made, ...]:
    """Make the futures candles that finer files hold and whose own files lack them.

    A file that holds anything else than what would be made is left alone; no candle that stands
    in a file is changed or lost.
    """
    handler = get_datahandler(datadir, data_format)
    stored = handler.ohlcv_get_available_data(datadir, TradingMode.FUTURES)
    made = []
    for pair in dict.fromkeys(pairs):
        own = [name for one, name, kind in stored if (one, kind) == (pair, CandleType.FUTURES)]
        frames = {name: candles_of(handler, pair, name, CandleType.FUTURES) for name in own}
        for source, timeframe, fresh in _all_fresh(frames, timeframes):
            joined = concat([frames.get(timeframe, fresh[:0]), fresh]).sort_values("date")
            store(datadir, data_format, (pair, timeframe), joined)
            made.append(Made(pair, timeframe, source, len(fresh)))
    return tuple(made)


def candles_of(handler: IDataHandler, pair: str, timeframe: str, kind: CandleType) -> DataFrame:
    """Read a whole file as it is, without filling gaps; empty where there is none."""
    frame: DataFrame = handler.ohlcv_load(
        pair, timeframe, kind, fill_missing=False, warn_no_data=False
    )
    return frame


def open_times(frame: DataFrame) -> IntArray:
    """Return when each candle opened, in seconds since the epoch, UTC."""
    if frame.empty:
        return np.array([], dtype=np.int64)
    milliseconds: IntArray = frame["date"].to_numpy(dtype="datetime64[ms]").astype(np.int64)
    return milliseconds // 1000


def aggregated(finer: DataFrame, source: str, timeframe: str) -> DataFrame:
    """Join finer candles into coarser ones; one that lacks a part of itself is left out.

    Candles begin as the exchange's do: at whole multiples since midnight UTC, weeks on Monday.
    """
    seconds = timeframe_to_seconds(timeframe)
    phase = FIRST_MONDAY_SECONDS if seconds == WEEK_SECONDS else 0
    opened = (open_times(finer) - phase) // seconds * seconds + phase
    groups = finer.groupby(opened)
    coarser: DataFrame = groups.agg(HOW)[groups.size() == seconds // timeframe_to_seconds(source)]
    coarser.insert(0, "date", to_datetime(coarser.index, unit="s", utc=True).as_unit("ms"))
    coarser.index = RangeIndex(len(coarser))
    return coarser


def store(datadir: Path, data_format: str, name: tuple[str, str], frame: DataFrame) -> None:
    """Write a file of futures candles whole or not at all."""
    pair, timeframe = name
    # Beside the target: only within one file system is a file put in place at once.
    with tempfile.TemporaryDirectory(prefix=".making-", dir=datadir) as folder:
        beside = get_datahandler(Path(folder), data_format)
        beside.ohlcv_store(pair, timeframe, frame, CandleType.FUTURES)
        (written,) = (Path(folder) / "futures").iterdir()
        written.replace(datadir / "futures" / written.name)


def _all_fresh(
    frames: Mapping[str, DataFrame], timeframes: Sequence[str]
) -> Iterator[tuple[str, str, DataFrame]]:
    """Yield source, timeframe and new candles for each file that is to be made or extended."""
    for timeframe in timeframes:
        source = _source(frames, timeframe)
        if source is None:
            continue
        whole = aggregated(frames[source], source, timeframe)
        known = frames.get(timeframe)
        if known is not None:
            whole = (
                whole[~whole["date"].isin(known["date"])] if _is_part(known, whole) else whole[:0]
            )
        if len(whole):
            yield source, timeframe, whole


def _source(frames: Mapping[str, DataFrame], timeframe: str) -> str | None:
    """Return the finer timeframe that reaches farthest and of which this one can be made."""
    spans = {name: len(frames[name]) * timeframe_to_seconds(name) for name in frames}
    fitting = [name for name in frames if _divides(name, timeframe)]
    return max(fitting, key=lambda name: spans[name], default=None)


def _divides(finer: str, coarser: str) -> bool:
    parts: int = timeframe_to_seconds(finer)
    seconds: int = timeframe_to_seconds(coarser)
    # Where candles of three days or a month begin is the exchange's own affair.
    is_aligned = seconds == WEEK_SECONDS or DAY_SECONDS % seconds == 0
    return is_aligned and parts < seconds and seconds % parts == 0


def _is_part(known: DataFrame, whole: DataFrame) -> bool:
    """Tell whether a file holds candles, and all of them are ones that would be made."""
    alike = whole[whole["date"].isin(known["date"])]
    # Freqtrade reads a file that is broken as an empty one: it is left to its owner.
    if known.empty or len(alike) != len(known):
        return False
    made, stands = (one[list(HOW)].to_numpy() for one in (alike, known))
    return bool(np.allclose(made, stands, rtol=1e-9, atol=0.0))

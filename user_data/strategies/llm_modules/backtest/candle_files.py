"""Are the candles of a run there? What can be made of finer ones is made, the rest is named."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from freqtrade.exchange import timeframe_to_seconds

from llm_modules.backtest.coarser_candles import candles_of, make_coarser, open_times
from llm_modules.backtest.loading import WARM_UP_ROWS
from llm_modules.domain import IntArray

Kind = Literal["futures", "mark", "funding_rate"]
# Rates are paid this seldom or more often, whatever the timeframe of their file.
FUNDING_SECONDS = 8 * 3600


@dataclass(frozen=True, slots=True)
class Wanted:
    """The files of a run: `timeframes` begin with the main one; None as far as there is.

    Marks and funding rates are needed of every pair too, in the timeframes their exchange has.
    """

    datadir: Path
    pairs: tuple[str, ...]
    timeframes: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    data_format: str = "feather"
    mark_timeframe: str = "1h"
    funding_timeframe: str = "1h"


@dataclass(frozen=True, slots=True)
class Missing:
    """What a run cannot do without: candles that open from `start` and close until `end`.

    None where there is no file and no span was asked for. `is_earlier`: a file begins after them.
    """

    pair: str
    timeframe: str
    start: datetime | None
    end: datetime | None
    kind: Kind = "futures"
    is_earlier: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Candles missing inside a file, where the run or its warm-up looks; `first` opened then."""

    pair: str
    timeframe: str
    kind: Kind
    count: int
    first: datetime


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is there after all was made: the span that all pairs share, None where there is none.

    A run over this span lacks only what `missing` and `gaps` name. What its indicators have before
    `start` is another matter: a file may begin there.
    """

    start: datetime | None
    end: datetime | None
    missing: tuple[Missing, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class _File:
    """What one file holds: when its rows opened, and how far they are apart at most, in seconds."""

    pair: str
    timeframe: str
    kind: Kind
    opened: IntArray
    step: int

    @property
    def end(self) -> int:
        return int(self.opened[-1]) + self.step

    def missing(self, start: int | None, end: int | None) -> Iterator[Missing]:
        """Name what of a span is not there."""
        if len(self.opened) == 0:
            yield self._missing(start, end)
            return
        if start is None or end is None:
            return
        first = int(self.opened[0])
        # Less than a candle is no candle: the one that was open at the start is not needed.
        if first - start >= self.step:
            yield self._missing(start, min(first, end), is_earlier=True)
        if end - self.end >= self.step:
            yield self._missing(max(self.end, start), end)

    def gap(self, start: int, end: int) -> Gap | None:
        """Name what is absent of a span between the first row and the last."""
        holes = np.flatnonzero(np.diff(self.opened) > self.step)
        absent = [
            at
            for before, after in zip(self.opened[holes], self.opened[holes + 1], strict=True)
            for at in range(int(before) + self.step, int(after), self.step)
            if start <= at < end
        ]
        if not absent:
            return None
        return Gap(self.pair, self.timeframe, self.kind, len(absent), _moment(absent[0]))

    def _missing(self, start: int | None, end: int | None, *, is_earlier: bool = False) -> Missing:
        return Missing(self.pair, self.timeframe, _known(start), _known(end), self.kind, is_earlier)


def prepare(wanted: Wanted) -> Prepared:
    """Make what can be made of finer candles, and tell what is there and what is missing."""
    make_coarser(wanted.datadir, wanted.pairs, wanted.timeframes, wanted.data_format)
    files = tuple(_files(wanted))
    shared = _shared(files, wanted.timeframes[0])
    start = int(wanted.start.timestamp()) if wanted.start else shared and shared[0]
    end = int(wanted.end.timestamp()) if wanted.end else shared and shared[1]
    missing = tuple(one for file in files for one in file.missing(start, end))
    if (
        shared is None
        or start is None
        or end is None
        or max(start, shared[0]) >= min(end, shared[1])
    ):
        return Prepared(None, None, missing, ())
    start, end = max(start, shared[0]), min(end, shared[1])
    gaps = (file.gap(start - WARM_UP_ROWS * file.step, end) for file in files)
    return Prepared(_moment(start), _moment(end), missing, tuple(gap for gap in gaps if gap))


def _files(wanted: Wanted) -> Iterator[_File]:
    handler = get_datahandler(wanted.datadir, wanted.data_format)
    kinds: list[tuple[str, Kind]] = [(name, "futures") for name in wanted.timeframes]
    kinds += [(wanted.mark_timeframe, "mark"), (wanted.funding_timeframe, "funding_rate")]
    for pair in wanted.pairs:
        for timeframe, kind in kinds:
            frame = candles_of(handler, pair, timeframe, CandleType(kind))
            seconds = timeframe_to_seconds(timeframe)
            step = max(seconds, FUNDING_SECONDS) if kind == "funding_rate" else seconds
            yield _File(pair, timeframe, kind, open_times(frame), step)


def _shared(files: Sequence[_File], timeframe: str) -> tuple[int, int] | None:
    """Return the span of which all pairs have candles, marks and rates; None without any."""
    # Coarser candles reach back before a run, and the newest of them ends before it does.
    bounding = [file for file in files if file.kind != "futures" or file.timeframe == timeframe]
    if not all(len(file.opened) for file in bounding):
        return None
    return max(int(file.opened[0]) for file in bounding), min(file.end for file in bounding)


def _known(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

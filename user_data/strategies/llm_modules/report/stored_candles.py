"""Candles that Freqtrade stored (`download-data`), read without Freqtrade."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import feather

from llm_modules.domain import Candles, FloatArray
from llm_modules.report.candles import Wanted, no_candles

COLUMNS = ("date", "open", "high", "low", "close", "volume")
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class StoredCandles:
    """Reads feather files of futures in a folder of one exchange, such as `data/binance`."""

    folder: Path

    def __call__(self, wanted: Wanted) -> Candles:
        """Return all candles of the file; none where there is no file that can be read."""
        try:
            table = feather.read_table(self._path(wanted), columns=list(COLUMNS))
            times, *others = (_numbers(table.column(name)) for name in COLUMNS)
        # A file that is damaged or foreign: the next source may have what it should have held.
        except (OSError, KeyError, pa.ArrowException):
            return no_candles(wanted.timeframe)
        return Candles(wanted.timeframe, times.astype(np.int64), *others)

    def _path(self, wanted: Wanted) -> Path:
        # A pair comes from a journal: whatever stands there, it names a file in this folder.
        pair, timeframe = (_FOREIGN.sub("_", one) for one in (wanted.pair, wanted.timeframe))
        return self.folder / "futures" / f"{pair}-{timeframe}-futures.feather"


def _numbers(column: pa.ChunkedArray) -> FloatArray:
    # Freqtrade stores dates in ns or ms, depending on its version.
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64())
    return np.asarray(column.to_numpy(), dtype=np.float64)

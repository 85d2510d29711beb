"""The real market as it was recorded: Freqtrade's feather files, read once at the start."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import feather

from llm_modules.domain import FloatArray, IntArray
from llm_modules.errors import UserError
from llm_modules.sandbox.candles import FIVE_MINUTES_MS, TickCandles
from llm_modules.sandbox.contracts import Contract


@dataclass(frozen=True, slots=True)
class PairHistory:
    """One contract's real 5m candles without gaps, and its funding rates, one per 8 hours."""

    contract: Contract
    candles: TickCandles
    funding_rates: FloatArray


def load_history(data_dir: Path, contract: Contract) -> PairHistory:
    """Read one contract's files from Freqtrade's data folder (`user_data/data`).

    Raises UserError when a file is missing, unreadable or has gaps.
    """
    stem = data_dir / "binance" / "futures" / contract.file_stem
    names = ("date", "open", "high", "low", "close", "volume")
    candles = _candles(contract, _columns(Path(f"{stem}-5m-futures.feather"), names))
    if len(candles) == 0 or np.any(np.diff(candles.open_times) != FIVE_MINUTES_MS):
        raise UserError(f"{stem}-5m-futures.feather is empty or has gaps: take the original file")
    (rates,) = _columns(Path(f"{stem}-1h-funding_rate.feather"), ("open",))
    if len(rates) == 0:
        raise UserError(f"{stem}-1h-funding_rate.feather is empty: take the original file")
    return PairHistory(contract, candles, rates)


def _candles(contract: Contract, columns: list[FloatArray]) -> TickCandles:
    times, *prices, volume = columns
    opens, highs, lows, closes = (_whole(price, contract.price_decimals) for price in prices)
    lots = _whole(volume, contract.quantity_decimals)
    return TickCandles(times.astype(np.int64), opens, highs, lows, closes, lots)


# Rounded, not cut: 0.1 + 0.2 in a file of doubles must not lose a tick.
def _whole(values: FloatArray, decimals: int) -> IntArray:
    return np.rint(values * 10.0**decimals).astype(np.int64)


def _columns(path: Path, names: tuple[str, ...]) -> list[FloatArray]:
    """Read columns of a feather file; dates become milliseconds since the epoch."""
    try:
        table = feather.read_table(path, columns=list(names))
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} cannot be read ({error}): restore the sample data") from error
    return [_numbers(table.column(name)) for name in names]


def _numbers(column: pa.ChunkedArray) -> FloatArray:
    # Freqtrade stores dates in ns or ms, depending on its version.
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64())
    return np.asarray(column.to_numpy(), dtype=np.float64)

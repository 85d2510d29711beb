"""Any indicator of pandas_ta by its name, with the library's default settings.

pandas_ta is imported plainly at the top: beside Freqtrade, which has loaded pandas by then, it
costs 0.07 s and 2 MB (0.14 s without byte-code), too little to justify a late import. Users who
name no extra indicator pay nothing per candle.
"""

import inspect
import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pandas_ta
from pandas.errors import ChainedAssignmentError  # type: ignore[attr-defined]  # stubs lag

from llm_modules.domain import Candles, FloatArray
from llm_modules.errors import MarketDataError

# Enough for the longest default warm-up in pandas_ta; below it a failure means too few candles.
SAMPLE_CANDLES = 200

# What its functions were seen to raise; ArithmeticError and LookupError for what was not seen.
_FAILURES = (ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError)
# The others are faster, and some only right, on rows that are numbered from zero.
_NEEDS_DATES = frozenset({"vwap"})
_PRICES = frozenset({"high", "low", "close"})


def output_columns(name: str) -> tuple[str, ...]:
    """Return the columns that an indicator yields, found by trying it on made-up candles.

    Empty when there is no such indicator, it needs more than candles, it fails, or its result
    is wrong with this pandas; a few are in each state.
    """
    return tuple(column.lower() for column in _library_columns(name))


def is_on_price_scale(name: str) -> bool:
    """Tell whether an indicator follows the price, as averages do, by pandas_ta's own category."""
    return name in pandas_ta.Category["overlap"]


def compute_extra(candles: Candles, name: str) -> dict[str, FloatArray]:
    """Return the columns of one indicator, named in lower case, each as long as the candles.

    Warm-up, and all of it for candles too few to compute anything, is NaN. Raises
    MarketDataError when the library fails although there were enough candles.
    """
    try:
        result = _call(candles, name)
    except _FAILURES as error:
        if len(candles) >= SAMPLE_CANDLES:
            raise MarketDataError(
                f"pandas_ta failed to compute {name!r} on {candles.timeframe} candles: {error}"
            ) from error
        result = pd.DataFrame(index=pd.RangeIndex(len(candles)))
    # Missing columns become NaN: the library leaves them out while there are too few candles.
    wanted = result.reindex(columns=list(_library_columns(name)))
    return {
        str(column).lower(): values.to_numpy(dtype=np.float64) for column, values in wanted.items()
    }


@cache
def _library_columns(name: str) -> tuple[str, ...]:
    """Return the columns in the library's spelling; tried once, at the start."""
    if not any(name in names for names in pandas_ta.Category.values()):
        return ()
    try:
        with warnings.catch_warnings():
            # Where the library assigns into a copy, pandas >= 3 only warns and the result is wrong.
            warnings.simplefilter("error", ChainedAssignmentError)
            result = _call(_sample(), name)
    except (*_FAILURES, ChainedAssignmentError):
        return ()
    return tuple(str(column) for column in result.columns)


def _call(candles: Candles, name: str) -> pd.DataFrame:
    """Run one indicator and return its columns, one row per candle; none for too few candles."""
    index = pd.Index(candles.open_times.astype("datetime64[ms]")) if name in _NEEDS_DATES else None
    function = getattr(pandas_ta, name)
    arguments = {
        parameter.name: pd.Series(getattr(candles, parameter.name.rstrip("_")), index)
        for parameter in inspect.signature(function).parameters.values()
        if _is_needed(parameter)
    }
    result: Any = function(**arguments)
    # Ichimoku alone returns two frames: its lines so far, and their continuation into the future.
    table = pd.DataFrame(result[0] if isinstance(result, tuple) else result)
    # Some indicators leave their warm-up out, which only the index can tell.
    rows = pd.RangeIndex(len(candles)) if index is None else index
    return table.reindex(rows).reset_index(drop=True)


def _is_needed(parameter: inspect.Parameter) -> bool:
    """Tell whether a parameter must be given: the open price, where optional, alters the result."""
    if parameter.kind is parameter.VAR_KEYWORD:
        return False
    return parameter.default is parameter.empty or parameter.name in _PRICES


def _sample() -> Candles:
    """Make candles that rise and fall, so that every default setting has something to measure."""
    steps = np.arange(SAMPLE_CANDLES, dtype=np.float64)
    close = 100 + 10 * np.sin(steps / 9) + np.cos(steps)
    opened = np.concatenate((close[:1], close[:-1]))
    return Candles(
        timeframe="1h",
        open_times=steps.astype(np.int64) * 3_600_000,
        open=opened,
        high=np.maximum(opened, close) + 0.5,
        low=np.minimum(opened, close) - 0.5,
        close=close,
        volume=1000 + 100 * np.sin(steps),
    )

"""Indicators of one timeframe: TA-Lib on numpy, and further ones of pandas_ta by name.

TA-Lib on arrays is 17 times faster than pandas_ta on a frame, with equal values; a test compares
them on real candles. Formulas and warm-up are those of TA-Lib's documentation, ta-lib.org.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from inspect import unwrap
from typing import Any

import talib

from llm_modules.domain import Candles, FloatArray
from llm_modules.market.extra_indicators import compute_extra, output_columns

# For these are arrays: what looks for series among them first takes as long as an average itself.
_ADX, _ATR, _BBANDS, _EMA = map(unwrap, (talib.ADX, talib.ATR, talib.BBANDS, talib.EMA))
_MACD, _MFI, _OBV, _RSI = map(unwrap, (talib.MACD, talib.MFI, talib.OBV, talib.RSI))
# TA-Lib is compiled and carries no types: what its functions return is Any.
INDICATORS: tuple[tuple[tuple[str, ...], Callable[[Candles], Any]], ...] = (
    (("ema_20",), lambda candles: (_EMA(candles.close, 20),)),
    (("ema_50",), lambda candles: (_EMA(candles.close, 50),)),
    (("rsi_14",), lambda candles: (_RSI(candles.close, 14),)),
    (("macd", "macd_signal", "macd_hist"), lambda candles: _MACD(candles.close, 12, 26, 9)),
    (("atr_14",), lambda candles: (_ATR(candles.high, candles.low, candles.close, 14),)),
    (("adx_14",), lambda candles: (_ADX(candles.high, candles.low, candles.close, 14),)),
    (
        ("mfi_14",),
        lambda candles: (_MFI(candles.high, candles.low, candles.close, candles.volume, 14),),
    ),
    (("obv",), lambda candles: (_OBV(candles.close, candles.volume),)),
    (
        ("bb_upper", "bb_middle", "bb_lower"),
        lambda candles: _BBANDS(candles.close, 20, 2.0, 2.0),
    ),
)


def compute(candles: Candles, extra: Sequence[str] = ()) -> dict[str, FloatArray]:
    """Return every indicator by name, each as long as the candles; warm-up is NaN.

    `extra` names indicators of pandas_ta, computed with their default settings; where one bears
    the name of ours, ours stays. Short input gives NaN and never raises. Raises MarketDataError
    when pandas_ta fails on candles that are long enough.
    """
    # An extra one may bear one of our names with other columns, as aobv does.
    further: dict[str, FloatArray] = {}
    for name in extra:
        further |= compute_extra(candles, name)
    names = [name for row_names, _ in INDICATORS for name in row_names]
    columns = [column for _, function in INDICATORS for column in function(candles)]
    own: dict[str, FloatArray] = dict(zip(names, columns, strict=True))
    for name, column in further.items():
        own.setdefault(name, column)
    return own


class LateIndicators(Mapping[str, FloatArray]):
    """What `compute` returns, computed once somebody asks for any of it."""

    def __init__(self, candles: Candles, extra: Sequence[str] = ()) -> None:
        self._candles = candles
        self._extra = extra

    def __getitem__(self, name: str) -> FloatArray:
        return self._computed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._computed)

    def __len__(self) -> int:
        return len(self._computed)

    @cached_property
    def _computed(self) -> Mapping[str, FloatArray]:
        return compute(self._candles, self._extra)


def unknown_indicators(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that pandas_ta does not have, or cannot compute from candles alone.

    Meant for the start, so that `context_config.extra_indicators` can be refused with its names.
    """
    return tuple(name for name in names if not output_columns(name))

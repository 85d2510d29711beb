"""Results kept as long as the candles they were computed from.

In a backtest the candle of a day stays the newest of its timeframe for as many decisions as fit
into a day. Live, every question brings candles of its own and nothing stays behind.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from operator import is_
from typing import Any, Generic, TypeVar
from weakref import ref

from numpy.typing import NDArray

from llm_modules.domain import Candles

Result = TypeVar("Result")
_Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Kept(Generic[Result]):
    """A result, with the candles as long as there are any."""

    candles: ref[Candles]
    result: Result

    def is_of(self, candles: Candles) -> bool:
        """Tell whether these are the candles, or others with the very same arrays."""
        known = self.candles()
        if known is candles:
            return True
        return known is not None and all(map(is_, _columns(known), _columns(candles)))


class KeptWithCandles(Generic[Result]):
    """What a function says of candles, computed once for the same arrays.

    Arrays must not change once they are asked about, and results must not hold on to them.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, _Kept[Result]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, candles: Candles, how: Hashable, compute: Callable[[], Result]) -> Result:
        """Return the result for these candles; `how` is whatever else decides it."""
        key = id(candles.close), how
        kept = self._kept.get(key)
        if kept is not None and kept.is_of(candles):
            return kept.result
        result = compute()
        known = ref(candles, lambda _: self._kept.pop(key, None))
        self._kept[key] = _Kept(known, result)
        return result


def _columns(candles: Candles) -> tuple[_Column, ...]:
    return (
        candles.close,
        candles.open_times,
        candles.open,
        candles.high,
        candles.low,
        candles.volume,
    )

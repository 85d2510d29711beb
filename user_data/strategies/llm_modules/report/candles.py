"""The market under the trades, from whoever has it: several sources, asked in turn."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from llm_modules.backtest.report.charts.trades import within
from llm_modules.backtest.statistics import milliseconds
from llm_modules.domain import Candles

NO_FLOATS = np.array([], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Candles of a pair that open from `start` up to `end`."""

    pair: str
    timeframe: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """Somebody who may have candles, and what they are called on the page."""

    name: str
    candles: Callable[[Wanted], Candles]


def no_candles(timeframe: str) -> Candles:
    """Return no candle at all."""
    none = NO_FLOATS
    return Candles(timeframe, np.array([], dtype=np.int64), none, none, none, none, none)


def find(wanted: Wanted, sources: Iterable[Source]) -> tuple[Candles, tuple[str, ...]]:
    """Return what the sources have of a span together, and the names of those who had any of it.

    A later source is asked only for what an earlier one left open; of a candle that two have, the
    earlier one's counts.
    """
    found, names = no_candles(wanted.timeframe), []
    for source in sources:
        part = within(source.candles(wanted), wanted.start, wanted.end)
        if len(part):
            found = _joined((found, part))
            names.append(source.name)
        if _covers(found, wanted):
            break
    return found, tuple(names)


def _joined(parts: Sequence[Candles]) -> Candles:
    columns = ("open_times", "open", "high", "low", "close", "volume")
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    # The first of equal times is kept, and the times come out in order.
    _, rows = np.unique(whole["open_times"], return_index=True)
    return Candles(parts[0].timeframe, **whole).taken(rows)


def _covers(candles: Candles, wanted: Wanted) -> bool:
    """Tell whether candles reach from the start to the end, give or take one of them."""
    if len(candles) < 2:  # noqa: PLR2004 - of one candle nobody knows how long it is
        return False
    step = int(np.diff(candles.open_times).min())
    first, last = int(candles.open_times[0]), int(candles.open_times[-1])
    start, end = milliseconds(wanted.start), milliseconds(wanted.end)
    # The newest may still be open, and the one before it not be written yet.
    return first - start < step and end - last <= 2 * step

"""Histories of candles and indicators as plain tables: a header, then one row per candle.

From candle to candle a table loses a row and gains one, so rows that were printed are kept.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import nan
from typing import NamedTuple

from llm_modules.config import CANDLE_COLUMNS, INDICATOR_COLUMNS
from llm_modules.context.blocks import Block, TableKind
from llm_modules.context.numbers import compact, rounded, scaled
from llm_modules.domain import MarketSnapshot, TimeframeView
from llm_modules.phrases import Phrases

Number = float | None

_PRICES = ("open", "high", "low", "close")
_DIGITS = dict.fromkeys(
    ("rsi_14", "adx_14", "mfi_14", "macd", "macd_signal", "macd_hist", "atr_14"), 3
)
# Averages, bands and on-balance volume are read by their small differences.
_DIGITS_OF_OTHERS = 5
_VOLUME_DIGITS = 4
_FACTS_OF_TIMEFRAMES = ("rsi", "adx", "ema_gap_pct")
# Eight rows of five hundred pairs; a longer history of fewer.
_KEPT_ROWS = 4096
_KEPT_TIMEFRAME_ROWS = 1024


class Layout(NamedTuple):
    """What the table of a timeframe shows: columns by name, and rows of either kind."""

    columns: Sequence[str]
    candle_rows: int
    indicator_rows: int


class Column(NamedTuple):
    """One column of a table, ready to print; shorter than others where it goes back less far."""

    label: str
    values: Sequence[float]
    decimals: int


def history_table(
    view: TimeframeView, kind: TableKind, layout: Layout, decimals: int, phrases: Phrases
) -> Block:
    """Return the newest candles with their indicators; `decimals` is the market's precision.

    Indicators that the configuration added (`extra_indicators`) follow those of the layout. Where
    one kind has fewer rows than the other, its older cells are `-`.
    """
    columns: list[Column] = []
    if layout.candle_rows:
        chosen = (name for name in layout.columns if name in CANDLE_COLUMNS)
        columns += (_candle_column(view, name, layout.candle_rows, decimals) for name in chosen)
    if layout.indicator_rows:
        names = _indicators(view, layout.columns)
        columns += (_indicator_column(view, name, layout.indicator_rows) for name in names)
    title = phrases("table.candles", timeframe=view.timeframe)
    return _table(kind, title, view, columns)


def timeframe_table(snapshot: MarketSnapshot, columns: Sequence[str], phrases: Phrases) -> Block:
    """Return the newest closed candle of each informative timeframe, one row each.

    The longest timeframe comes first: what changes least does not push the rest out of a cache.
    """
    views = snapshot.informative[::-1]
    shown = _indicators(views[0], columns) if views else []
    header = " ".join(("timeframe", *_FACTS_OF_TIMEFRAMES, *shown))
    lines = tuple(_timeframe_row(view, snapshot, shown) for view in views)
    return Block("timeframes", phrases("table.timeframes"), lines, header)


def _timeframe_row(view: TimeframeView, snapshot: MarketSnapshot, indicators: Sequence[str]) -> str:
    timeframe = view.timeframe
    facts = tuple(map(snapshot.facts.get, _fact_keys(timeframe)))
    return _state(timeframe, facts, tuple(indicators), tuple(map(view.latest, indicators)))


@lru_cache(maxsize=16)
def _fact_keys(timeframe: str) -> Sequence[str]:
    return tuple(f"{name}_{timeframe}" for name in _FACTS_OF_TIMEFRAMES)


# A day's candle stays the newest for many decisions.
@lru_cache(maxsize=_KEPT_TIMEFRAME_ROWS)
def _state(
    timeframe: str, facts: Sequence[Number], names: Sequence[str], values: Sequence[Number]
) -> str:
    printed = (compact(value, _digits(name)) for name, value in zip(names, values, strict=True))
    return " ".join((timeframe, *map(compact, facts), *printed))


def _indicators(view: TimeframeView, columns: Iterable[str]) -> Sequence[str]:
    return _chosen(tuple(view.indicators), tuple(columns))


# The same for nearly every view.
@lru_cache(maxsize=16)
def _chosen(computed: Sequence[str], columns: Sequence[str]) -> Sequence[str]:
    """Return the chosen indicators, then those that were computed because someone asked."""
    chosen = tuple(name for name in columns if name in computed)
    return chosen + tuple(name for name in computed if name not in INDICATOR_COLUMNS)


def _candle_column(view: TimeframeView, name: str, rows: int, decimals: int) -> Column:
    values: list[float] = getattr(view.candles, name)[-rows:].tolist()
    if name in _PRICES:
        return Column(name, values, decimals)
    return _short(name, values, _VOLUME_DIGITS)


def _indicator_column(view: TimeframeView, name: str, rows: int) -> Column:
    return _short(name, view.indicators[name][-rows:].tolist(), _digits(name))


def _digits(name: str) -> int:
    return _DIGITS.get(name, _DIGITS_OF_OTHERS)


def _short(label: str, values: Sequence[float], digits: int) -> Column:
    short, decimals, unit = scaled(values, digits)
    return Column(f"{label}({unit})" if unit else label, short, decimals)


def _table(kind: TableKind, title: str, view: TimeframeView, columns: Sequence[Column]) -> Block:
    rows = max((len(column.values) for column in columns), default=0)
    decimals = tuple([column.decimals for column in columns])
    cells = zip(*(_padded(column.values, rows) for column in columns), strict=True)
    opened = _opened(view, rows)
    lines = tuple([_row(at, row, decimals) for at, row in zip(opened, cells, strict=True)])
    header = " ".join(["opened", *(column.label for column in columns)])
    return Block(kind=kind, title=title, lines=lines, header=header)


def _padded(values: Sequence[float], rows: int) -> Sequence[float]:
    """Return a column as long as the longest, with NaN where it goes back less far."""
    return values if len(values) == rows else [*[nan] * (rows - len(values)), *values]


@lru_cache(maxsize=_KEPT_ROWS)
def _row(opened: str, cells: Sequence[float], decimals: Sequence[int]) -> str:
    return " ".join((opened, *map(rounded, cells, decimals)))


def _opened(view: TimeframeView, rows: int) -> list[str]:
    """Return the newest opening times: hour and minute, or the day where candles last days."""
    times = view.candles.open_times
    lasts_days = view.timeframe[-1] in "dw"
    return [_time(opened_ms, lasts_days) for opened_ms in times[len(times) - rows :].tolist()]


# Every pair opens its candles at the same times.
@lru_cache(maxsize=1024)
def _time(opened_ms: int, lasts_days: bool) -> str:  # noqa: FBT001 - a key of the cache
    return f"{datetime.fromtimestamp(opened_ms / 1000, UTC):{'%m-%d' if lasts_days else '%H:%M'}}"

"""Histories of candles and indicators as plain tables: a header, then one row per candle.

One row format per table and whole columns at a time: eighty rows take a fifth of a millisecond.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llm_modules.context.blocks import Block, TableKind
from llm_modules.context.numbers import MISSING, compact, rounded, scaled
from llm_modules.domain import FloatArray, TimeframeView
from llm_modules.phrases import Phrases

_DIGITS = {"rsi_14": 3, "adx_14": 3, "mfi_14": 3, "macd": 3, "macd_hist": 3, "atr_14": 3}
# Averages, bands and on-balance volume are read by their small differences.
_DIGITS_OF_OTHERS = 5
_VOLUME_DIGITS = 4
# macd - macd_hist and the middle of the band say the same again, in every row.
_DERIVABLE = frozenset({"macd_signal", "bb_middle"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, ready to print."""

    label: str
    values: FloatArray
    decimals: int


def candle_table(
    view: TimeframeView, kind: TableKind, rows: int, decimals: int, phrases: Phrases
) -> Block:
    """Return the newest candles; `decimals` is the market's price precision."""
    candles = view.candles
    prices = {
        "open": candles.open,
        "high": candles.high,
        "low": candles.low,
        "close": candles.close,
    }
    columns = [Column(label, values[-rows:], decimals) for label, values in prices.items()]
    columns.append(_short("volume", candles.volume[-rows:], _VOLUME_DIGITS))
    title = phrases("table.candles", timeframe=view.timeframe)
    return _table(kind, title, _opened(view, rows), columns)


def indicator_table(view: TimeframeView, rows: int, phrases: Phrases) -> Block:
    """Return the newest values of every indicator of a timeframe."""
    columns = [
        _short(name, values[-rows:], _digits(name))
        for name, values in view.indicators.items()
        if name not in _DERIVABLE
    ]
    title = phrases("table.indicators", timeframe=view.timeframe)
    return _table("indicators", title, _opened(view, rows), columns)


def indicator_text(name: str, value: float | None) -> str:
    """Return one value of an indicator, with the digits its column would show."""
    return compact(value, _digits(name))


def _digits(name: str) -> int:
    return _DIGITS.get(name, _DIGITS_OF_OTHERS)


def _short(label: str, values: FloatArray, digits: int) -> Column:
    short, decimals, unit = scaled(values, digits)
    return Column(f"{label}({unit})" if unit else label, short, decimals)


def _table(kind: TableKind, title: str, opened: Sequence[str], columns: Sequence[Column]) -> Block:
    # Formatting whole rows with one % is almost three times as fast as cell by cell.
    template = " ".join(["%s", *(f"%.{column.decimals}f" for column in columns)])
    cells = [rounded(column.values, column.decimals).tolist() for column in columns]
    rows = zip(opened, *cells, strict=True)
    # The only letters in a row are those of nan.
    lines = tuple((template % row).replace("nan", MISSING) for row in rows)
    header = " ".join(["opened", *(column.label for column in columns)])
    return Block(kind=kind, title=title, lines=lines, header=header)


def _opened(view: TimeframeView, rows: int) -> list[str]:
    """Return the newest opening times: hour and minute, or the day where candles last days."""
    newest = view.candles.open_times[-rows:].astype("datetime64[ms]")
    texts: list[str] = np.datetime_as_string(newest, "m").tolist()
    lasts_days = view.timeframe[-1] in "dw"
    return [text[5:10] if lasts_days else text[11:16] for text in texts]

"""Candle and indicator tables: one header, one row per candle, oldest first."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.context.numbers import price_decimals
from llm_modules.context.tables import candle_table, indicator_table, indicator_text
from llm_modules.context.wording import context_phrases
from llm_modules.domain import Candles, TimeframeView
from llm_modules.market.indicators import compute
from market.made_candles import made_candles, real_candles, with_cell

ENGLISH = context_phrases("en")


def view_of(candles: Candles, *extra: str) -> TimeframeView:
    return TimeframeView(candles, compute(candles, extra))


def test_a_candle_table_holds_the_newest_rows_with_the_markets_precision() -> None:
    candles = made_candles(rows=60, ticks=121, step=1e-7)

    table = candle_table(view_of(candles), "candles", 4, price_decimals(1e-7), ENGLISH)

    assert (table.kind, table.title) == ("candles", "Candles 30m")
    assert table.header == "opened open high low close volume"
    assert [row.split()[0] for row in table.lines] == ["10:00", "10:30", "11:00", "11:30"]
    closes = [float(row.split()[4]) for row in table.lines]
    np.testing.assert_allclose(closes, candles.close[-4:])
    assert all(len(cell) == 9 for row in table.lines for cell in row.split()[1:5])


@pytest.mark.parametrize(("rows", "shown"), [(1, 1), (59, 59), (60, 60), (61, 60), (500, 60)])
def test_a_table_is_never_longer_than_the_candles(rows: int, shown: int) -> None:
    view = view_of(made_candles(rows=60))

    assert len(candle_table(view, "candles", rows, 3, ENGLISH).lines) == shown
    assert len(indicator_table(view, rows, ENGLISH).lines) == shown


@pytest.mark.parametrize(
    ("timeframe", "opened"), [("1h", "11:00"), ("4h", "08:00"), ("1d", "01-14"), ("1w", "01-08")]
)
def test_a_row_is_named_by_its_opening_hour_or_day(timeframe: str, opened: str) -> None:
    view = view_of(made_candles(timeframe, rows=1))

    table = candle_table(view, "timeframe_candles", 9, 3, ENGLISH)

    assert table.lines[0].split()[0] == opened


def test_the_indicator_table_leaves_out_what_can_be_subtracted() -> None:
    table = indicator_table(view_of(made_candles()), 3, ENGLISH)

    assert table.header.split() == [
        "opened", "ema_20", "ema_50", "rsi_14", "macd", "macd_hist", "atr_14", "adx_14", "mfi_14",
        "obv", "bb_upper", "bb_lower",
    ]  # fmt: skip
    assert {len(row.split()) for row in table.lines} == {12}


def test_extra_indicators_get_columns_of_their_own() -> None:
    table = indicator_table(view_of(made_candles(), "supertrend", "cci"), 2, ENGLISH)

    assert table.header.endswith(
        "supert_7_3.0 supertd_7_3.0 supertl_7_3.0 superts_7_3.0 cci_14_0.015"
    )


def test_values_in_the_table_are_the_newest_ones_rounded() -> None:
    view = view_of(made_candles(rows=100))

    table = indicator_table(view, 1, ENGLISH)

    cells = dict(zip(table.header.split(), table.lines[0].split(), strict=True))
    assert float(cells["rsi_14"]) == pytest.approx(view.latest("rsi_14"), abs=0.05)
    assert float(cells["ema_50"]) == pytest.approx(view.latest("ema_50"), rel=1e-4)
    assert float(cells["macd"]) == pytest.approx(view.latest("macd"), rel=1e-2)


def test_large_columns_are_shortened_and_name_their_unit() -> None:
    candles = made_candles()
    busy = replace(candles, volume=candles.volume * 1e6)

    candle_header = candle_table(view_of(busy), "candles", 3, 3, ENGLISH).header
    indicator_header = indicator_table(view_of(busy), 3, ENGLISH).header

    assert candle_header.endswith(" volume(M)")
    assert " obv(B) " in indicator_header


def test_warm_up_and_broken_numbers_are_dashes() -> None:
    young = indicator_table(view_of(made_candles(rows=19)), 2, ENGLISH)
    damaged = view_of(with_cell(made_candles(), "high", -1, math.inf))
    broken = candle_table(damaged, "candles", 1, 3, ENGLISH)

    assert young.lines[-1].split()[1:3] == ["-", "-"]
    assert broken.lines[0].split()[2] == "-"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("rsi_14", 55.234, "55.2"),
        ("ema_20", 87123.45, "87123"),
        ("ema_20", 0.0000121234, "0.000012123"),
        ("obv", -1234567.8, "-1234568"),
        ("cci_14_0.015", 123.456, "123.46"),
        ("adx_14", None, "-"),
    ],
)
def test_a_single_indicator_is_printed_as_in_the_table(
    name: str, value: float | None, text: str
) -> None:
    assert indicator_text(name, value) == text


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=3, max_size=3),
    st.sampled_from(["rsi_14", "obv", "ema_20", "anything"]),
)
def test_no_number_makes_a_table_break_its_shape(values: list[float], name: str) -> None:
    view = TimeframeView(made_candles(rows=3), {name: np.array(values)})

    table = indicator_table(view, 3, ENGLISH)

    for row in table.lines:
        cells = row.split(" ")
        assert len(cells) == 2
        assert cells[1] == "-" or math.isfinite(float(cells[1]))
        assert "e" not in cells[1]


@pytest.mark.parametrize("coin", ["BTC", "DOGE", "XRP"])
def test_distinct_real_closes_stay_distinct(coin: str) -> None:
    candles = real_candles(coin, "5m", rows=500)
    step = {"BTC": 0.1, "DOGE": 0.00001, "XRP": 0.0001}[coin]

    table = candle_table(view_of(candles), "candles", 500, price_decimals(step), ENGLISH)

    shown = {row.split()[4] for row in table.lines}
    assert len(shown) == len(set(candles.close.tolist()))

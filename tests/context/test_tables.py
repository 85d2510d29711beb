"""Tables of candles and indicators: one header, one row per candle, oldest first."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from context.scenes import RULES, a_context, a_snapshot
from llm_modules.config import CANDLE_COLUMNS, INDICATOR_COLUMNS, TABLE_COLUMNS
from llm_modules.context.blocks import Block
from llm_modules.context.numbers import price_decimals
from llm_modules.context.tables import Layout, history_table, timeframe_table
from llm_modules.context.wording import context_phrases
from llm_modules.domain import Candles, TimeframeView
from llm_modules.market.indicators import compute
from llm_modules.market.snapshot import build_snapshot
from market.made_candles import NOON, made_candles, real_candles, with_cell

ENGLISH = context_phrases("en")


def view_of(candles: Candles, *extra: str) -> TimeframeView:
    return TimeframeView(candles, compute(candles, extra))


def table_of(
    view: TimeframeView,
    candle_rows: int = 0,
    indicator_rows: int = 0,
    columns: Sequence[str] = TABLE_COLUMNS,
    decimals: int = 3,
) -> Block:
    return history_table(
        view, "candles", Layout(columns, candle_rows, indicator_rows), decimals, ENGLISH
    )


def test_a_table_of_candles_holds_the_newest_rows_with_the_markets_precision() -> None:
    candles = made_candles(rows=60, ticks=121, step=1e-7)

    table = table_of(view_of(candles), 4, decimals=price_decimals(1e-7))

    assert (table.kind, table.title) == ("candles", "Candles 30m")
    assert table.header == "opened open high low close volume"
    assert [row.split()[0] for row in table.lines] == ["10:00", "10:30", "11:00", "11:30"]
    closes = [float(row.split()[4]) for row in table.lines]
    np.testing.assert_allclose(closes, candles.close[-4:])
    assert all(len(cell) == 9 for row in table.lines for cell in row.split()[1:5])


@pytest.mark.parametrize(("rows", "shown"), [(1, 1), (59, 59), (60, 60), (61, 60), (500, 60)])
def test_a_table_is_never_longer_than_the_candles(rows: int, shown: int) -> None:
    view = view_of(made_candles(rows=60))

    assert len(table_of(view, rows).lines) == shown
    assert len(table_of(view, 0, rows).lines) == shown


@pytest.mark.parametrize(
    ("timeframe", "opened"), [("1h", "11:00"), ("4h", "08:00"), ("1d", "01-14"), ("1w", "01-08")]
)
def test_a_row_is_named_by_its_opening_hour_or_day(timeframe: str, opened: str) -> None:
    view = view_of(made_candles(timeframe, rows=1))

    assert table_of(view, 9).lines[0].split()[0] == opened


def test_the_configured_columns_are_shown_candles_first_each_in_the_order_asked_for() -> None:
    columns = ("rsi_14", "close", "low", "ema_20")

    table = table_of(view_of(made_candles()), 2, 2, columns)

    assert table.header == "opened close low rsi_14 ema_20"
    assert {len(row.split()) for row in table.lines} == {5}


def test_a_column_can_be_asked_for_by_every_name_that_is_computed() -> None:
    view = view_of(made_candles())

    assert set(INDICATOR_COLUMNS) == set(view.indicators)
    assert table_of(view, 1, 1).header.split() == ["opened", *CANDLE_COLUMNS, *INDICATOR_COLUMNS]


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("table_columns", ("close", "rsi")),
        ("table_columns", ("close", "close")),
        ("table_columns", ()),
        ("timeframe_columns", ("close",)),
        ("timeframe_columns", ("obv", "obv")),
    ],
)
def test_a_column_that_does_not_exist_or_stands_twice_is_refused(
    key: str, names: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError):
        a_context(**{key: names})


def test_no_column_at_all_may_be_told_of_the_timeframes() -> None:
    assert a_context(timeframe_columns=()).timeframe_columns == ()


def test_older_rows_lack_what_was_asked_for_in_fewer_rows() -> None:
    view, columns = view_of(made_candles()), ("close", "rsi_14")

    more_candles, more_indicators = table_of(view, 3, 1, columns), table_of(view, 1, 3, columns)

    assert [row.split()[2] == "-" for row in more_candles.lines] == [True, True, False]
    assert [row.split()[1] == "-" for row in more_indicators.lines] == [True, True, False]
    assert more_candles.lines[-1] == more_indicators.lines[-1]


def test_without_rows_of_a_kind_its_columns_are_left_out() -> None:
    view, columns = view_of(made_candles()), ("close", "rsi_14")

    assert table_of(view, 0, 2, columns).header == "opened rsi_14"
    assert table_of(view, 2, 0, columns).header == "opened close"
    assert table_of(view, 0, 2, ("close",)).lines == ()


def test_extra_indicators_get_columns_of_their_own() -> None:
    table = table_of(view_of(made_candles(), "supertrend", "cci"), 2, 2, ("close",))

    assert table.header == (
        "opened close supert_7_3.0 supertd_7_3.0 supertl_7_3.0 superts_7_3.0 cci_14_0.015"
    )


def test_values_in_the_table_are_the_newest_ones_rounded() -> None:
    view = view_of(made_candles(rows=100))

    table = table_of(view, 0, 1)

    cells = dict(zip(table.header.split(), table.lines[0].split(), strict=True))
    assert float(cells["rsi_14"]) == pytest.approx(view.latest("rsi_14"), abs=0.05)
    assert float(cells["ema_50"]) == pytest.approx(view.latest("ema_50"), rel=1e-4)
    assert float(cells["macd"]) == pytest.approx(view.latest("macd"), rel=1e-2)
    assert float(cells["macd_signal"]) == pytest.approx(view.latest("macd_signal"), rel=1e-2)


def test_large_columns_are_shortened_and_name_their_unit() -> None:
    candles = made_candles()
    busy = view_of(replace(candles, volume=candles.volume * 1e6))

    assert " volume(M) " in table_of(busy, 3, 3).header
    assert " obv(B) " in table_of(busy, 3, 3).header


def test_warm_up_and_broken_numbers_are_dashes() -> None:
    young = table_of(view_of(made_candles(rows=19)), 0, 2, ("ema_20", "ema_50"))
    damaged = view_of(with_cell(made_candles(), "high", -1, math.inf))

    assert young.lines[-1].split()[1:] == ["-", "-"]
    assert table_of(damaged, 1, 0, ("high", "low")).lines[0].split()[1] == "-"


# --- the other timeframes -----------------------------------------------------------------------


def test_each_informative_timeframe_has_a_row_the_longest_first() -> None:
    snapshot = a_snapshot()

    table = timeframe_table(snapshot, ("bb_lower",), ENGLISH)

    assert (table.kind, table.title) == ("timeframes", "Higher timeframes")
    assert table.header == "timeframe rsi adx ema_gap_pct bb_lower"
    assert [row.split()[0] for row in table.lines] == ["4h", "1h"]
    rsi, adx, gap, band = map(float, table.lines[0].split()[1:])
    facts = snapshot.facts
    assert (rsi, adx) == (round(facts["rsi_4h"], 1), round(facts["adx_4h"], 1))
    assert gap == pytest.approx(facts["ema_gap_pct_4h"], rel=0.01)
    assert band == pytest.approx(snapshot.informative[1].latest("bb_lower"), rel=1e-4)


def test_what_a_timeframe_does_not_know_yet_is_a_dash() -> None:
    frames = [made_candles(ticks=870_000, step=0.1), made_candles("4h", rows=30)]
    snapshot = build_snapshot("A/B:B", NOON, frames, RULES)

    (row,) = timeframe_table(snapshot, ("ema_20", "ema_50"), ENGLISH).lines

    cells = row.split()
    assert (cells[0], cells[3], cells[5]) == ("4h", "-", "-")
    assert cells[4] != "-"


def test_extra_indicators_are_told_of_the_other_timeframes_too() -> None:
    frames = [made_candles(), made_candles("1h")]
    snapshot = build_snapshot("A/B:B", NOON, frames, RULES, ("cci",))

    table = timeframe_table(snapshot, (), ENGLISH)

    assert table.header == "timeframe rsi adx ema_gap_pct cci_14_0.015"
    assert len(table.lines[0].split()) == 5


def test_without_informative_timeframes_the_table_has_no_rows() -> None:
    snapshot = build_snapshot("A/B:B", NOON, [made_candles()], RULES)

    assert timeframe_table(snapshot, ("bb_lower",), ENGLISH).lines == ()


# --- whatever comes -----------------------------------------------------------------------------


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=3, max_size=3),
    st.sampled_from(["rsi_14", "obv", "ema_20", "anything"]),
)
def test_no_number_makes_a_table_break_its_shape(values: list[float], name: str) -> None:
    view = TimeframeView(made_candles(rows=3), {name: np.array(values)})

    table = table_of(view, 0, 3)

    for row in table.lines:
        cells = row.split(" ")
        assert len(cells) == 2
        assert cells[1] == "-" or math.isfinite(float(cells[1]))
        assert "e" not in cells[1]


@pytest.mark.parametrize("coin", ["BTC", "DOGE", "XRP"])
def test_distinct_real_closes_stay_distinct(coin: str) -> None:
    candles = real_candles(coin, "5m", rows=500)
    step = {"BTC": 0.1, "DOGE": 0.00001, "XRP": 0.0001}[coin]

    table = table_of(view_of(candles), 500, decimals=price_decimals(step))

    shown = {row.split()[4] for row in table.lines}
    assert len(shown) == len(set(candles.close.tolist()))

"""TA-Lib indicators against pandas_ta, warm-up, and indicators by name."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pandas_ta
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_modules.domain import Candles
from llm_modules.errors import MarketDataError
from llm_modules.market import indicators
from llm_modules.market.extra_indicators import SAMPLE_CANDLES, output_columns
from llm_modules.market.indicators import INDICATORS, LateIndicators, compute, unknown_indicators
from market.made_candles import (
    COLUMNS,
    REAL_COINS,
    level_candles,
    made_candles,
    real_candles,
    rows_of,
)

NAMES = {
    "ema_20", "ema_50", "rsi_14", "macd", "macd_signal", "macd_hist", "atr_14", "adx_14", "mfi_14",
    "obv", "bb_upper", "bb_middle", "bb_lower",
}  # fmt: skip
FIRST_KNOWN = {
    "ema_20": 20, "ema_50": 50, "rsi_14": 15, "macd": 34, "macd_signal": 34, "macd_hist": 34,
    "atr_14": 15, "adx_14": 28, "mfi_14": 15, "obv": 1, "bb_upper": 20, "bb_middle": 20,
    "bb_lower": 20,
}  # fmt: skip
# With this pandas the first two fail, the third is silently wrong, the others need more input.
UNUSABLE = ("mcgd", "vidya", "ha", "long_run", "short_run", "tsignals", "xsignals")


def series(candles: Candles) -> dict[str, pd.Series]:
    return {name: pd.Series(getattr(candles, name)) for name in COLUMNS}


def by_pandas_ta(candles: Candles) -> dict[str, pd.Series]:
    of = series(candles)
    high, low, close, volume = of["high"], of["low"], of["close"], of["volume"]
    macd = pandas_ta.macd(close)
    bands = pandas_ta.bbands(close, length=20)
    return {
        "ema_20": pandas_ta.ema(close, length=20),
        "ema_50": pandas_ta.ema(close, length=50),
        "rsi_14": pandas_ta.rsi(close),
        "macd": macd["MACD_12_26_9"],
        "macd_signal": macd["MACDs_12_26_9"],
        "macd_hist": macd["MACDh_12_26_9"],
        "atr_14": pandas_ta.atr(high, low, close),
        "adx_14": pandas_ta.adx(high, low, close)["ADX_14"],
        "mfi_14": pandas_ta.mfi(high, low, close, volume),
        "obv": pandas_ta.obv(close, volume),
        "bb_upper": bands["BBU_20_2.0"],
        "bb_middle": bands["BBM_20_2.0"],
        "bb_lower": bands["BBL_20_2.0"],
    }


@pytest.mark.parametrize("coin", REAL_COINS)
@pytest.mark.parametrize("timeframe", ["5m", "1h"])
def test_talib_and_pandas_ta_agree_on_real_candles(coin: str, timeframe: str) -> None:
    candles = real_candles(coin, timeframe)

    ours, theirs = compute(candles), by_pandas_ta(candles)

    assert set(ours) == set(theirs) == NAMES
    for name, column in ours.items():
        # pandas_ta seeds the ADX differently; the newest hundred have forgotten it.
        newest = slice(-400 if name != "adx_14" else -100, None)
        expected = theirs[name].to_numpy(dtype=float)[newest]
        np.testing.assert_allclose(column[newest], expected, rtol=1e-9, atol=1e-9, err_msg=name)
        assert np.isfinite(column[newest]).all(), name


def test_the_table_names_every_indicator_once() -> None:
    names = [name for group, _ in INDICATORS for name in group]

    assert len(names) == len(set(names))
    assert set(names) == NAMES


@pytest.mark.parametrize(("name", "first"), FIRST_KNOWN.items())
def test_an_indicator_is_nan_until_it_has_warmed_up(name: str, first: int) -> None:
    column = compute(made_candles(rows=60))[name]

    assert np.isnan(column[: first - 1]).all()
    assert np.isfinite(column[first - 1 :]).all()


@pytest.mark.parametrize(("name", "first"), FIRST_KNOWN.items())
def test_short_input_gives_nan_up_to_the_last_missing_candle(name: str, first: int) -> None:
    below = compute(made_candles(rows=first - 1))[name]
    at = compute(made_candles(rows=first))[name]

    assert np.isnan(below).all()
    assert np.isfinite(at[-1])


@given(rows=st.integers(0, 70), extra=st.sampled_from(["supertrend", "vwap", "stoch", "ebsw"]))
@settings(max_examples=60, deadline=None)
def test_no_length_raises_and_every_column_is_as_long_as_the_candles(rows: int, extra: str) -> None:
    columns = compute(made_candles(rows=rows), [extra])

    assert set(columns) >= NAMES | set(output_columns(extra))
    assert {len(column) for column in columns.values()} == {rows}


def test_candles_that_never_move_raise_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        columns = compute(level_candles())

    assert columns["ema_20"][-1] == pytest.approx(100.0)


def test_inputs_are_left_as_they_were() -> None:
    candles, untouched = made_candles(), made_candles()

    compute(candles, ["vwap", "supertrend"])

    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(candles, name), getattr(untouched, name))


# --- indicators by name -------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Timestamp.dayofyear")
@pytest.mark.parametrize("name", ["cci", "willr", "supertrend", "stoch", "kdj", "cmf", "ad", "psl"])
def test_an_extra_indicator_equals_the_librarys_own_with_default_settings(name: str) -> None:
    candles = real_candles("ETH", "30m")
    frame = pd.DataFrame(series(candles))

    theirs = pd.DataFrame(getattr(frame.ta, name)()).reindex(frame.index)
    ours = compute(candles, [name])

    for label in theirs.columns:
        expected = theirs[label].to_numpy(dtype=float)
        np.testing.assert_allclose(ours[str(label).lower()], expected, err_msg=str(label))


def test_column_names_become_indicator_names_in_lower_case() -> None:
    columns = compute(made_candles(), ["bbands", "cci"])

    assert {"bbl_5_2.0", "bbm_5_2.0", "bbu_5_2.0", "cci_14_0.015"} <= set(columns)


def test_vwap_starts_anew_each_day_although_candles_carry_no_dates() -> None:
    candles = made_candles("30m", rows=100)

    vwap = compute(candles, ["vwap"])["vwap_d"]

    midnight = 100 - 24
    typical = (candles.high[midnight] + candles.low[midnight] + candles.close[midnight]) / 3
    assert vwap[midnight] == pytest.approx(typical)
    assert vwap[midnight - 1] != pytest.approx(
        (candles.high + candles.low + candles.close)[midnight - 1] / 3
    )


def test_ichimoku_gives_its_lines_so_far_and_nothing_of_the_future() -> None:
    whole = made_candles(rows=200)
    cut = rows_of(whole, slice(0, 150))

    later, then = compute(whole, ["ichimoku"]), compute(cut, ["ichimoku"])

    assert np.isfinite(then["isa_9"][-1])
    assert np.isnan(then["ics_26"][-26:]).all()
    np.testing.assert_array_equal(later["its_9"][:150], then["its_9"])


def test_where_names_collide_ours_stays() -> None:
    candles = made_candles()

    columns = compute(candles, ["rsi", "aobv"])

    np.testing.assert_array_equal(columns["obv"], compute(candles)["obv"])
    assert "obv_min_2" in columns


def test_an_unknown_name_is_reported_and_a_known_one_is_not() -> None:
    assert unknown_indicators(["cci", "nonsense", "vwap", "__init__", "Category"]) == (
        "nonsense",
        "__init__",
        "Category",
    )
    assert unknown_indicators([]) == ()


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_indicator_that_fails_or_is_wrong_with_this_pandas_is_refused(name: str) -> None:
    assert any(name in names for names in pandas_ta.Category.values())
    assert unknown_indicators([name]) == (name,)


def test_all_other_indicators_of_the_library_can_be_used() -> None:
    names = [name for group in pandas_ta.Category.values() for name in group]

    assert set(unknown_indicators(names)) == set(UNUSABLE)


def broken(**_: Any) -> None:
    raise TypeError("not today")


def test_a_library_failure_on_enough_candles_is_a_market_data_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert output_columns("cci") == ("cci_14_0.015",)
    monkeypatch.setattr(pandas_ta, "cci", broken)

    with pytest.raises(MarketDataError, match="'cci' on 30m candles: not today"):
        compute(made_candles(rows=SAMPLE_CANDLES), ["cci"])


def test_the_same_failure_on_fewer_candles_is_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output_columns("cci")
    monkeypatch.setattr(pandas_ta, "cci", broken)

    columns = compute(made_candles(rows=SAMPLE_CANDLES - 1), ["cci"])

    assert np.isnan(columns["cci_14_0.015"]).all()
    assert len(columns["cci_14_0.015"]) == SAMPLE_CANDLES - 1


def test_late_indicators_are_the_same_and_computed_once_when_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    candles, computed = made_candles(), list[Candles]()

    def counting(asked: Candles, extra: Any = ()) -> dict[str, Any]:
        computed.append(asked)
        return compute(asked, extra)

    monkeypatch.setattr(indicators, "compute", counting)
    late, at_once = LateIndicators(candles, ("cci",)), compute(candles, ("cci",))
    assert computed == []
    assert list(late) == list(at_once)
    assert len(late) == len(at_once)
    for name, column in at_once.items():
        np.testing.assert_array_equal(late[name], column)
    assert computed == [candles]
    with pytest.raises(KeyError):
        late["vwap"]

"""What a run may know is what Freqtrade loads, however much of it had to be made up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freqtrade.configuration import TimeRange
from freqtrade.data.history import get_datahandler, load_pair_history
from freqtrade.enums import CandleType
from freqtrade.exchange import timeframe_to_seconds
from pandas import DataFrame, date_range
from pandas.testing import assert_frame_equal

from llm_modules.backtest import loading

PAIR = "BTC/USDT:USDT"
MONDAY = datetime(2025, 12, 1, tzinfo=UTC)
ROWS = 60
ALL_TIME = TimeRange()


def frame_of(timeframe: str, first: datetime = MONDAY) -> DataFrame:
    step = timedelta(seconds=timeframe_to_seconds(timeframe))
    prices = [100.0 + row % 7 for row in range(ROWS)]
    return DataFrame(
        {
            "date": date_range(first, periods=ROWS, freq=step).as_unit("ms"),
            "open": prices,
            "high": [price + 2 for price in prices],
            "low": [price - 2 for price in prices],
            "close": [price + 1 for price in prices],
            "volume": [float(row) for row in range(ROWS)],
        }
    )


def stored(folder: Path, timeframe: str, frame: DataFrame) -> dict[str, Any]:
    (folder / "futures").mkdir()
    get_datahandler(folder, "feather").ohlcv_store(PAIR, timeframe, frame, CandleType.FUTURES)
    return {"datadir": folder, "data_format": "feather"}


def assert_as_freqtrade(files: dict[str, Any], timeframe: str) -> DataFrame:
    expected = load_pair_history(
        PAIR, timeframe, timerange=ALL_TIME, candle_type=CandleType.FUTURES, **files
    )
    found = loading._filled(PAIR, timeframe, ALL_TIME, files)
    assert_frame_equal(found, expected)
    return found


@pytest.mark.parametrize("timeframe", ["1m", "30m", "4h", "1d", "3d", "1w"])
def test_candles_without_a_hole_are_as_freqtrade_loads_them(tmp_path: Path, timeframe: str) -> None:
    files = stored(tmp_path, timeframe, frame_of(timeframe))
    assert len(assert_as_freqtrade(files, timeframe)) == ROWS


@pytest.mark.parametrize("timeframe", ["30m", "1d"])
def test_candles_without_a_hole_are_not_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeframe: str
) -> None:
    files = stored(tmp_path, timeframe, frame_of(timeframe))
    monkeypatch.delattr(loading, "ohlcv_fill_up_missing_data")
    assert len(loading._filled(PAIR, timeframe, ALL_TIME, files)) == ROWS


@pytest.mark.parametrize("absent", [[1], [30, 31, 32], [5, 58]])
def test_a_hole_is_filled(tmp_path: Path, absent: list[int]) -> None:
    files = stored(tmp_path, "30m", frame_of("30m").drop(index=absent))
    assert len(assert_as_freqtrade(files, "30m")) == ROWS


def test_a_candle_that_is_there_twice_hides_no_hole(tmp_path: Path) -> None:
    frame = frame_of("30m")
    frame.loc[7, "date"] = frame.loc[6, "date"]
    files = stored(tmp_path, "30m", frame)
    assert len(assert_as_freqtrade(files, "30m")) == ROWS


@pytest.mark.parametrize("late", [timedelta(minutes=7), timedelta(milliseconds=20)])
def test_candles_that_open_between_two_are_put_where_freqtrade_puts_them(
    tmp_path: Path, late: timedelta
) -> None:
    files = stored(tmp_path, "30m", frame_of("30m", MONDAY + late))
    assert assert_as_freqtrade(files, "30m")["date"].iloc[0] == MONDAY


@pytest.mark.parametrize("column", ["open", "close", "volume"])
def test_what_is_no_number_is_filled(tmp_path: Path, column: str) -> None:
    frame = frame_of("30m")
    frame.loc[9, column] = float("nan")
    files = stored(tmp_path, "30m", frame)
    assert assert_as_freqtrade(files, "30m")[column].notna().all()


def test_a_week_begins_where_freqtrade_lets_it_begin(tmp_path: Path) -> None:
    files = stored(tmp_path, "1w", frame_of("1w", MONDAY + timedelta(days=3)))
    assert_as_freqtrade(files, "1w")


def test_a_pair_without_candles_is_empty(tmp_path: Path) -> None:
    files = {"datadir": tmp_path, "data_format": "feather"}
    assert loading._filled(PAIR, "30m", ALL_TIME, files).empty

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import CandleType
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_modules.backtest.coarser_candles import (
    Made,
    aggregated,
    data_format_of,
    make_coarser,
    open_times,
)
from recorded_files import BTC, ETH, START, candles, read, write


def made(datadir: Path, *timeframes: str, data_format: str = "feather") -> tuple[Made, ...]:
    return make_coarser(datadir, (BTC,), timeframes, data_format)


def bytes_of(datadir: Path, name: str) -> bytes:
    return (datadir / "futures" / name).read_bytes()


def test_a_coarser_candle_opens_closes_and_reaches_as_its_parts_do() -> None:
    coarse = aggregated(candles("5m", 12), "5m", "30m")
    assert coarse["date"].tolist() == [
        pd.Timestamp(START),
        pd.Timestamp(START) + pd.Timedelta("30m"),
    ]
    assert coarse["open"].tolist() == [100, 106]
    assert coarse["close"].tolist() == [106, 112]
    assert coarse["high"].tolist() == [106.5, 112.5]
    assert coarse["low"].tolist() == [99.5, 105.5]
    assert coarse["volume"].tolist() == [21, 57]


@pytest.mark.parametrize(("rows", "whole"), [(5, 0), (6, 1), (7, 1), (11, 1), (12, 2)])
def test_a_candle_that_is_not_over_is_not_made(rows: int, whole: int) -> None:
    assert len(aggregated(candles("5m", rows), "5m", "30m")) == whole


def test_a_candle_that_lacks_a_part_in_its_middle_is_not_invented() -> None:
    holed = candles("5m", 18).drop(index=8)
    coarse = aggregated(holed, "5m", "30m")
    assert coarse["open"].tolist() == [100, 112]


def test_candles_begin_at_whole_multiples_since_midnight() -> None:
    late = candles("5m", 60, START + timedelta(minutes=5))
    assert (
        aggregated(late, "5m", "4h")["date"].tolist()
        == [pd.Timestamp(START + timedelta(hours=4))][:0]
    )
    assert aggregated(late, "5m", "1h")["date"].iloc[0] == pd.Timestamp(START + timedelta(hours=1))


def test_a_week_begins_on_monday() -> None:
    weeks = aggregated(candles("1d", 18), "1d", "1w")
    assert weeks["date"].tolist() == [
        pd.Timestamp("2026-01-05", tz=UTC),
        pd.Timestamp("2026-01-12", tz=UTC),
    ]
    assert weeks["open"].tolist() == [104, 111]


@given(st.integers(0, 200), st.integers(1, 400))
@settings(max_examples=30, deadline=None)
def test_whatever_is_joined_in_two_steps_is_what_is_joined_in_one(late: int, rows: int) -> None:
    fine = candles("5m", rows, START + timedelta(minutes=5 * late))
    half_hours = aggregated(fine, "5m", "30m")
    in_two = aggregated(half_hours, "30m", "4h")
    in_one = aggregated(fine, "5m", "4h")
    assert in_two["date"].tolist() == in_one["date"].tolist()
    assert np.allclose(in_two.drop(columns="date"), in_one.drop(columns="date"))


def test_an_empty_file_has_no_times() -> None:
    assert len(open_times(candles("5m", 0))) == 0


@pytest.mark.parametrize("data_format", ["feather", "parquet", "json", "jsongz"])
def test_what_is_made_is_an_ordinary_file_of_any_format(tmp_path: Path, data_format: str) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 300), data_format=data_format)
    assert made(tmp_path, "30m", "1d", data_format=data_format) == (
        Made(BTC, "30m", "5m", 50),
        Made(BTC, "1d", "5m", 1),
    )
    frame = read(tmp_path, BTC, "30m", data_format=data_format)
    assert frame["volume"].tolist()[:2] == [21, 57]
    assert made(tmp_path, "30m", "1d", data_format=data_format) == ()


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    made(tmp_path, "1h")
    assert [path.name for path in tmp_path.iterdir()] == ["futures"]
    assert sorted(path.name for path in (tmp_path / "futures").iterdir()) == [
        "BTC_USDT_USDT-1h-futures.feather",
        "BTC_USDT_USDT-5m-futures.feather",
    ]


def test_a_file_that_covers_the_finer_one_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    write(tmp_path, BTC, "1h", candles("1h", 24, price=5.0))
    before = bytes_of(tmp_path, "BTC_USDT_USDT-1h-futures.feather")
    assert made(tmp_path, "1h") == ()
    assert bytes_of(tmp_path, "BTC_USDT_USDT-1h-futures.feather") == before


def test_a_file_with_other_prices_is_never_extended(tmp_path: Path) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    write(tmp_path, BTC, "1h", candles("1h", 3, price=5.0))
    assert made(tmp_path, "1h") == ()
    assert len(read(tmp_path, BTC, "1h")) == 3


def test_a_file_that_reaches_back_before_the_finer_one_is_never_extended(tmp_path: Path) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    write(tmp_path, BTC, "1h", candles("1h", 10, START - timedelta(hours=8)))
    assert made(tmp_path, "1h") == ()
    assert len(read(tmp_path, BTC, "1h")) == 10


@pytest.mark.parametrize("content", [b"", b"ARROW1 and then a full disk"])
def test_a_broken_file_is_left_to_its_owner(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    broken = tmp_path / "futures" / "BTC_USDT_USDT-1h-futures.feather"
    broken.write_bytes(content)
    assert made(tmp_path, "1h") == ()
    assert broken.read_bytes() == content


def test_a_broken_finer_file_makes_nothing(tmp_path: Path) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    (tmp_path / "futures" / "BTC_USDT_USDT-5m-futures.feather").write_bytes(b"broken")
    assert made(tmp_path, "1h") == ()


def test_a_file_made_before_grows_with_the_finer_one(tmp_path: Path) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    made(tmp_path, "1h")
    kept = read(tmp_path, BTC, "1h")
    write(tmp_path, BTC, "5m", candles("5m", 2 * 288))
    assert made(tmp_path, "1h") == (Made(BTC, "1h", "5m", 24),)
    grown = read(tmp_path, BTC, "1h")
    assert len(grown) == 48
    pd.testing.assert_frame_equal(grown.iloc[:24], kept)


def test_a_finer_file_that_lost_its_beginning_costs_the_coarser_one_nothing(tmp_path: Path) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    made(tmp_path, "1h")
    write(tmp_path, BTC, "5m", candles("5m", 2 * 288).iloc[144:])
    assert made(tmp_path, "1h") == ()
    assert len(read(tmp_path, BTC, "1h")) == 24


def test_what_was_fetched_before_the_first_candle_is_made_too(tmp_path: Path) -> None:
    whole = candles("5m", 2 * 288)
    write(tmp_path, BTC, "5m", whole.iloc[288:])
    made(tmp_path, "1h")
    write(tmp_path, BTC, "5m", whole)
    assert made(tmp_path, "1h") == (Made(BTC, "1h", "5m", 24),)
    # As it lies on the disk: Freqtrade's reading would sort it.
    stored = pd.read_feather(tmp_path / "futures" / "BTC_USDT_USDT-1h-futures.feather")
    assert stored["date"].is_monotonic_increasing
    assert len(stored) == 48


def test_the_file_that_reaches_farthest_is_the_source(tmp_path: Path) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    write(tmp_path, BTC, "1h", candles("1h", 30 * 24))
    assert made(tmp_path, "1d") == (Made(BTC, "1d", "1h", 30),)


@pytest.mark.parametrize("timeframe", ["5m", "3m", "3d", "1M"])
def test_what_no_whole_parts_make_is_not_made(tmp_path: Path, timeframe: str) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 40 * 288))
    assert made(tmp_path, timeframe) == ()


def test_marks_are_no_candles(tmp_path: Path) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288), CandleType.MARK)
    assert made(tmp_path, "1h") == ()


def test_each_pair_has_its_own_files_and_a_pair_named_twice_is_made_once(tmp_path: Path) -> None:
    for pair in (BTC, ETH):
        write(tmp_path, pair, "5m", candles("5m", 288))
    pairs = (BTC, ETH, BTC)
    assert [one.pair for one in make_coarser(tmp_path, pairs, ("1h",), "feather")] == [BTC, ETH]


def test_freqtrade_s_own_format_is_used_where_none_is_configured() -> None:
    assert data_format_of({}) == "feather"
    assert data_format_of({"dataformat_ohlcv": "parquet"}) == "parquet"


def test_a_file_keeps_its_old_self_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    made(tmp_path, "1h")
    before = bytes_of(tmp_path, "BTC_USDT_USDT-1h-futures.feather")
    write(tmp_path, BTC, "5m", candles("5m", 2 * 288))

    def full_disk(self: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        made(tmp_path, "1h")
    assert bytes_of(tmp_path, "BTC_USDT_USDT-1h-futures.feather") == before
    assert [path.name for path in tmp_path.iterdir()] == ["futures"]


def test_the_moment_of_the_first_candle_does_not_matter_to_a_day() -> None:
    noon = candles("1h", 40, datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert aggregated(noon, "1h", "1d")["date"].tolist() == [pd.Timestamp("2026-01-02", tz=UTC)]

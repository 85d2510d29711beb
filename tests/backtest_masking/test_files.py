from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from freqtrade.enums import CandleType

from llm_modules.backtest.coarser_candles import open_times
from llm_modules.backtest.masking.disguise import Disguise
from llm_modules.backtest.masking.files import MEAN_VOLUME, CandleFolder
from llm_modules.errors import BacktestError
from recorded_files import BTC, ETH, START, candles, rates, read, write

SHIFT = timedelta(weeks=1305)
NAME = "B/USDT:USDT"
DISGUISE = Disguise({BTC: NAME}, {BTC: Decimal("1.25")}, {BTC: 10.0}, SHIFT)
DAY = timedelta(days=1)


def folder(datadir: Path, timerange: str | None = None, **config: Any) -> CandleFolder:
    return CandleFolder({"datadir": datadir, "timeframe": "1h", "timerange": timerange} | config)


def dressed(tmp_path: Path, timerange: str | None = None) -> Path:
    target = tmp_path / "masked"
    folder(tmp_path / "real", timerange).write_masked(DISGUISE, target)
    return target


def test_candles_are_renamed_scaled_and_dated_back(tmp_path: Path) -> None:
    write(tmp_path / "real", BTC, "1h", candles("1h", 48))
    masked = read(dressed(tmp_path), NAME, "1h")
    assert len(masked) == 48
    assert masked["date"].iloc[0] == START - SHIFT
    assert masked["open"].iloc[:2].tolist() == [125.0, 126.25]
    assert masked["high"].iloc[0] == 126.875
    assert masked["low"].iloc[0] == 124.375
    assert masked["close"].iloc[0] == 126.25
    assert masked["volume"].iloc[:2].tolist() == [10.0, 20.0]


def test_prices_have_no_more_digits_than_they_need(tmp_path: Path) -> None:
    write(tmp_path / "real", BTC, "1h", candles("1h", 300, price=90_000.1))
    finely = replace(DISGUISE, factors={BTC: Decimal("0.0016")})
    folder(tmp_path / "real").write_masked(finely, tmp_path / "masked")
    masked = read(tmp_path / "masked", NAME, "1h")
    # Ticks of 0.1 times 0.0016: five decimals. Floats alone would make 144.00176000000002 of one.
    assert all(len(repr(price)) <= len("144.00016") for price in masked["close"].tolist())


def test_marks_are_scaled_as_prices_are_and_rates_stay(tmp_path: Path) -> None:
    write(tmp_path / "real", BTC, "1h", candles("1h", 48), CandleType.MARK)
    write(tmp_path / "real", BTC, "1h", rates(6), CandleType.FUNDING_RATE)
    target = dressed(tmp_path)
    assert read(target, NAME, "1h", CandleType.MARK)["open"].iloc[0] == 125.0
    paid = read(target, NAME, "1h", CandleType.FUNDING_RATE)
    assert paid["funding_rate"].tolist() == [0.0001] * 6
    assert paid["date"].iloc[0] == START - SHIFT
    assert open_times(paid).tolist() == [977961600 + 28800 * place for place in range(6)]


def test_no_file_carries_a_real_name_or_another_pair(tmp_path: Path) -> None:
    for pair in (BTC, ETH):
        write(tmp_path / "real", pair, "1h", candles("1h", 48))
    names = [path.name for path in dressed(tmp_path).rglob("*.feather")]
    assert names == ["B_USDT_USDT-1h-futures.feather"]


def test_months_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "real", BTC, "1M", candles("1d", 3))
    assert list(dressed(tmp_path).rglob("*.feather")) == []


def test_only_what_the_run_and_its_warm_up_see_is_written(tmp_path: Path) -> None:
    write(tmp_path / "real", BTC, "1h", candles("1h", 40 * 24))
    # The 30th to the 32nd day: 600 hours are 25 days.
    masked = read(dressed(tmp_path, "20260131-20260202"), NAME, "1h")
    begin = START + 5 * DAY - SHIFT
    assert masked["date"].iloc[0] == begin
    assert masked["date"].iloc[-1] == START + 32 * DAY - SHIFT


def test_the_run_begins_at_its_first_candle(tmp_path: Path) -> None:
    write(tmp_path, BTC, "1h", candles("1h", 48))
    assert folder(tmp_path).before(BTC)[:2] == (START, 101.0)
    at, price, _ = folder(tmp_path, "20260102-").before(BTC)
    assert (at, price) == (START + DAY, 125.0)


def test_the_volume_is_that_of_the_warm_up_and_never_of_the_run(tmp_path: Path) -> None:
    frame = candles("1h", 48)
    write(tmp_path, BTC, "1h", frame)
    known = folder(tmp_path, "20260102-").before(BTC)[2]
    assert known == np.mean(np.arange(25) + 1)
    write(
        tmp_path, BTC, "1h", frame.assign(volume=np.where(np.arange(48) > 24, 1e9, frame["volume"]))
    )
    assert folder(tmp_path, "20260102-").before(BTC)[2] == known
    assert MEAN_VOLUME / known * known == pytest.approx(MEAN_VOLUME)


def test_without_a_warm_up_the_first_candle_tells_the_volume(tmp_path: Path) -> None:
    write(tmp_path, BTC, "1h", candles("1h", 48))
    assert folder(tmp_path).before(BTC)[2] == 1.0


@pytest.mark.parametrize("timerange", [None, "20270101-"])
def test_a_pair_without_candles_is_named(tmp_path: Path, timerange: str | None) -> None:
    (tmp_path / "futures").mkdir()
    if timerange:
        write(tmp_path, BTC, "1h", candles("1h", 48))
    with pytest.raises(BacktestError, match=r"no 1h candles of BTC/USDT:USDT.*fetch them"):
        folder(tmp_path, timerange).before(BTC)


@pytest.mark.parametrize("data_format", ["feather", "parquet", "json"])
def test_the_copy_is_in_the_format_of_the_original(tmp_path: Path, data_format: str) -> None:
    write(tmp_path / "real", BTC, "1h", candles("1h", 4), data_format=data_format)
    target = tmp_path / "masked"
    folder(tmp_path / "real", dataformat_ohlcv=data_format).write_masked(DISGUISE, target)
    assert len(read(target, NAME, "1h", data_format=data_format)) == 4


def test_a_masked_monday_is_a_monday(tmp_path: Path) -> None:
    write(
        tmp_path / "real", BTC, "1w", candles("1w", 5, datetime.fromisoformat("2026-01-05T00:00Z"))
    )
    masked = read(dressed(tmp_path), NAME, "1w")
    assert {date.weekday() for date in masked["date"]} == {0}

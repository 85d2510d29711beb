"""Freqtrade's candle files with prices a test can foresee."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from freqtrade.exchange import timeframe_to_seconds

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
# A Thursday.
START = datetime(2026, 1, 1, tzinfo=UTC)


def candles(
    timeframe: str, rows: int, start: datetime = START, price: float = 100.0
) -> pd.DataFrame:
    """Candles whose prices climb by one; each reaches half above its close and half below."""
    seconds = timeframe_to_seconds(timeframe)
    dates = pd.to_datetime(int(start.timestamp()) + seconds * np.arange(rows), unit="s", utc=True)
    opened = price + np.arange(rows, dtype=np.float64)
    return pd.DataFrame(
        {
            "date": dates,
            "open": opened,
            "high": opened + 1.5,
            "low": opened - 0.5,
            "close": opened + 1.0,
            "volume": np.arange(rows, dtype=np.float64) + 1.0,
        }
    )


def rates(rows: int, start: datetime = START, hours: int = 8) -> pd.DataFrame:
    """Funding rates, paid every few hours, as Freqtrade keeps them."""
    dates = pd.to_datetime(
        int(start.timestamp()) + 3600 * hours * np.arange(rows), unit="s", utc=True
    )
    return pd.DataFrame({"date": dates, "funding_rate": np.full(rows, 0.0001)})


def write(
    datadir: Path,
    pair: str,
    timeframe: str,
    frame: pd.DataFrame,
    kind: CandleType = CandleType.FUTURES,
    data_format: str = "feather",
) -> None:
    (datadir / "futures").mkdir(parents=True, exist_ok=True)
    get_datahandler(datadir, data_format).ohlcv_store(pair, timeframe, frame, kind)


def read(
    datadir: Path,
    pair: str,
    timeframe: str,
    kind: CandleType = CandleType.FUTURES,
    data_format: str = "feather",
) -> pd.DataFrame:
    frame: pd.DataFrame = get_datahandler(datadir, data_format).ohlcv_load(
        pair, timeframe, kind, fill_missing=False, warn_no_data=False
    )
    return frame


def whole_market(datadir: Path, pairs: tuple[str, ...] = (BTC,), days: int = 4) -> None:
    """Five-minute candles, marks and rates of some days."""
    for pair in pairs:
        write(datadir, pair, "5m", candles("5m", days * 288))
        write(datadir, pair, "1h", candles("1h", days * 24), CandleType.MARK)
        write(datadir, pair, "1h", rates(days * 3), CandleType.FUNDING_RATE)

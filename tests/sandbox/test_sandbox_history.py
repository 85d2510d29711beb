"""The recorded market is read as it is, and a damaged record is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llm_modules.errors import UserError
from llm_modules.sandbox.contracts import CONTRACTS, Contract
from llm_modules.sandbox.history import load_history

DATA_DIR = Path(__file__).parents[2] / "user_data" / "data"
BTC, DOGE = CONTRACTS[0], CONTRACTS[4]


def write_pair(folder: Path, minutes: list[int], rates: list[float]) -> Path:
    """Write a BTC record whose candles open at the given minutes; return the data folder."""
    futures = folder / "binance" / "futures"
    futures.mkdir(parents=True)
    candles = pd.DataFrame(
        {
            "date": pd.to_datetime([minute * 60 for minute in minutes], unit="s", utc=True),
            "open": [100.1] * len(minutes),
            "high": [100.4] * len(minutes),
            "low": [99.9] * len(minutes),
            "close": [100.2] * len(minutes),
            "volume": [1.234] * len(minutes),
        }
    )
    candles.to_feather(futures / "BTC_USDT_USDT-5m-futures.feather")
    fundings = pd.DataFrame({"open": np.array(rates, dtype=float)})
    fundings.to_feather(futures / "BTC_USDT_USDT-1h-funding_rate.feather")
    return folder


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.base)
def test_the_sample_is_sixty_days_and_every_price_is_a_whole_number_of_ticks(
    contract: Contract,
) -> None:
    path = DATA_DIR / "binance" / "futures" / f"{contract.file_stem}-5m-futures.feather"
    frame = pd.read_feather(path)

    history = load_history(DATA_DIR, contract)

    assert len(history.candles) == 17_359
    assert len(history.funding_rates) == 180
    candles = history.candles
    for name, ticks in (("open", candles.open), ("high", candles.high), ("low", candles.low)):
        assert ticks / 10**contract.price_decimals == pytest.approx(frame[name], rel=1e-12)
    lots = candles.volume / 10**contract.quantity_decimals
    assert lots == pytest.approx(frame["volume"], rel=1e-9)


def test_times_are_milliseconds_and_prices_are_ticks(tmp_path: Path) -> None:
    history = load_history(write_pair(tmp_path, [0, 5, 10], [0.0001, -0.0002]), BTC)

    assert history.candles.open_times.tolist() == [0, 300_000, 600_000]
    assert history.candles.open.tolist() == [1001] * 3
    assert history.candles.close.tolist() == [1002] * 3
    assert history.candles.volume.tolist() == [1234] * 3
    assert history.funding_rates.tolist() == [0.0001, -0.0002]


@pytest.mark.parametrize("minutes", [[], [0, 10], [0, 5, 5], [5, 0]])
def test_candles_with_gaps_or_without_rows_are_refused(tmp_path: Path, minutes: list[int]) -> None:
    with pytest.raises(UserError, match="empty or has gaps"):
        load_history(write_pair(tmp_path, minutes, [0.0001]), BTC)


def test_no_funding_rate_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"funding_rate\.feather is empty"):
        load_history(write_pair(tmp_path, [0, 5], []), BTC)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"DOGE_USDT_USDT-5m-futures\.feather cannot be read"):
        load_history(tmp_path, DOGE)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = write_pair(tmp_path, [0, 5], [0.0001])
    damaged = folder / "binance" / "futures" / "BTC_USDT_USDT-5m-futures.feather"
    damaged.write_bytes(damaged.read_bytes()[:-20])

    with pytest.raises(UserError, match=r"BTC_USDT_USDT-5m-futures\.feather cannot be read"):
        load_history(folder, BTC)


def test_contracts_write_prices_and_quantities_with_their_own_decimals() -> None:
    assert (BTC.symbol, BTC.pair, BTC.file_stem) == ("BTCUSDT", "BTC/USDT:USDT", "BTC_USDT_USDT")
    assert (BTC.price_text(873_210), BTC.quantity_text(5)) == ("87321.0", "0.005")
    assert (DOGE.price_text(12_204), DOGE.quantity_text(7)) == ("0.12204", "7")
    assert (BTC.price(15), BTC.quantity(1500)) == (1.5, 1.5)

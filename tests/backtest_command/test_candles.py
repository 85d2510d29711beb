import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from llm_modules.backtest.candle_files import Gap, Missing, Prepared, Wanted
from llm_modules.backtest.command import candles as room
from llm_modules.backtest.command.basis import Basis, opened
from llm_modules.backtest.command.candles import STARTUP_CANDLES, Found, looked, window_of
from llm_modules.backtest.command.freqtrade_config import Window
from llm_modules.backtest.command.options import BacktestOptions, Dates
from llm_modules.backtest.crew import Tell
from llm_modules.errors import UserError
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

CANDLE = timedelta(minutes=30)
BEGUN = datetime(2025, 11, 30, tzinfo=UTC)
SERVER = {
    "FREQTRADE__LLM_CONFIG__API_BASE": "http://127.0.0.1:9/v1",
    "FREQTRADE__LLM_CONFIG__MODEL": "mine",
}


def day(number: int, month: int = 1) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


def nobody(_basis: Basis, _wanted: Wanted, _missing: Sequence[Missing]) -> None:
    raise AssertionError("nothing may be downloaded")


@pytest.fixture
def basis(session: Session) -> Basis:
    return opened(session, BacktestOptions(pairs=("ETH/USDT:USDT", "XRP/USDT:USDT")))


def window(basis: Basis, dates: Dates, tmp_path: Path, said: list[str] | None = None) -> Window:
    say = said.append if said is not None else lambda _: None
    return window_of(basis, dates, tmp_path / "log", nobody, say)


def test_a_span_that_is_there_is_played_as_asked(basis: Basis, tmp_path: Path) -> None:
    found = window(basis, Dates(day(10), day(12)), tmp_path)
    assert (found.start, found.end) == (day(10), day(12))
    assert found.datadir == basis.places.user_data / "data" / "binance"


def test_without_a_range_everything_is_played_after_the_warm_up(
    basis: Basis, tmp_path: Path
) -> None:
    found = window(basis, Dates(), tmp_path)
    assert found.start == BEGUN + CANDLE * STARTUP_CANDLES
    # Candles go on for hours, but prices to fund positions by end there.
    assert found.end == day(29)


def test_the_warm_up_is_what_the_strategy_wants() -> None:
    text = (SHIPPED_USER_DATA / "strategies" / "LLMFunctionStrategy.py").read_text(encoding="utf-8")
    assert f"startup_candle_count = {STARTUP_CANDLES}\n" in text


def test_a_range_that_begins_with_the_candles_begins_later(basis: Basis, tmp_path: Path) -> None:
    found = window(basis, Dates(BEGUN, day(12)), tmp_path)
    assert found.start == BEGUN + CANDLE * STARTUP_CANDLES


def test_a_sandbox_without_candles_has_a_copy_of_the_shipped(basis: Basis, tmp_path: Path) -> None:
    window(basis, Dates(day(10), day(12)), tmp_path)
    own = basis.places.user_data / "data" / "binance" / "futures"
    assert (own / "ETH_USDT_USDT-5m-futures.feather").is_file()
    assert (own / "ETH_USDT_USDT-4h-futures.feather").is_file()
    shipped = SHIPPED_USER_DATA / "data" / "binance" / "futures"
    assert not own.samefile(shipped)


def test_what_is_missing_is_named_and_nothing_is_downloaded_in_the_sandbox(
    basis: Basis, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        window(basis, Dates(day(1, 3), day(2, 3)), tmp_path)
    text = str(caught.value)
    assert "candles are missing:" in text
    assert "ETH/USDT:USDT 30m (futures): 2026-03-01 to 2026-03-02" in text
    assert "Candles of all pairs open from 2025-11-30 00:00 to 2026-01-29 06:00." in text
    assert text.endswith("Choose another --timerange or other --pairs")


def test_a_pair_nobody_recorded_is_named(session: Session, tmp_path: Path) -> None:
    basis = opened(session, BacktestOptions(pairs=("PEPE/USDT:USDT",)))
    with pytest.raises(UserError, match=r"PEPE/USDT:USDT 30m \(futures\): the beginning to now"):
        window(basis, Dates(), tmp_path)


def test_what_is_missing_is_downloaded_outside_the_sandbox(
    session: Session, tmp_path: Path
) -> None:
    shutil.copytree(
        SHIPPED_USER_DATA / "data", session.places.user_data / "data", dirs_exist_ok=True
    )
    session = Session(session.places, {**session.environment, **SERVER}, Screen())
    basis = opened(session, BacktestOptions(pairs=("SOL/USDT:USDT",)))
    files = session.places.user_data / "data" / "binance" / "futures"
    away = tmp_path / "away.feather"
    file = files / "SOL_USDT_USDT-5m-futures.feather"
    for coarser in files.glob("SOL_USDT_USDT-*-futures.feather"):
        if coarser != file:
            coarser.unlink()
    file.rename(away)
    asked: list[Missing] = []

    def download(_basis: Basis, wanted: Wanted, missing: Sequence[Missing]) -> None:
        assert wanted.pairs == ("SOL/USDT:USDT",)
        asked.extend(missing)
        away.rename(file)

    said: list[str] = []
    dates = Dates(day(10), day(12))
    found = window_of(basis, dates, tmp_path / "log", download, said.append)
    assert (found.start, found.end) == (day(10), day(12))
    assert {one.timeframe for one in asked} == {"30m", "1h", "4h", "1d"}
    assert said == ["Candles are missing; Freqtrade downloads them:"]


def test_too_short_a_span_is_told_with_what_there_is(basis: Basis, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing can be played: .* from 2025-11-30 00:00 to 2026"):
        window(basis, Dates(BEGUN, BEGUN + timedelta(days=1)), tmp_path)


def test_holes_are_told(basis: Basis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gap = Gap("ETH/USDT:USDT", "30m", "futures", 7, day(11))

    def with_a_hole(wanted: Wanted, tell: Tell) -> Found:
        found = looked(wanted, tell)
        whole = found.prepared
        prepared = Prepared(whole.start, whole.end, whole.missing, (gap,))
        return Found(prepared, found.first, found.last)

    monkeypatch.setattr(room, "looked", with_a_hole)
    said: list[str] = []
    window(basis, Dates(day(10), day(12)), tmp_path, said)
    assert said == ["ETH/USDT:USDT 30m: 7 candles are missing from 2026-01-11 on"]


def test_pairs_that_share_no_time_are_told(
    basis: Basis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = Prepared(None, None, (), ())
    monkeypatch.setattr(room, "prepare", lambda wanted: apart)
    with pytest.raises(UserError, match="no candles that all pairs have at the same time"):
        window(basis, Dates(), tmp_path)


def test_of_many_missing_files_a_few_are_named(
    basis: Basis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tuple(Missing(f"P{number}", "30m", None, None) for number in range(15))
    monkeypatch.setattr(room, "prepare", lambda wanted: Prepared(None, None, many, ()))
    with pytest.raises(UserError, match=r"(?s)P0 .*P11 .*and 3 more") as caught:
        window(basis, Dates(), tmp_path)
    assert "P12" not in str(caught.value)


def test_what_is_looked_at_tells_when_candles_open(basis: Basis, tmp_path: Path) -> None:
    window(basis, Dates(day(10), day(12)), tmp_path)
    datadir = basis.places.user_data / "data" / "binance"
    wanted = Wanted(datadir, basis.pairs, basis.timeframes, day(10), day(12))
    found = looked(wanted, lambda _: None)
    file = datadir / "futures" / "XRP_USDT_USDT-30m-futures.feather"
    dates = pd.read_feather(file)["date"]
    assert (found.first, found.last) == (dates.iloc[0], dates.iloc[-1])
    assert type(found.first) is datetime
    nothing = looked(Wanted(tmp_path, basis.pairs, basis.timeframes, None, None), partial(print))
    assert (nothing.first, nothing.last) == (None, None)

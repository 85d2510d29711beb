import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_modules.backtest.command.basis import Basis, opened
from llm_modules.backtest.command.freqtrade_config import (
    Window,
    adopt,
    freqtrade_config,
    make_folders,
    public,
)
from llm_modules.backtest.command.options import BacktestOptions
from llm_modules.backtest.settings import SETTINGS_KEY, BacktestSettings
from llm_modules.errors import ConfigError
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

WINDOW = Window(
    Path("/candles"), datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 1, 12, 0, 30, tzinfo=UTC)
)
BLOCK = BacktestSettings(folder="/run", tape="/tape.sqlite", tape_mode="record")
SERVER = {"FREQTRADE__LLM_CONFIG__API_BASE": "http://127.0.0.1:9/v1"}
SECRETS = {
    "FREQTRADE__EXCHANGE__KEY": "canary-one",
    "FREQTRADE__EXCHANGE__SECRET": "canary-two",
    "FREQTRADE__API_SERVER__PASSWORD": "canary-three",
    "FREQTRADE__TELEGRAM__TOKEN": "canary-four",
    "FREQTRADE__TELEGRAM__CHAT_ID": "canary-five",
    "LLM_API_KEY": "canary-six",
}


def basis_of(session: Session, **options: object) -> Basis:
    return opened(session, BacktestOptions(**options))  # type: ignore[arg-type]


def test_a_run_has_the_merged_settings_and_its_own_block(session: Session, tmp_path: Path) -> None:
    basis = basis_of(session, pairs=("ETH/USDT:USDT",), timeframe="1h", wallet=5.5)
    config = freqtrade_config(basis, WINDOW, BLOCK, tmp_path / "results")
    assert config["exchange"]["pair_whitelist"] == ["ETH/USDT:USDT"]
    assert (config["timeframe"], config["dry_run_wallet"]) == ("1h", 5.5)
    assert config["timerange"] == "1768003200-1768177800"
    assert config["pairlists"] == [{"method": "StaticPairList"}]
    assert config["enable_protections"] is True
    assert config["backtest_cache"] == "none"
    assert config[SETTINGS_KEY] == BLOCK.model_dump()
    assert config["dataformat_ohlcv"] == "feather"
    assert (config["export"], config["exportdirectory"]) == ("trades", tmp_path / "results")
    assert (tmp_path / "results").is_dir()


def test_a_file_where_freqtrade_wants_a_folder_is_told(session: Session) -> None:
    make_folders(basis_of(session))
    folder = session.places.user_data / "hyperopts"
    folder.rmdir()
    folder.touch()
    with pytest.raises(ConfigError, match=r"hyperopts` exists already and is not a directory"):
        make_folders(basis_of(session))
    # Others use these settings too.
    folder.unlink()
    make_folders(basis_of(session))
    assert folder.is_dir()


def test_without_a_place_for_results_there_are_none(session: Session) -> None:
    assert freqtrade_config(basis_of(session), WINDOW, BLOCK, None)["export"] == "none"


def test_no_secret_gets_into_what_freqtrade_stores(session: Session) -> None:
    session = Session(session.places, {**session.environment, **SERVER, **SECRETS}, Screen())
    basis = opened(session, BacktestOptions(model="m", sandbox=False))
    assert "canary" in repr(basis.settings)
    config = freqtrade_config(basis, WINDOW, BLOCK, None)
    assert "canary" not in repr(config)
    assert "api_server" not in config["original_config"]


def test_the_sandbox_asks_no_exchange_for_its_markets(session: Session) -> None:
    config = freqtrade_config(basis_of(session), WINDOW, BLOCK, None)
    assert "fetch_markets" in config["exchange"]["ccxt_async_config"]
    session = Session(session.places, {**session.environment, **SERVER}, Screen())
    basis = opened(session, BacktestOptions(model="m"))
    outside = freqtrade_config(basis, WINDOW, BLOCK, None)
    assert "fetch_markets" not in outside["exchange"]["ccxt_async_config"]


def test_what_freqtrade_does_not_like_is_one_sentence(session: Session) -> None:
    basis = basis_of(session)
    basis.places.settings.rename(basis.places.settings.with_name("away"))
    try:
        with pytest.raises(ConfigError, match=r"as Freqtrade wants it: .*not found"):
            freqtrade_config(basis, WINDOW, BLOCK, None)
    finally:
        basis.places.settings.with_name("away").rename(basis.places.settings)
    assert logging.root.manager.disable == logging.NOTSET


def test_the_environment_of_a_run_is_its_own_without_freqtrades_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", {"OLD": "1"})
    adopt({"LLM_API_KEY": "k", "FREQTRADE__EXCHANGE__KEY": "canary", "PATH": "/bin"})
    assert os.environ == {"LLM_API_KEY": "k", "PATH": "/bin"}


def test_what_is_public_keeps_everything_else(session: Session) -> None:
    settings = {
        "exchange": {"name": "binance", "key": "k", "pair_whitelist": ["A"]},
        "telegram": {"token": "t"},
        "api_server": {"password": "p"},
        "timeframe": "5m",
    }
    assert public(settings) == {
        "exchange": {"name": "binance", "pair_whitelist": ["A"]},
        "timeframe": "5m",
        "pairlists": [{"method": "StaticPairList"}],
    }

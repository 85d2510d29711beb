import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from llm_modules.backtest.candle_files import Missing
from llm_modules.backtest.downloading import download_with_freqtrade
from recorded_files import BTC, ETH, START

DAY = timedelta(days=1)
# As in the bot's own settings: with comments, and with a password that is elsewhere.
SETTINGS = """{
    // Binance, through a proxy
    "exchange": {
        "name": "binance",
        "key": "canary-key",
        "secret": "canary-secret",
        "pair_whitelist": ["BTC/USDT:USDT"],
        "ccxt_config": {"httpsProxy": "http://127.0.0.1:9"},
    },
    "api_server": {"enabled": true, "listen_ip_address": "127.0.0.1"},
}"""


class Freqtrade:
    """Notes what it was asked, and the settings it was given."""

    def __init__(self, *, works: bool = True) -> None:
        self.commands: list[list[str]] = []
        self.settings: list[dict[str, Any]] = []
        self._works = works

    def __call__(self, command: list[str]) -> bool:
        self.commands.append(command)
        self.settings.append(json.loads(Path(value(command, "--config")).read_text()))
        return self._works


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    own = tmp_path / "config.json"
    own.write_text(SETTINGS)
    return {
        "config_files": [own],
        "user_data_dir": Path("/u"),
        "datadir": Path("/u/data/binance"),
        "timeframe": "30m",
    }


def commands(config: dict[str, Any], *missing: Missing) -> list[list[str]]:
    freqtrade = Freqtrade()
    download_with_freqtrade(config, missing, freqtrade)
    return freqtrade.commands


def value(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]


def test_freqtrade_is_asked_as_a_user_would_ask_it(config: dict[str, Any]) -> None:
    (command,) = commands(config, Missing(BTC, "30m", START, START + DAY))
    assert command[:4] == [sys.executable, "-m", "freqtrade", "download-data"]
    assert value(command, "--userdir") == "/u"
    assert value(command, "--datadir") == "/u/data/binance"
    assert value(command, "--trading-mode") == "futures"
    assert value(command, "--data-format-ohlcv") == "feather"
    assert value(command, "--pairs") == BTC
    assert value(command, "--timeframes") == "30m"
    assert "--prepend" not in command


def test_the_warm_up_before_the_run_is_fetched_with_it(config: dict[str, Any]) -> None:
    (command,) = commands(config, Missing(BTC, "30m", START, START + DAY))
    # 600 candles of half an hour before the new year.
    assert value(command, "--timerange") == "20251219T120000-20260102T000000"


def test_pairs_of_one_timeframe_share_a_command_over_all_that_lacks(config: dict[str, Any]) -> None:
    (command,) = commands(
        config,
        Missing(BTC, "1d", START, START + DAY),
        Missing(ETH, "1d", START + DAY, START + 2 * DAY),
        Missing(BTC, "1d", START + 2 * DAY, START + 3 * DAY),
    )
    place = command.index("--pairs")
    assert command[place + 1 : place + 4] == [BTC, ETH, "--timeframes"]
    assert value(command, "--timerange") == "20240511T000000-20260104T000000"


def test_each_timeframe_has_its_own_warm_up_and_the_finest_comes_first(
    config: dict[str, Any],
) -> None:
    ran = commands(
        config, Missing(BTC, "1d", START, START + DAY), Missing(BTC, "30m", START, START + DAY)
    )
    assert [value(command, "--timeframes") for command in ran] == ["30m", "1d"]


def test_what_lies_before_a_file_is_prepended_by_a_command_of_its_own(
    config: dict[str, Any],
) -> None:
    ran = commands(
        config,
        Missing(BTC, "30m", START, START + DAY, is_earlier=True),
        Missing(ETH, "30m", START, START + DAY),
    )
    assert [value(command, "--pairs") for command in ran] == [ETH, BTC]
    assert ["--prepend" in command for command in ran] == [False, True]


@pytest.mark.parametrize("kind", ["mark", "funding_rate"])
def test_marks_and_rates_come_with_candles_of_the_main_timeframe(
    config: dict[str, Any], kind: Any
) -> None:
    (command,) = commands(config, Missing(BTC, "1h", START, START + DAY, kind))
    assert value(command, "--timeframes") == "30m"


def test_without_a_span_freqtrade_takes_its_own(config: dict[str, Any]) -> None:
    (command,) = commands(config, Missing(BTC, "30m", None, None))
    assert "--timerange" not in command


def test_an_open_end_stays_open(config: dict[str, Any]) -> None:
    (command,) = commands(
        config, Missing(BTC, "30m", START, None), Missing(ETH, "30m", START, START + DAY)
    )
    assert value(command, "--timerange") == "20251219T120000-"


def test_a_configured_format_is_kept(config: dict[str, Any]) -> None:
    (command,) = commands(config | {"dataformat_ohlcv": "parquet"}, Missing(BTC, "30m", None, None))
    assert value(command, "--data-format-ohlcv") == "parquet"


def test_freqtrade_is_told_the_exchange_and_nothing_that_is_secret(config: dict[str, Any]) -> None:
    freqtrade = Freqtrade()
    download_with_freqtrade(config, [Missing(BTC, "30m", None, None)], freqtrade)
    assert freqtrade.settings == [
        {
            "exchange": {"name": "binance", "ccxt_config": {"httpsProxy": "http://127.0.0.1:9"}},
            "dry_run": True,
            "trading_mode": "futures",
            "margin_mode": "isolated",
        }
    ]
    assert not Path(value(freqtrade.commands[0], "--config")).exists()


def test_later_files_change_what_earlier_ones_say(config: dict[str, Any], tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.json"
    overlay.write_text('{"exchange": {"name": "bybit"}}')
    freqtrade = Freqtrade()
    both = config | {"config_files": [*config["config_files"], str(overlay)]}
    download_with_freqtrade(both, [Missing(BTC, "30m", None, None)], freqtrade)
    assert freqtrade.settings[0]["exchange"]["name"] == "bybit"


def test_after_a_command_that_failed_no_other_is_tried(config: dict[str, Any]) -> None:
    freqtrade = Freqtrade(works=False)
    lacking = [Missing(BTC, name, START, START + DAY) for name in ("30m", "1d")]
    download_with_freqtrade(config, lacking, freqtrade)
    assert [value(command, "--timeframes") for command in freqtrade.commands] == ["30m"]


def test_nothing_missing_is_nothing_to_run(config: dict[str, Any]) -> None:
    assert commands(config) == []


@pytest.mark.parametrize(("status", "tried"), [(0, 2), (1, 1), (2, 1)])
def test_a_command_that_fails_raises_nothing_and_is_seen(
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    status: int,
    tried: int,
) -> None:
    # Stands for an interpreter: says what Freqtrade would say, and ends as it would.
    lame = tmp_path / "python"
    lame.write_text(f"#!/bin/sh\necho seen $3\nexit {status}\n")
    lame.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(lame))
    lacking = [Missing(BTC, name, START, START + DAY) for name in ("30m", "1d")]
    download_with_freqtrade(config, lacking)
    assert capfd.readouterr().out.count("seen download-data") == tried


def test_freqtrade_knows_every_option(config: dict[str, Any]) -> None:
    (command,) = commands(config, Missing(BTC, "30m", START, START + DAY, is_earlier=True))
    asked = [word for word in command if word.startswith("--")]
    told = subprocess.run(
        [sys.executable, "-m", "freqtrade", "download-data", "--help"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert [option for option in asked if option not in told] == []

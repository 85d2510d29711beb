"""The prompt of a bot that runs: its exchange, account and trades are looked at, none changed."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from freqtrade.persistence import Trade

from builders import a_thesis
from llm_modules.engine import bridge
from llm_modules.operations.places import SHIPPED_USER_DATA, Places
from llm_modules.operations.running.bot_record import BotRecord, RecordedProcess, bot_lock
from llm_modules.preview.main import main
from llm_modules.sandbox.candles import MINUTE_MS
from llm_modules.sandbox.contracts import CONTRACTS
from llm_modules.sandbox.exchange import exchange_app
from llm_modules.sandbox.faults import Faults, Switchboard
from llm_modules.sandbox.history import load_history
from llm_modules.sandbox.replay import MarketReplay
from serving import serving
from stored_trades import a_trade, let_go_of_database, open_database

PAIR, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SECRETS = {
    "FREQTRADE__API_SERVER__PASSWORD": "canary-password",
    "FREQTRADE__API_SERVER__JWT_SECRET_KEY": "canary-signing-key-of-32-characters",
    "FREQTRADE__API_SERVER__WS_TOKEN": "canary-token",
}


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve the simulated exchange on real time."""
    histories = [load_history(SHIPPED_USER_DATA / "data", contract) for contract in CONTRACTS]
    anchor_ms = time.time_ns() // 1_000_000 // (5 * MINUTE_MS) * 5 * MINUTE_MS

    def clock() -> int:
        return time.time_ns() // 1_000_000

    with serving(
        lambda: exchange_app(MarketReplay(histories, anchor_ms), Switchboard(Faults()), clock)
    ) as chosen:
        yield chosen


@pytest.fixture
def user_data(tmp_path: Path, port: int) -> Iterator[Path]:
    """A folder in which a sandbox seems to run, with an open long in BTC."""
    folder = tmp_path / "user_data"
    folder.mkdir()
    shutil.copy(SHIPPED_USER_DATA / "config.json", folder)
    text = (SHIPPED_USER_DATA / "config.sandbox.json").read_text(encoding="utf-8")
    overlay = folder / "run" / "config.sandbox.json"
    overlay.parent.mkdir()
    overlay.write_text(text.replace(":18086", f":{port}"), encoding="utf-8")
    open_database(folder / "tradesv3.sandbox.sqlite")
    bridge.store_thesis(a_trade(pair=PAIR), a_thesis(reason="higher lows since noon"))
    Trade.commit()
    let_go_of_database()
    places = Places(folder)
    with bot_lock(places):
        arguments = ("freqtrade", "trade", "-c", "config.json", "-c", str(overlay))
        process = RecordedProcess(name="freqtrade", pid=1, arguments=arguments)
        record = BotRecord(
            started_at=datetime.now(UTC), mode="sandbox", api_port=1, processes=(process,)
        )
        (places.run / "bot.json").write_text(record.model_dump_json(), encoding="utf-8")
        yield folder


def test_the_open_position_is_shown_and_the_database_left_as_it_was(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = user_data / "tradesv3.sandbox.sqlite"
    before = dump(database)
    assert main(["--pair", PAIR, "--json", "--user-data", str(user_data)], SECRETS) == 0
    told = capsys.readouterr().out
    program = json.loads(told)

    assert (program["candles"], program["position"]) == ("running sandbox", "really open")
    assert program["timeframe"] == "1m"
    assert "higher lows since noon" in program["messages"][1]["content"]
    assert "canary" not in told
    assert dump(database) == before


def test_another_pair_is_flat_in_the_same_account(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--pair", ETH, "--user-data", str(user_data)], SECRETS) == 0
    out = capsys.readouterr().out

    assert "Candles    from the running sandbox, with its account and trades" in out
    assert "Position   none is open" in out
    assert "used_stake=25 open_trades=1" in out


def test_one_question_for_all_pairs_shows_them_all(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = user_data / "config.json"
    text = path.read_text(encoding="utf-8").replace('"scope": "pair"', '"scope": "portfolio"')
    path.write_text(text, encoding="utf-8")
    assert main(["--pair", ETH, "--json", "--user-data", str(user_data)], SECRETS) == 0
    program = json.loads(capsys.readouterr().out)

    assert program["position"] == "none"
    # An answer about more than two would not fit into the sandbox's max_tokens.
    assert program["messages"][1]["content"].endswith(f"each of {ETH}, {PAIR}.")
    assert len(program["tools"]) == 6


def dump(database: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()

"""Freqtrade's own backtesting command and its web server's page, on a tape and without one."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode

from backtests import SECRETS, candle_folder
from llm_modules.backtest.offline import sample_markets, without_network
from llm_modules.backtest.outcome import Outcome
from llm_modules.backtest.running import run
from ports import free_port
from running_bot import ROOT
from shipped import DATA

ASKS = "./manage.sh backtest asks the model, after telling what it costs"
# The first day is on the tape, the second is not.
RECORDED, MISSING = "20260110-20260111", "20260111-20260112"
SECONDS = 60
pytestmark = pytest.mark.timeout(180)


class Place:
    """A user_data folder whose exchange and model are simulated on ports of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.exchange_port, self.model_port, self.api_port = (free_port() for _ in range(3))
        shutil.copy(ROOT / "user_data" / "config.json", folder)
        sandbox = (ROOT / "user_data" / "config.sandbox.json").read_text(encoding="utf-8")
        ports = {"18086": str(self.exchange_port), "18087": str(self.model_port)}
        for shipped, own in ports.items():
            sandbox = sandbox.replace(shipped, own)
        (folder / "config.sandbox.json").write_text(sandbox, encoding="utf-8")
        (folder / "strategies").symlink_to(ROOT / "user_data" / "strategies")

    @property
    def configs(self) -> list[str]:
        return [str(self.folder / name) for name in ("config.json", "config.sandbox.json")]

    def freqtrade(self, command: str, *options: str) -> list[str]:
        configs = [part for path in self.configs for part in ("--config", path)]
        folders = ["--user-data-dir", str(self.folder), "--datadir", str(candle_folder())]
        return [sys.executable, "-m", "freqtrade", command, *configs, *folders, *options]

    def environment(self) -> dict[str, str]:
        server = {"PASSWORD": "e2e", "JWT_SECRET_KEY": "e2e" * 12, "WS_TOKEN": "e2e" * 8}
        server["LISTEN_PORT"] = str(self.api_port)
        named = {f"FREQTRADE__API_SERVER__{name}": value for name, value in server.items()}
        paths = {"PYTHONPATH": str(ROOT / "user_data" / "strategies"), "COLUMNS": "250"}
        return dict(os.environ) | named | paths

    def backtesting(self, timerange: str) -> subprocess.CompletedProcess[str]:
        options = ("--timeframe", "30m", "--timerange", timerange, "-s", "LLMFunctionStrategy")
        return subprocess.run(  # noqa: S603 - our own command
            self.freqtrade("backtesting", *options),
            env=self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def recorded(self, timerange: str) -> Outcome:
        """Have the scripted model answer, as ./manage.sh backtest does, onto the usual tape."""
        arguments = {
            "config": self.configs,
            "user_data_dir": str(self.folder),
            "datadir": str(candle_folder()),
            "timerange": timerange,
            "timeframe": "30m",
            "strategy": "LLMFunctionStrategy",
            "backtest_cache": "none",
            "export": "none",
        }
        config = Configuration(arguments, RunMode.BACKTEST).get_config()
        home = self.folder / "backtest_llm"
        own = {"folder": str(home / "recorded"), "tape": str(home / "tape.sqlite")}
        config["llm_backtest"] = own | {"tape_mode": "replay_or_record"}
        config["export"] = "none"
        config["api_server"] |= SECRETS
        return run(without_network(config, sample_markets()))

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        token = base64.b64encode(b"freqtrader:e2e").decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.api_port}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    def page_backtest(self, timerange: str) -> Any:
        """Backtest as the Web UI's page does, and wait for the end."""
        body = {"strategy": "LLMFunctionStrategy", "timeframe": "30m", "timerange": timerange}
        self.api("backtest", body | {"stake_amount": "unlimited", "enable_protections": False})
        deadline = time.monotonic() + SECONDS
        while (found := self.api("backtest"))["running"] and time.monotonic() < deadline:
            time.sleep(0.3)
        return found


@contextmanager
def running(command: list[str], place: Place) -> Iterator[None]:
    log = (place.folder / f"{command[2]}.log").open("w")
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, env=place.environment(), cwd=place.folder, stdout=log, stderr=log
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


def wait_for(address: str) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - loopback
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise AssertionError(f"{address} does not answer")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("plain"))
    ports = ["--exchange-port", str(place.exchange_port), "--model-port", str(place.model_port)]
    files = ["--data-dir", str(DATA), "--anchor-file", str(place.folder / "anchor.json")]
    with running([sys.executable, "-m", "llm_modules.sandbox", *ports, *files], place):
        wait_for(f"http://127.0.0.1:{place.exchange_port}/fapi/v1/time")
        wait_for(f"http://127.0.0.1:{place.model_port}/v1/models")
        yield place


@pytest.fixture(scope="module")
def recorded(place: Place) -> Outcome:
    return place.recorded(RECORDED)


def test_a_plain_backtest_asks_no_model_and_names_the_command_that_does(place: Place) -> None:
    found = place.backtesting(MISSING)
    said = found.stdout + found.stderr
    assert found.returncode == 2
    assert ASKS in said
    assert "Traceback" not in said
    assert "No trades made" not in said


def test_a_plain_backtest_plays_what_is_on_the_tape(place: Place, recorded: Outcome) -> None:
    found = place.backtesting(RECORDED)
    assert found.returncode == 0, found.stderr[-3000:]
    assert len(recorded.trades) > 5
    assert f"│ LLMFunctionStrategy │ {len(recorded.trades):>6} │" in found.stdout
    ours, plain = (recorded.folder.parent / name for name in ("recorded", "plain"))
    for journal in ("llm_decisions.jsonl", "trade_experience.jsonl"):
        assert (plain / journal).read_bytes() == (ours / journal).read_bytes()


def test_an_old_result_counts_only_while_nothing_has_changed(
    place: Place, recorded: Outcome
) -> None:
    reused = "Reusing result of previous backtest"
    place.backtesting(RECORDED)
    again = place.backtesting(RECORDED)
    assert reused in again.stdout + again.stderr
    prompts = place.folder / "config.json"
    shipped = prompts.read_text(encoding="utf-8")
    prompts.write_text(shipped.replace('"language": "en"', '"language": "zh"'), encoding="utf-8")
    other = place.backtesting(RECORDED)
    prompts.write_text(shipped, encoding="utf-8")
    assert ASKS in other.stdout + other.stderr
    place.recorded("20260112-20260113")
    later = place.backtesting(RECORDED)
    assert reused not in later.stdout + later.stderr
    assert later.returncode == 0


def test_the_web_servers_page_does_the_same(place: Place, recorded: Outcome) -> None:
    with running(place.freqtrade("webserver"), place):
        wait_for(f"http://127.0.0.1:{place.api_port}/api/v1/ping")
        played = place.page_backtest(RECORDED)
        assert played["status"] == "ended"
        result = played["backtest_result"]["strategy"]["LLMFunctionStrategy"]
        assert len(result["trades"]) == len(recorded.trades)
        refused = place.page_backtest(MISSING)
        assert refused["status"] == "error"
        assert ASKS in refused["status_msg"]
        # The server goes on, and the next one is as good as the first.
        assert place.page_backtest(RECORDED)["status"] == "ended"

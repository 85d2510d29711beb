"""The command as people run it: a program of its own, an exchange and a model on loopback."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_modules.operations.places import PROJECT, SHIPPED_USER_DATA
from llm_modules.operations.settings.reading import merged, parse_text, read_settings, read_text

# Each starts the program several times.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

BASES = ("BTC", "ETH")
PAIRS = tuple(f"{base}/USDT:USDT" for base in BASES)
A_DAY = ("--timerange", "20260110-20260111", "--no-baselines", "--pairs", *PAIRS)
DECISIONS = 2 * 48
ENVIRONMENT = {
    **{name: text for name, text in os.environ.items() if "FREQTRADE" not in name},
    "PYTHONPATH": str(PROJECT / "user_data" / "strategies"),
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Exchange and model; the model takes its time, so that there is some to interrupt it."""
    anchor = tmp_path_factory.mktemp("sandbox") / "anchor.json"
    command = [sys.executable, "-m", "llm_modules.sandbox", "--exchange-port", "0"]
    options = ["--model-port", "0", "--model-faults", '{"latency_seconds": 0.04}']
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*command, *options, "--anchor-file", str(anchor)],
        cwd=PROJECT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = [re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline()) for _ in range(2)]
    yield tuple(one[1] for one in found if one)  # type: ignore[misc]
    process.terminate()
    process.wait(10)


@pytest.fixture
def bot(tmp_path: Path, servers: tuple[str, str]) -> Path:
    """A bot with a model that has a price, and the exchange of the sandbox."""
    exchange_port, model_port = servers
    text = read_text(SHIPPED_USER_DATA / "config.sandbox.json")
    overlay = parse_text(text.replace(":18086", f":{exchange_port}"), "overlay")
    changes = {
        "exchange": overlay["exchange"],
        "llm_config": {
            "api_base": f"http://127.0.0.1:{model_port}/v1",
            "model": "scripted-sandbox",
            "prices": {"scripted-sandbox": {"input": 10, "output": 10}},
        },
    }
    settings = merged(read_settings(SHIPPED_USER_DATA / "config.json"), changes)
    folder = tmp_path / "user_data"
    (folder / "data" / "binance" / "futures").mkdir(parents=True)
    for path in (SHIPPED_USER_DATA / "data" / "binance" / "futures").iterdir():
        is_fine = any(kind in path.name for kind in ("-5m-", "-1h-mark", "funding"))
        if is_fine and path.name.startswith(BASES):
            (folder / "data" / "binance" / "futures" / path.name).write_bytes(path.read_bytes())
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def command(bot: Path, *options: str) -> list[str]:
    program = [sys.executable, "-m", "llm_modules.backtest", "backtest", "--user-data", str(bot)]
    return [*program, *A_DAY, *options]


def run(bot: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        command(bot, *options),
        cwd=PROJECT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def counted(bot: Path, name: str, query: str) -> tuple[int, ...]:
    with sqlite3.connect(bot / "backtest_llm" / name) as db:
        found: tuple[int, ...] = db.execute(query).fetchone()
    return found


def test_money_and_ctrl_c_end_a_run_that_goes_on_without_asking_twice(bot: Path) -> None:
    refused = run(bot)
    assert refused.returncode == 2
    assert "confirm with --yes" in refused.stderr
    assert re.search(r"cost +[23]\.\d\d USD", refused.stdout)
    assert not list((bot / "backtest_llm").glob("2*"))

    ended = run(bot, "--yes", "--max-cost", "0.5")
    assert ended.returncode == 1
    assert "--max-cost: at most 0.5" in ended.stderr
    assert "the same command goes on from there" in ended.stdout
    (spent,) = counted(bot, "llm_costs.sqlite", "SELECT sum(cost) FROM requests")
    assert 0.5 <= spent < 0.6

    more = ("--yes", "--max-cost", "100")
    process = subprocess.Popen(  # noqa: S603 - our own command
        command(bot, *more), cwd=PROJECT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("40 %"):
            process.send_signal(signal.SIGINT)
            break
    said = process.stdout.read()
    assert process.wait(10) == 130
    found = re.search(r"(\d+) of 96 decisions are on the tape; the same command goes on", said)
    assert found is not None
    assert 36 <= int(found[1]) < DECISIONS
    assert "Traceback" not in said

    resumed = run(bot, *more)
    assert resumed.returncode == 0, resumed.stderr
    assert "Report: " in resumed.stdout
    # A request that is asked twice has a second attempt; one that was cut off has an error.
    query = "SELECT count(*), count(DISTINCT request), max(nth), count(error) FROM attempts"
    assert counted(bot, "tape.sqlite", query) == (DECISIONS, DECISIONS, 1, 0)
    # What was under way when it was interrupted may have been answered unheard.
    (sent,) = counted(bot, "llm_costs.sqlite", "SELECT count(*) FROM requests")
    assert sent == DECISIONS


def test_shards_share_a_tape_and_are_no_account(bot: Path) -> None:
    done = run(bot, "--yes", "--shards", "2", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["shards"], told["decided"], told["result_file"]) == (2, DECISIONS, None)
    assert "2 shards" in told["remarks"][1]
    assert "equity" not in done.stderr.partition("100 %")[0]
    (folder,) = (one for one in (bot / "backtest_llm").iterdir() if one.is_dir())
    assert told["journals"] == str(folder / "journals")
    lines = (folder / "journals" / "llm_decisions.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum('"decision_id"' in line and '"candle_at"' in line for line in lines) >= DECISIONS
    assert list((folder / "backtest_results").glob("shard-0*/*.zip"))
    assert not list((bot / "backtest_results").glob("*.zip"))

"""The sandbox as a process: it starts, says what it is, keeps to loopback, and stops."""

import asyncio
import io
import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout, web

from llm_modules.errors import UserError
from llm_modules.sandbox.main import build_parser, main
from llm_modules.sandbox.server import LOOPBACK, serve
from ports import free_port

ROOT = Path(__file__).parents[2]
DATA_DIR = ROOT / "user_data" / "data"
ADDRESS = r"listens on http://127\.0\.0\.1:(\d+)"
READY_LINES = (
    rf"SIMULATED exchange, replaying recorded Binance USD-M candles, {ADDRESS}/fapi/v1\n",
    rf"SIMULATED model, a rule-based script, {ADDRESS}/v1\n",
)


def options(folder: Path, *more: str) -> list[str]:
    ports = ["--exchange-port", "0", "--model-port", "0"]
    files = ["--data-dir", str(DATA_DIR), "--anchor-file", str(folder / "run" / "sandbox.json")]
    return [*ports, *files, *more]


@contextmanager
def sandbox(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run the sandbox as a user would; yield the process and both addresses."""
    command = [sys.executable, "-m", "llm_modules.sandbox", *options(folder, *more)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "user_data" / "strategies")}
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in READY_LINES]
        matches = [re.fullmatch(*pair) for pair in zip(READY_LINES, lines, strict=True)]
        yield process, [f"http://127.0.0.1:{match[1]}" for match in matches if match]
    finally:
        process.kill()
        process.communicate()


def fetch(address: str) -> object:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def test_a_process_serves_both_and_sigterm_ends_it_at_once_even_when_silent(
    tmp_path: Path,
) -> None:
    with sandbox(tmp_path, "--model-faults", '{"silence": true}') as (process, addresses):
        exchange, model = addresses
        assert fetch(f"{exchange}/fapi/v1/ping") == {}
        with socket.create_connection(("127.0.0.1", int(model.rpartition(":")[2]))) as silent:
            silent.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            # A request in flight alone would hold it for ever.
            assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_ctrl_c_ends_it_and_a_restart_continues_the_same_market(tmp_path: Path) -> None:
    query = "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=500"
    histories = []
    for _ in range(2):
        with sandbox(tmp_path) as (process, addresses):
            histories.append(fetch(addresses[0] + query))
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0
    first, second = (
        {row[0]: row for row in history[:-1]} for history in histories if isinstance(history, list)
    )
    shared = first.keys() & second.keys()
    assert len(shared) >= 497
    assert all(first[at] == second[at] for at in shared)


class StopsWhenReady(io.StringIO):
    """A standard output that sends SIGTERM to its own process once both servers listen."""

    def flush(self) -> None:
        if "SIMULATED model" in self.getvalue():
            os.kill(os.getpid(), signal.SIGTERM)


def test_main_announces_both_servers_in_one_line_each_and_returns_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = StopsWhenReady()
    monkeypatch.setattr(sys, "stdout", output)

    status = main(options(tmp_path, "--faults", '{"status": 500}'))

    assert status == 0
    assert re.fullmatch("".join(READY_LINES), output.getvalue())
    assert (tmp_path / "run" / "sandbox.json").exists()


def test_ports_given_are_the_ports_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [str(free_port()) for _ in range(2)]
    output = StopsWhenReady()
    monkeypatch.setattr(sys, "stdout", output)

    main(options(tmp_path, "--exchange-port", ports[0], "--model-port", ports[1]))

    assert re.findall(r"127\.0\.0\.1:(\d+)/", output.getvalue()) == ports


@pytest.mark.parametrize(
    ("more", "part"),
    [
        (("--faults", "{"), "faults cannot be used"),
        (("--exchange-faults", '{"answer": []}'), "answer: Extra inputs"),
        (("--model-faults", '{"statsu": 1}'), "statsu: Extra inputs"),
        (("--data-dir", "/nowhere"), "BTC_USDT_USDT-5m-futures.feather cannot be read"),
    ],
)
def test_what_the_user_must_put_right_ends_the_start_with_status_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], part: str
) -> None:
    assert main(options(tmp_path, *more)) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("The sandbox cannot start: ")
    assert part in captured.err


def test_a_taken_port_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        assert main(options(tmp_path, "--model-port", str(port))) == 2

    captured = capsys.readouterr()
    assert f"port {port} cannot be used" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--host", "192.168.1.2"),
        ("--exchange-port", "65536"),
        ("--model-port", "-1"),
        ("--model-port", "x"),
    ],
)
def test_other_addresses_and_impossible_ports_are_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([option, value])

    assert caught.value.code == 2
    assert option in capsys.readouterr().err


def test_run_as_a_module_it_takes_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sandbox", "--help"])
    path = ROOT / "user_data" / "strategies" / "llm_modules" / "sandbox" / "__main__.py"

    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(path), run_name="__main__")

    assert caught.value.code == 0
    assert "simulated Binance USD-M exchange" in capsys.readouterr().out


@pytest.mark.parametrize("port", [0, 65535])
def test_the_smallest_and_the_largest_port_are_understood(port: int) -> None:
    assert build_parser().parse_args(["--model-port", str(port)]).model_port == port


def test_help_names_every_option_default_and_fault() -> None:
    text = " ".join(build_parser().format_help().split())

    for word in (
        *("--exchange-port", "--model-port", "--data-dir", "--anchor-file", "--faults"),
        *("--exchange-faults", "--model-faults", "18086", "18087", "sandbox.json"),
        *("latency_seconds", "status", "malformed", "silence", "times", "answer", "127.0.0.1"),
    ):
        assert word in text


def test_servers_listen_on_loopback_only_and_stop_when_told() -> None:
    addresses: dict[str, str] = {}

    async def run() -> None:
        ready, stop = asyncio.Event(), asyncio.Event()

        def announce(name: str, address: str) -> None:
            addresses[name] = address
            ready.set()

        apps = {name: (web.Application(), 0) for name in ("one", "two")}
        running = asyncio.create_task(serve(apps, announce, stop))
        await ready.wait()
        async with ClientSession(timeout=ClientTimeout(total=30)) as session:
            assert (await session.get(addresses["one"])).status == 404
            elsewhere = addresses["one"].replace("127.0.0.1", "127.0.0.2")
            with pytest.raises(OSError, match=r"127\.0\.0\.2"):
                await session.get(elsewhere)
        stop.set()
        await running

    asyncio.run(run())

    assert addresses["one"] != addresses["two"]
    assert all(address.startswith("http://127.0.0.1:") for address in addresses.values())


def test_when_the_second_port_is_taken_the_first_is_given_back() -> None:
    announced: list[str] = []

    async def run(first: int, second: int) -> None:
        apps = {"one": (web.Application(), first), "two": (web.Application(), second)}
        with pytest.raises(UserError, match=f"port {second} cannot be used"):
            await serve(apps, lambda name, _address: announced.append(name), asyncio.Event())
        socket.create_server((LOOPBACK, first)).close()

    with socket.create_server((LOOPBACK, 0)) as taken:
        asyncio.run(run(free_port(), taken.getsockname()[1]))

    assert announced == []


def test_a_request_nobody_waits_for_any_more_is_ended() -> None:
    async def run() -> None:
        begun, ended, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def silent(_request: web.Request) -> web.Response:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return web.Response()

        app = web.Application()
        app.router.add_get("/", silent)
        running = asyncio.create_task(
            serve({"one": (app, 0)}, lambda _name, where: address.set_result(where), stop)
        )
        async with ClientSession() as session:
            asking = asyncio.ensure_future(session.get(await address))
            await begun.wait()
            asking.cancel()
        await asyncio.wait_for(ended.wait(), timeout=30)
        stop.set()
        await running

    asyncio.run(run())

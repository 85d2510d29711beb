"""The real bot in its sandbox, as a user would run it, on ports and a folder of its own."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES, TRADE_LINES, TradeRecord
from ports import free_port

ROOT = Path(__file__).parent.parent


class RunningBot:
    """`cli run` in a folder of its own, and what it leaves behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.exchange_port, self.model_port, self.api_port = (free_port() for _ in range(3))
        self.logs = folder / "logs"
        for name in ("config.json", "config.sandbox.json"):
            shutil.copy(ROOT / "user_data" / name, folder / name)
        (folder / "data").symlink_to(ROOT / "user_data" / "data")
        self.output = (folder / "output.txt").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "llm_modules.cli", *self._arguments()],
            cwd=ROOT,
            env=self._environment(),
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )

    def _arguments(self) -> list[str]:
        return [
            "run",
            "--user-data",
            str(self.folder),
            "--exchange-port",
            str(self.exchange_port),
            "--model-port",
            str(self.model_port),
            "--api-port",
            str(self.api_port),
        ]

    def _environment(self) -> dict[str, str]:
        secrets = {"PASSWORD": "e2e", "JWT_SECRET_KEY": "e2e" * 12, "WS_TOKEN": "e2e" * 8}
        named = {f"FREQTRADE__API_SERVER__{name}": value for name, value in secrets.items()}
        clean = {name: value for name, value in os.environ.items() if "FREQTRADE" not in name}
        clean.pop("PYTHONDONTWRITEBYTECODE", None)
        return clean | named | {"PYTHONPATH": str(ROOT / "user_data" / "strategies")}

    def command(
        self, *arguments: str, module: str = "llm_modules.cli"
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of ours beside the bot, on its folder."""
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", module, *arguments, "--user-data", str(self.folder)],
            cwd=ROOT,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
        )

    def decisions(self) -> list[Any]:
        return list(read_journal(self.logs / "llm_decisions.jsonl", DECISION_LINES).records)

    def trades(self) -> list[TradeRecord]:
        lines = read_journal(self.logs / "trade_experience.jsonl", TRADE_LINES).records
        return [line for line in lines if isinstance(line, TradeRecord)]

    def log(self) -> str:
        path = self.logs / "freqtrade.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def api(self, path: str) -> Any:
        token = base64.b64encode(b"freqtrader:e2e").decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.api_port}/api/v1/{path}",
            headers={"Authorization": f"Basic {token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    def set_model_faults(self, **faults: Any) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.model_port}/sandbox/faults",
            data=json.dumps(faults).encode(),
            method="POST",
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - loopback

    def wait_for(self, what: str, condition: Callable[[], Any], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            assert self.process.poll() is None, f"the bot ended:\n{self.said()}"
            time.sleep(0.5)
        raise AssertionError(f"not seen within {seconds:g} s: {what}\n{self.log()[-6000:]}")

    def said(self) -> str:
        self.output.seek(0)
        return self.output.read()

    def children(self) -> list[int]:
        """Every living process below the bot."""
        found, todo = [], [self.process.pid]
        while todo:
            listed = Path(f"/proc/{todo.pop()}/task")
            for task in listed.glob("*/children"):
                pids = [int(pid) for pid in task.read_text(encoding="utf-8").split()]
                found += pids
                todo += pids
        return found

    def stop(self) -> None:
        """Send SIGTERM and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

"""A leader that is killed leaves nobody behind who would go on asking and paying."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from running_bot import ROOT

# Forks a crew of one that tells something ten times a second, writes both ids, and waits.
LEADER = """
import os, sys, time
from pathlib import Path
from llm_modules.backtest.crew import Crew
from llm_modules.backtest.command.scripted import serve_script

def work(tell):
    for number in range(600):
        tell(number)
        time.sleep(0.1)

job = serve_script if sys.argv[2] == "server" else work
with Crew([job], Path(sys.argv[1]) / "log") as crew:
    for report in crew.reports():
        (child,) = [process.pid for _, process in crew._members.values()]
        (Path(sys.argv[1]) / "child").write_text(str(child))
        while sys.argv[2] == "server":
            time.sleep(1)
"""


def is_there(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except FileNotFoundError:
        return False
    return state.split()[0] != "Z"


def wait_until(condition: object, seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc to look into")
@pytest.mark.parametrize("kind", ["run", "server"])
def test_whoever_works_for_a_killed_leader_ends_too(tmp_path: Path, kind: str) -> None:
    leader = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", LEADER, str(tmp_path), kind],
        env=os.environ | {"PYTHONPATH": str(ROOT / "user_data" / "strategies")},
    )
    told = tmp_path / "child"
    assert wait_until(lambda: told.exists() and told.read_text(encoding="utf-8"))
    child = int(told.read_text(encoding="utf-8"))
    assert is_there(child)
    leader.send_signal(signal.SIGKILL)
    leader.wait()
    assert wait_until(lambda: not is_there(child))

"""The benchmarks still run; what they measure is nobody's to assert."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("decisions.py", "--pairs", "2", "--latency", "0.05", "--rounds", "1", "--alone", "1"),
            "ratio",
        ),
        (("prompts.py", "--candles", "2"), "cached after"),
        (("asking.py", "--days", "1", "--policy", "patient"), "skip_unchanged"),
        (("overhead.py", "--trades", "0", "200", "--rounds", "20"), "goal"),
        (("gate.py",), "json.loads"),
        (("learning.py", "--trades", "300"), "recall"),
        (("backtest.py", "--days", "1", "--pairs", "2"), "ours"),
        (("backtest.py", "--days", "1", "--pairs", "2", "--replay"), "journals identical"),
        (
            ("backtest.py", "--days", "2", "--pairs", "2", "--replay", "--shards", "2"),
            "journals identical",
        ),
    ],
)
def test_a_benchmark_runs(arguments: tuple[str, ...], said: str) -> None:
    name, *options = arguments
    done = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, f"benchmarks/{name}", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "user_data/strategies"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout

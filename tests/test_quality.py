"""The tools that hold the line: linter, formatter and type checker find nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STRATEGIES = "user_data/strategies"
CHECKS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy", f"{STRATEGIES}/LLMFunctionStrategy.py", f"{STRATEGIES}/llm_modules"],
}


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_a_tool_finds_nothing(check: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own tools
        [sys.executable, "-m", *CHECKS[check]],
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": STRATEGIES},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

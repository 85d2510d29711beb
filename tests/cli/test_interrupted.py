"""Ctrl-C before a program is ready: it ends, and no traceback is shown, unless it is ignored."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from llm_modules.interrupts import ended_quietly

PROGRAMS = ["cli", "preview", "report", "backtest", "selftest", "sandbox"]
STRATEGIES = Path(__file__).parent.parent.parent / "user_data" / "strategies"
# Taken while the imports run, as slow ones are: nothing of ours answers yet.
SLOW_IMPORT = """
import importlib.abc, sys, time

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in {"rich", "freqtrade", "aiohttp"}:
            print("imports", flush=True)
            time.sleep(60)

sys.meta_path.insert(0, Slow())
"""


@pytest.mark.parametrize("program", PROGRAMS)
def test_ctrl_c_while_it_still_imports_ends_it_without_a_traceback(
    program: str, tmp_path: Path
) -> None:
    with importing(program, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert complaints == ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_where_ctrl_c_is_ignored_it_stays_so(program: str, tmp_path: Path) -> None:
    """A deploy that goes back to what ran before may not be left halfway."""
    # What a program is started with; Python's own handlers are not handed on.
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with importing(program, tmp_path) as process:
            signal.signal(signal.SIGINT, usual)
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
    finally:
        signal.signal(signal.SIGINT, usual)


@pytest.mark.parametrize(
    ("usual", "meanwhile"),
    [(signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)],
    ids=["heeded", "ignored"],
)
def test_once_it_has_imported_ctrl_c_is_what_it_was_before(usual: Any, meanwhile: Any) -> None:
    """What a program has begun it must be able to end in order."""
    before = signal.signal(signal.SIGINT, usual)
    try:
        with ended_quietly():
            assert signal.getsignal(signal.SIGINT) is meanwhile
        assert signal.getsignal(signal.SIGINT) is usual
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def importing(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a program, wait until it is in the middle of its imports, and end it at last."""
    (folder / "sitecustomize.py").write_text(SLOW_IMPORT, encoding="utf-8")
    paths = os.pathsep.join([str(folder), str(STRATEGIES)])
    process = subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", f"llm_modules.{program}"],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "imports\n"
        time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.communicate()

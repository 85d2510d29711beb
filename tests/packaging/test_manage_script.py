"""manage.sh as it is written, and what it says of itself."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scripted_project import ROOT, Project

# Beside this interpreter in a virtual environment, on the PATH in an image.
TOOLS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
COMMANDS = [
    "check",
    "setup",
    "migrate",
    "start",
    "restart",
    "deploy",
    "backup",
    "restore",
    "logs",
    "decisions",
    "trades",
    "version",
    "live",
    "halt",
    "resume",
    "flatten",
    "report",
    "backtest",
    "lookahead",
    "clean",
    "stop",
    "status",
    "test",
    "sandbox",
    "move-keys",
    "lock",
]
SCRIPTS = ["manage.sh", "tools/deploy.sh", "tools/docker.sh", "tools/lock.sh", ".ci/run"]


def test_shellcheck_finds_nothing() -> None:
    scripts = [ROOT / name for name in SCRIPTS]
    checked = subprocess.run(  # noqa: S603 - a test tool of ours
        [str(shutil.which("shellcheck", path=TOOLS)), "--severity=style", *scripts],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.stdout, checked.returncode) == ("", 0)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_parse_and_may_be_run(name: str) -> None:
    path = ROOT / name
    assert stat.S_IMODE(path.stat().st_mode) & 0o111
    bash = str(shutil.which("bash"))
    subprocess.run([bash, "-n", path], check=True)  # noqa: S603 - the script under test


def test_nothing_newer_than_bash_3_2_is_used() -> None:
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in SCRIPTS]
    newer = (r"declare -A", r"mapfile", r"readarray", r"\$\{\w+,,", r"\$\{\w+\^\^", r"&>>", r"\|&")
    assert [pattern for pattern in newer if re.search(pattern, "\n".join(texts))] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_before_anything_is_installed(
    project: Project, command: str
) -> None:
    result = project.run(command, "--help")
    assert result.status == 0
    assert result.out.startswith(f"  {command}")
    assert len(result.out.strip().splitlines()) >= 2
    others = [name for name in COMMANDS if re.search(rf"(?m)^  {name}\b", result.out)]
    assert others == [command]
    assert result.calls == []


@pytest.mark.parametrize("flag", ["--help", "-h", "help"])
def test_the_whole_help_lists_every_command(project: Project, flag: str) -> None:
    result = project.run(flag)
    assert result.status == 0
    for command in COMMANDS:
        assert re.search(rf"(?m)^  {command}\b", result.out), command


def test_an_unknown_command_is_status_2(project: Project) -> None:
    result = project.run("fly")
    assert result.status == 2
    assert "There is no command fly" in result.err
    assert result.calls == []


def test_no_command_and_no_terminal_is_status_2_with_the_help(project: Project) -> None:
    result = project.run()
    assert result.status == 2
    assert result.err.startswith("Usage: ./manage.sh")

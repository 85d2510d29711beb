"""manage.sh without a command, at a terminal."""

import os
import pty
import re
import subprocess
from collections.abc import Iterator

import pytest

from scripted_project import Project


def at_a_terminal(project: Project, typed: str) -> tuple[int, str]:
    """Run the script without arguments on a pseudo-terminal, type, and return what was seen."""
    controller, terminal = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - the script under test
        [project.folder / "manage.sh"],
        env=project.environment({}),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as process:
        os.close(terminal)
        os.write(controller, typed.encode())
        seen = b"".join(_chunks(controller))
        status = process.wait(30)
    os.close(controller)
    return status, seen.decode()


def _chunks(controller: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(controller, 4096)
        except OSError:  # Linux's way to say that the other end is closed
            return
        if not chunk:
            return
        yield chunk


def test_the_menu_shows_nine_items_in_both_languages(project: Project) -> None:
    status, seen = at_a_terminal(project, "\n")
    assert status == 0
    items = re.findall(r"(?m)^  (\d)  (\w+) +\((.+)\)\r?$", seen)
    assert items == [
        ("1", "Start", "快速启动"),
        ("2", "Restart", "快速重启"),
        ("3", "Deploy", "完整部署"),
        ("4", "Logs", "查看容器日志"),
        ("5", "Decisions", "查看 LLM 决策日志"),
        ("6", "Trades", "查看交易经验日志"),
        ("7", "Clean", "清理日志和数据库"),
        ("8", "Version", "检查镜像版本"),
        ("9", "Stop", "停止服务"),
    ]
    assert "./manage.sh halt closes every position" in seen


@pytest.mark.parametrize(
    ("number", "command"),
    [
        ("1", "start"),
        ("2", "restart"),
        ("3", "start --detach"),
        ("4", "logs"),
        ("5", "decisions"),
        ("6", "trades"),
        ("7", "clean"),
        ("8", "version"),
        ("9", "stop"),
    ],
)
def test_each_number_runs_its_command(project: Project, number: str, command: str) -> None:
    status, _ = at_a_terminal(project, f"{number}\n")
    assert status == 0
    calls = project.calls_file.read_text(encoding="utf-8")
    assert f"-m llm_modules.cli {command}\n" in calls


def test_another_number_is_status_2(project: Project) -> None:
    status, seen = at_a_terminal(project, "10\n")
    assert status == 2
    assert "There is no item 10." in seen


def test_the_menu_names_the_others_too(project: Project) -> None:
    _, seen = at_a_terminal(project, "\n")
    assert "Others (其他): setup doctor status" in seen

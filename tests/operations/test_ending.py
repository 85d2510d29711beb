"""How programs end: one line and a status, whatever was raised."""

import errno
import os
import subprocess
import sys

import pytest

from llm_modules.errors import BacktestError, ConfigError, JournalError
from llm_modules.operations.ending import INTERRUPTED, ended, until_interrupted
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import PROJECT
from llm_modules.operations.running.bot_record import AlreadyRunningError
from llm_modules.operations.screen import Screen

# What a model may write, and a terminal in Western Europe may not know.
AT_A_LATIN_TERMINAL = """
from llm_modules.operations.ending import ended
from llm_modules.operations.screen import Screen
screen = Screen()
raise SystemExit(ended(screen, lambda: screen.raw("été \\u6bd4") or screen.say("\\u6bd4") or 0))
"""


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ConfigError("a key"), ExitStatus.UNUSABLE, "a key\n"),
        (BacktestError("stopped"), ExitStatus.FAILED, "stopped\n"),
        (JournalError("damaged"), ExitStatus.FAILED, "damaged\n"),
        (
            OSError(errno.ENOSPC, "No space left"),
            ExitStatus.FAILED,
            "no room is left on the disk: make some and try again\n",
        ),
        (
            OSError(errno.EACCES, "Permission denied", "user_data/HALT"),
            ExitStatus.FAILED,
            "user_data/HALT: this user has no right to it: `ls -l` tells whose it is\n",
        ),
        (
            OSError(errno.EACCES, "Permission denied", "a.tmp", None, "b"),
            ExitStatus.FAILED,
            "a.tmp -> b: this user has no right to it: `ls -l` tells whose it is\n",
        ),
        (OSError(errno.EPERM, "Not permitted"), ExitStatus.FAILED, "[Errno 1] Not permitted\n"),
        (
            OSError(errno.EROFS, "Read-only file system", "run"),
            ExitStatus.FAILED,
            "[Errno 30] Read-only file system: 'run'\n",
        ),
        (OSError(errno.EIO, "I/O error"), ExitStatus.FAILED, "[Errno 5] I/O error\n"),
        (AlreadyRunningError("it runs"), ExitStatus.FAILED, "it runs: ./manage.sh stop ends it\n"),
        (KeyboardInterrupt(), INTERRUPTED, ""),
        (BrokenPipeError(), ExitStatus.DONE, ""),
    ],
)
def test_whatever_is_raised_is_one_line_and_a_status(
    capfd: pytest.CaptureFixture[str], error: BaseException, status: int, said: str
) -> None:
    def fail() -> int:
        raise error

    assert ended(Screen(), fail) == status
    assert capfd.readouterr().err == said


def test_the_status_of_what_ended_well_is_its_own() -> None:
    assert ended(Screen(), lambda: ExitStatus.NOT_RUNNING) == ExitStatus.NOT_RUNNING


def test_what_ctrl_c_left_undone_can_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert ended(Screen(), interrupted, interrupted="No page.") == INTERRUPTED
    assert capsys.readouterr().err == "No page.\n"


def test_ctrl_c_is_how_following_ends() -> None:
    def interrupted() -> ExitStatus:
        raise KeyboardInterrupt

    assert until_interrupted(interrupted) is ExitStatus.DONE
    assert until_interrupted(lambda: ExitStatus.FAILED) is ExitStatus.FAILED


def test_what_a_terminal_cannot_show_is_a_question_mark() -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", AT_A_LATIN_TERMINAL],
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT / "user_data" / "strategies"),
            "PYTHONIOENCODING": "latin-1",
        },
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == "été ?\n?\n".encode("latin-1")


def test_streams_that_have_no_encoding_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert ended(Screen(), lambda: 0) == 0

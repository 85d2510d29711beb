import gc
import logging
import os
import signal
import subprocess
import time
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

import pytest
from freqtrade.exceptions import ExchangeError, FreqtradeException

from llm_modules.backtest.crew import Crew, Report, Tell, only
from llm_modules.errors import BacktestError, ConfigError, JournalError

FOREVER = 600


def counts(to: int, tell: Tell) -> int:
    for number in range(to):
        tell(number)
    return to * 10


def fails(_tell: Tell) -> None:
    raise ConfigError("no such pair")


def breaks(_tell: Tell) -> None:
    raise ZeroDivisionError


def prints(_tell: Tell) -> int:
    print("a table")  # noqa: T201 - as Freqtrade does
    subprocess.run(["echo", "from a program"], check=True)  # noqa: S607
    return os.getpgid(0)


def hangs(tell: Tell) -> None:
    child = subprocess.Popen(["sleep", str(FOREVER)])  # noqa: S603, S607
    tell((os.getpid(), child.pid))
    time.sleep(FOREVER)


def counts_what_is_spared(_tell: Tell) -> int:
    return gc.get_freeze_count()


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        except FileNotFoundError:
            return True
        if state.split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_each_says_what_it_does_and_what_came_of_it(tmp_path: Path) -> None:
    with Crew([partial(counts, 2), partial(counts, 1)], tmp_path / "log") as crew:
        reports = list(crew.reports())
    first = [report for report in reports if report.job == 0]
    assert first == [Report(0, "said", 0), Report(0, "said", 1), Report(0, "done", 20)]
    assert [report for report in reports if report.job == 1][-1] == Report(1, "done", 10)


def test_one_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    with Crew([fails, partial(counts, 1)], tmp_path / "log") as crew:
        reports = list(crew.reports())
    (failure,) = (report.what for report in reports if report.kind == "failed")
    assert isinstance(failure, ConfigError)
    assert str(failure) == "no such pair"
    assert Report(1, "done", 10) in reports


def test_an_error_nobody_expected_is_in_the_log_with_its_traceback(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "log"
    with pytest.raises(BacktestError, match=r"ended with status 1: .*log tells why"):
        only(breaks, log)
    assert "ZeroDivisionError" in log.read_text(encoding="utf-8")


def test_what_is_printed_goes_to_the_log_and_not_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    group = only(prints, tmp_path / "log")
    assert "from a program" in (tmp_path / "log").read_text(encoding="utf-8")
    assert capfd.readouterr() == ("", "")
    # Ctrl-C in the terminal is for whoever leads.
    assert group != os.getpgid(0)


def test_one_that_is_killed_while_it_tells_has_failed() -> None:
    def tells_much(tell: Tell) -> None:
        tell(os.getpid())
        tell(b"more than fits into a pipe" * 100_000)

    with Crew([tells_much]) as crew:
        reports = crew.reports()
        pid = next(reports).what
        # What it tells has begun to come, and cannot end before it is read.
        assert wait(list(crew._members), timeout=30)
        os.kill(pid, signal.SIGKILL)
        (failure,) = reports
    assert (failure.kind, str(failure.what)) == ("failed", "ended with status -9")


def test_without_a_log_all_goes_to_standard_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with Crew([prints]) as crew:
        assert [report.kind for report in crew.reports()] == ["done"]
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "a table\nfrom a program\n")
    with Crew([breaks]) as crew:
        (report,) = crew.reports()
    assert str(report.what) == "ended with status 1"
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_nothing_is_written_through_what_a_thread_of_the_leader_may_have_locked(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Locked(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            pytest.fail(f"waits for ever: {record}")

    def logs(_tell: Tell) -> None:
        logging.getLogger("job").error("what went wrong")

    monkeypatch.setattr(logging.getLogger(), "handlers", [Locked()])
    with Crew([logs]) as crew:
        assert [report.kind for report in crew.reports()] == ["done"]
    assert capfd.readouterr().err.endswith("job ERROR what went wrong\n")


def test_without_a_log_it_is_ended_with_the_group_of_its_leader() -> None:
    with Crew([lambda tell: tell(os.getpgid(0))]) as crew:
        assert next(crew.reports()).what == os.getpgid(0)


def test_no_child_looks_for_garbage_among_what_it_shares_with_its_leader(tmp_path: Path) -> None:
    most = len(gc.get_objects()) * 9 // 10
    assert only(counts_what_is_spared, tmp_path / "log") > most
    # The leader does: it may work for long.
    assert gc.get_freeze_count() == 0


def test_leaving_ends_whoever_still_works_and_what_it_started(tmp_path: Path) -> None:
    with Crew([hangs, hangs], tmp_path / "log") as crew:
        reports = crew.reports()
        pids = [pid for _ in range(2) for pid in next(reports).what]
    assert len(set(pids)) == 4
    assert all(is_gone(pid) for pid in pids)


def test_ctrl_c_ends_all_of_them(tmp_path: Path) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupted() -> None:
        with Crew([hangs], tmp_path / "log") as crew:
            for report in crew.reports():
                seen.extend(report.what)
                signal.raise_signal(signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(seen) == 2
    assert all(is_gone(pid) for pid in seen)


def test_a_single_job_is_heard_and_its_result_returned(tmp_path: Path) -> None:
    heard: list[int] = []
    assert only(partial(counts, 3), tmp_path / "log", heard.append) == 30
    assert heard == [0, 1, 2]


def test_a_single_job_that_fails_raises_what_the_user_has_to_put_right(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such pair"):
        only(fails, tmp_path / "log")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (JournalError("the tape is damaged"), "the tape is damaged"),
        (ExchangeError("no network"), "no network"),
        (OSError(28, "No space left"), "No space left"),
        (FreqtradeException(), "FreqtradeException"),
    ],
)
def test_what_else_goes_wrong_ends_a_backtest_with_a_sentence(
    error: Exception, words: str, tmp_path: Path
) -> None:
    def goes_wrong(_tell: Tell) -> None:
        raise error

    with pytest.raises(BacktestError, match=words):
        only(goes_wrong, tmp_path / "log")
    assert "Traceback" in (tmp_path / "log").read_text(encoding="utf-8")

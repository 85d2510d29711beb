"""Commands around real processes; only the programs of the plan are stand-ins."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psutil
import pytest

from llm_modules.errors import ConfigError, UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.running import api, control, launch
from llm_modules.operations.running.bot_record import (
    AlreadyRunningError,
    is_running,
    read_record,
    write_record,
)
from llm_modules.operations.running.plan import Plan, Program, Wishes
from llm_modules.operations.session import Session
from ports import free_port

# Freqtrade as far as the commands see it: an API that answers two questions.
API = """
import base64, http.server, json, os, signal, sys
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        expected = base64.b64encode(b"freqtrader:canary-password").decode()
        known = self.headers.get("Authorization") == f"Basic {expected}"
        answers = {"/api/v1/ping": {"status": "pong"}, "/api/v1/health": {"last_process_ts": 1}}
        answers["/api/v1/show_config"] = {"state": os.environ.get("STATE", "running")}
        self.send_response(200 if "ping" in self.path or known else 401)
        self.end_headers()
        self.wfile.write(json.dumps(answers[self.path]).encode())
    def log_message(self, *_):
        pass
signal.signal(signal.SIGTERM, lambda *_: os._exit(130))
print("Freqtrade is up", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
"""
# A supervisor process of its own, as `start` makes one, with the stand-in as its only program.
SUPERVISOR = """
import os, sys
from pathlib import Path
from llm_modules.operations.running.bot_record import bot_lock
from llm_modules.operations.running.control import supervise
from llm_modules.operations.places import Places
from llm_modules.operations.running.plan import Plan, Program
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
places, port, script = Places(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
command = (sys.executable, "-c", script, str(port))
plan = Plan("sandbox", port, (Program("freqtrade", command, dict(os.environ)),))
with bot_lock(places):
    status = supervise(Session(places, {}, Screen()), plan)
sys.exit(int(status))
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def supervisor(
    session: Session, port: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Let `start` start a supervisor of a script in place of Freqtrade; all ends with the test."""
    monkeypatch.setenv("PYTHONPATH", str(session.places.strategies))

    def stand_in(script: str) -> None:
        arguments = (str(session.places.user_data), str(port), script)
        command = (sys.executable, "-c", SUPERVISOR, *arguments)
        monkeypatch.setattr(control, "own_command", lambda _: command)

    yield stand_in
    control.stop(session)


def wishes(port: int) -> Wishes:
    return Wishes(api_port=port)


def test_a_check_says_what_would_run(
    session: Session, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert control.check(session, wishes(port)) is ExitStatus.DONE
    assert "SANDBOX: simulated exchange" in capsys.readouterr().out


def test_without_secrets_in_the_environment_the_env_file_is_made_once(
    session: Session, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = Session(session.places, {}, session.screen)
    control.check(bare, wishes(port))
    text = session.places.env_file.read_text(encoding="utf-8")
    out = capsys.readouterr().out
    assert "Random secrets for the API were put into" in out
    assert not [line for line in text.splitlines() if "=k" in line and line.split("=")[1] in out]
    control.check(bare, wishes(port))
    assert "Random secrets" not in capsys.readouterr().out
    assert session.places.env_file.read_text(encoding="utf-8") == text


def test_with_secrets_in_the_environment_no_file_is_made(session: Session, port: int) -> None:
    control.check(session, wishes(port))
    assert not session.places.env_file.exists()


def test_an_env_file_that_cannot_be_made_is_told(session: Session, port: int) -> None:
    session.places.env_file.mkdir()
    with pytest.raises(UserError, match=r"\.env cannot be written"):
        control.check(Session(session.places, {}, session.screen), wishes(port))


def test_start_waits_for_the_api_and_says_what_runs_where(
    session: Session,
    port: int,
    supervisor: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    supervisor(API)
    assert control.start(session, wishes(port), []) is ExitStatus.DONE
    out = capsys.readouterr().out
    assert "SANDBOX: simulated exchange replaying real candles, scripted model" in out
    assert f"http://127.0.0.1:{port}" in out
    assert "User name        freqtrader" in out
    assert f"FREQTRADE__API_SERVER__PASSWORD in {session.places.env_file}" in out
    assert "canary" not in out
    assert is_running(session.places)


def test_a_second_start_says_so_and_starts_nothing(
    session: Session,
    port: int,
    supervisor: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    supervisor(API)
    control.start(session, wishes(port), [])
    before = read_record(session.places)
    capsys.readouterr()
    assert control.start(session, wishes(port), []) is ExitStatus.DONE
    assert "already running" in capsys.readouterr().out
    assert read_record(session.places) == before


def test_a_second_run_leaves_the_first_alone(
    session: Session, port: int, supervisor: Callable[[str], None]
) -> None:
    supervisor(API)
    control.start(session, wishes(port), [])
    before = read_record(session.places)
    with pytest.raises(AlreadyRunningError):
        control.run(session, wishes(port))
    assert before is not None
    assert all(_runs(one.pid) for one in before.processes)


def test_a_started_bot_outlives_the_terminal(
    session: Session, port: int, supervisor: Callable[[str], None]
) -> None:
    supervisor(API)
    control.start(session, wishes(port), [])
    record = read_record(session.places)
    assert record is not None
    assert os.getsid(record.processes[0].pid) == record.processes[0].pid


def test_stopping_nothing_is_no_failure(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert control.stop(session) is ExitStatus.DONE
    assert capsys.readouterr().out == "Nothing is running.\n"


def test_stop_ends_every_process(
    session: Session,
    port: int,
    supervisor: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    supervisor(API)
    control.start(session, wishes(port), [])
    record = read_record(session.places)
    assert record is not None
    capsys.readouterr()
    assert control.stop(session) is ExitStatus.DONE
    assert capsys.readouterr().out == "The bot was stopped.\n"
    # The system may still be burying what has just ended.
    _wait_until(lambda: not [one for one in record.processes if _runs(one.pid)])
    assert not is_running(session.places)


def test_a_bot_that_dies_at_once_with_0_is_a_failed_start_with_its_last_lines(
    session: Session,
    port: int,
    supervisor: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    supervisor("print('Configuration error: no such thing')")
    assert control.start(session, wishes(port), []) is ExitStatus.FAILED
    errors = capsys.readouterr().err
    assert "The bot did not start." in errors
    assert "freqtrade ended by itself with status 0" in errors
    assert "Configuration error: no such thing" in errors


def test_a_bot_that_never_answers_is_told_and_keeps_running(
    session: Session,
    port: int,
    supervisor: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "START_SECONDS", 1.0)
    supervisor("import time; time.sleep(60)")
    assert control.start(session, wishes(port), []) is ExitStatus.FAILED
    # On a busy machine its supervisor may still be on its way.
    _wait_until(lambda: is_running(session.places))


def test_a_bot_that_has_stopped_itself_is_a_failed_start_with_its_log(
    session: Session,
    port: int,
    supervisor: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STATE", "stopped")
    session.places.logs.mkdir()
    text = "OperationalException: no such pair\x1b[2J. Stopping trader\n"
    session.places.freqtrade_log.write_text(text, encoding="utf-8")
    supervisor(API)
    assert control.start(session, wishes(port), []) is ExitStatus.FAILED
    errors = capsys.readouterr().err
    assert "Freqtrade has stopped trading by itself" in errors
    assert "  OperationalException: no such pair [2J. Stopping trader\n" in errors
    assert is_running(session.places)


def test_a_restore_that_was_cut_short_keeps_a_bot_from_starting(
    session: Session, port: int
) -> None:
    session.places.run.mkdir()
    (session.places.run / "restoring").write_text("before.tar.gz", encoding="utf-8")
    with pytest.raises(UserError, match=r"cut short.*\./manage\.sh restore before\.tar\.gz"):
        control.start(session, wishes(port), [])


def test_what_a_killed_supervisor_left_is_ended_before_a_new_start(
    session: Session,
    port: int,
    supervisor: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    supervisor(API)
    control.start(session, wishes(port), [])
    record = read_record(session.places)
    assert record is not None
    os.kill(record.processes[0].pid, signal.SIGKILL)
    _wait_until(lambda: not is_running(session.places))
    orphan = record.processes[1].pid
    assert _runs(orphan)
    assert control.start(session, wishes(port), []) is ExitStatus.DONE
    assert "Ended what an earlier run had left behind." in capsys.readouterr().out
    assert not _runs(orphan)


def test_run_ends_what_a_killed_supervisor_left_all_at_once(
    session: Session, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    orphans = [subprocess.Popen(command) for _ in range(2)]  # noqa: S603 - a stand-in
    session.places.run.mkdir()
    plan = Plan("dry_run", port, (Program("freqtrade", (sys.executable, "-c", ""), {}),))
    write_record(session.places, plan, _now(), tuple(("old", one.pid) for one in orphans))
    path = session.places.run / "bot.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["processes"] = record["processes"][1:]
    path.write_text(json.dumps(record), encoding="utf-8")
    monkeypatch.setattr(control, "make_plan", lambda *_: plan)
    control.run(session, wishes(port))
    assert [one.wait(1) for one in orphans] == [-15, -15]


def test_wrong_settings_stop_a_start_before_anything_runs(session: Session, port: int) -> None:
    session.places.settings.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="line 1, column 2"):
        control.start(session, wishes(port), [])
    assert not session.places.run.exists()


def test_run_in_the_foreground_ends_well_on_a_signal(
    session: Session,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    command = (sys.executable, "-c", API, str(port))
    plan = Plan("dry_run", port, (Program("freqtrade", command, dict(os.environ)),))
    monkeypatch.setattr(control, "make_plan", lambda *_: plan)

    def end_when_answering() -> None:
        _wait_until(lambda: api.answers_ping(port))
        os.kill(os.getpid(), signal.SIGTERM)

    ender = threading.Thread(target=end_when_answering)
    ender.start()
    assert control.run(session, wishes(port)) is ExitStatus.DONE
    ender.join()
    out = capfd.readouterr().out
    assert "DRY-RUN: real market and model, simulated money" in out
    assert "Freqtrade is up" in out
    assert not session.places.run.joinpath("bot.json").exists()


def test_run_in_the_foreground_tells_a_failure_with_the_last_lines(
    session: Session,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    command = (sys.executable, "-c", "print('why')")
    plan = Plan("dry_run", port, (Program("freqtrade", command, dict(os.environ)),))
    monkeypatch.setattr(control, "make_plan", lambda *_: plan)
    assert control.run(session, wishes(port)) is ExitStatus.FAILED
    assert capfd.readouterr().err == (
        "freqtrade ended by itself with status 0\n  why\n"
        "./manage.sh doctor looks for the cause, ./manage.sh logs shows all it said.\n"
    )


def test_the_command_line_of_the_supervisor_is_our_own() -> None:
    assert launch.own_command(["run", "--sandbox"])[1:] == (
        "-m",
        "llm_modules.cli",
        "run",
        "--sandbox",
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

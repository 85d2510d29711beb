import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_modules.errors import UserError
from llm_modules.operations.places import Places
from llm_modules.operations.running import bot_record
from llm_modules.operations.running.bot_record import (
    AlreadyRunningError,
    RecordedProcess,
    bot_lock,
    is_running,
    living,
    orphans,
    read_record,
    write_record,
)
from llm_modules.operations.running.plan import Plan
from llm_modules.operations.running.stopping import stop_bot

PLAN = Plan("sandbox", 8086, ())
NOW = datetime(2026, 1, 15, tzinfo=UTC)


def sleeper(*, stubborn: bool = False) -> subprocess.Popen[bytes]:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if stubborn else ""
    script = f"{ignore}print(flush=True); import time; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)  # noqa: S603
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def without_supervisor(places: Places) -> None:
    """Make the record that of a supervisor which was killed."""
    path = places.run / bot_record.RECORD_NAME
    record = json.loads(path.read_text(encoding="utf-8"))
    record["processes"] = record["processes"][1:]
    path.write_text(json.dumps(record), encoding="utf-8")


def test_nothing_runs_in_a_new_folder(places: Places) -> None:
    assert is_running(places) is False
    assert read_record(places) is None
    assert stop_bot(places, 1) is None


def test_a_bot_runs_while_its_lock_is_held(places: Places) -> None:
    with bot_lock(places):
        assert is_running(places) is True
    assert is_running(places) is False


def test_a_second_bot_of_the_same_folder_is_refused(places: Places) -> None:
    with (
        bot_lock(places),
        pytest.raises(AlreadyRunningError, match="already running"),
        bot_lock(places),
    ):
        pytest.fail("two locks")
    with bot_lock(places):
        assert is_running(places)


def test_someone_who_only_looks_does_not_keep_a_bot_from_starting(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bot_record._try_lock
    answers = iter([False, False])
    monkeypatch.setattr(
        bot_record, "_try_lock", lambda file: next(answers, None) is not False and real(file)
    )
    with bot_lock(places):
        monkeypatch.undo()
        assert is_running(places)


def test_a_folder_that_cannot_be_written_is_told_with_the_way_out(places: Places) -> None:
    places.run.write_text("a file in the way", encoding="utf-8")
    with pytest.raises(UserError, match=r"sudo chown -R 1000:1000 user_data"), bot_lock(places):
        pytest.fail("locked")


def test_the_record_names_supervisor_and_children(places: Places) -> None:
    child = sleeper()
    with bot_lock(places):
        write_record(places, PLAN, NOW, (("freqtrade", child.pid),))
        record = read_record(places)
        assert record is not None
        assert (record.mode, record.api_port, record.started_at) == ("sandbox", 8086, NOW)
        assert [(one.name, one.pid) for one in living(record)] == [
            ("supervisor", os.getpid()),
            ("freqtrade", child.pid),
        ]
        end(child)
        assert [one.name for one in living(record)] == ["supervisor"]


def test_arguments_the_kernel_does_not_show_yet_are_waited_for(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = sleeper()
    real = bot_record._arguments
    too_early = iter([(), ()])
    monkeypatch.setattr(
        bot_record, "_arguments", lambda pid: next(too_early, real(pid)) if pid == child.pid else ()
    )
    with bot_lock(places):
        write_record(places, PLAN, NOW, (("freqtrade", child.pid),))
        monkeypatch.undo()
        record = read_record(places)
        end(child)
    assert record is not None
    assert record.processes[0].arguments == ()
    assert "import time; time.sleep(60)" in record.processes[1].arguments[1]


def test_a_process_that_has_ended_already_is_recorded_without_arguments(places: Places) -> None:
    child = sleeper()
    end(child)
    with bot_lock(places):
        write_record(places, PLAN, NOW, (("freqtrade", child.pid),))
        record = read_record(places)
    assert record is not None
    assert record.processes[1].arguments == ()


def test_the_copy_of_a_folder_does_not_take_the_bot_for_its_own(
    places: Places, tmp_path: Path
) -> None:
    copy = Places(tmp_path / "copy" / "user_data")
    child = sleeper()
    with bot_lock(places):
        write_record(places, PLAN, NOW, (("freqtrade", child.pid),))
        shutil.copytree(places.user_data, copy.user_data)
        assert read_record(places) is not None
    assert read_record(copy) is None
    assert orphans(copy) == ()
    assert stop_bot(copy, 1) is None
    assert child.poll() is None
    end(child)


def test_a_record_of_an_older_version_names_no_folder_and_counts(places: Places) -> None:
    with bot_lock(places):
        write_record(places, PLAN, NOW, ())
        path = places.run / bot_record.RECORD_NAME
        record = json.loads(path.read_text(encoding="utf-8"))
        del record["user_data"]
        path.write_text(json.dumps(record), encoding="utf-8")
        assert read_record(places) is not None


def test_the_record_goes_with_the_lock(places: Places) -> None:
    with bot_lock(places):
        write_record(places, PLAN, NOW, ())
    assert read_record(places) is None


def test_the_record_goes_also_when_the_bot_is_interrupted(places: Places) -> None:
    def interrupted() -> None:
        with bot_lock(places):
            write_record(places, PLAN, NOW, ())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert read_record(places) is None


def test_a_number_given_to_another_program_is_not_ours(places: Places) -> None:
    with bot_lock(places):
        write_record(places, PLAN, NOW, ())
        record = read_record(places)
    assert record is not None
    other = RecordedProcess(name="freqtrade", pid=os.getpid(), arguments=("-m", "freqtrade"))
    assert living(record.model_copy(update={"processes": (other,)})) == ()


def test_a_child_nobody_has_waited_for_yet_counts_as_ended(places: Places) -> None:
    child = sleeper()
    with bot_lock(places):
        write_record(places, PLAN, NOW, (("freqtrade", child.pid),))
        record = read_record(places)
        assert record is not None
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert [one.name for one in living(record)] == ["supervisor"]
    end(child)


@pytest.mark.parametrize("content", ["", "{", '{"pid": 5}'])
def test_a_damaged_record_is_none(places: Places, content: str) -> None:
    places.run.mkdir()
    (places.run / bot_record.RECORD_NAME).write_text(content, encoding="utf-8")
    assert read_record(places) is None


def test_what_a_killed_supervisor_left_is_ended(places: Places) -> None:
    children = [sleeper(), sleeper()]
    places.run.mkdir()
    write_record(places, PLAN, NOW, tuple(("freqtrade", child.pid) for child in children))
    without_supervisor(places)
    assert stop_bot(places, 5) == "What a killed supervisor had left was ended."
    assert [child.wait(1) for child in children] == [-15, -15]
    end(*children)


def test_orphans_are_what_lives_while_no_supervisor_does(places: Places) -> None:
    child = sleeper()
    assert orphans(places) == ()
    with bot_lock(places):
        write_record(places, PLAN, NOW, (("freqtrade", child.pid),))
        assert orphans(places) == ()
        kept = (places.run / bot_record.RECORD_NAME).read_bytes()
    (places.run / bot_record.RECORD_NAME).write_bytes(kept)
    without_supervisor(places)
    assert [(one.name, one.pid) for one in orphans(places)] == [("freqtrade", child.pid)]
    end(child)
    assert orphans(places) == ()


def test_what_does_not_end_is_killed_with_a_message(places: Places) -> None:
    child = sleeper(stubborn=True)
    places.run.mkdir()
    write_record(places, PLAN, NOW, (("freqtrade", child.pid),))
    without_supervisor(places)
    told = "The bot was stopped by force: freqtrade did not end within 0.3 s."
    assert stop_bot(places, 0.3) == told
    assert child.wait(1) == -9
    end(child)


SUPERVISOR = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from llm_modules.operations.running.bot_record import bot_lock, write_record
from llm_modules.operations.places import Places
from llm_modules.operations.running.plan import Plan
places = Places(Path(sys.argv[1]))
with bot_lock(places):
    print(flush=True)
    time.sleep(float(sys.argv[2]))
    write_record(places, Plan("sandbox", 8086, ()), datetime.now(UTC), ())
    time.sleep(60)
"""


@pytest.mark.parametrize("record_after_seconds", [0, 0.5])
def test_a_supervisor_is_asked_to_end_even_before_its_record_is_written(
    places: Places, record_after_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(places.strategies))
    command = [sys.executable, "-c", SUPERVISOR, str(places.user_data), str(record_after_seconds)]
    supervisor = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603
    assert supervisor.stdout is not None
    supervisor.stdout.readline()
    assert stop_bot(places, 5) == "The bot was stopped."
    assert supervisor.wait(1) == -15
    end(supervisor)


def test_a_process_that_ends_in_between_is_no_error(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = sleeper()
    places.run.mkdir()
    write_record(places, PLAN, NOW, (("freqtrade", child.pid),))
    without_supervisor(places)

    real_kill = os.kill

    def gone(pid: int, number: int) -> None:
        real_kill(pid, 9)
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", gone)
    assert stop_bot(places, 5) == "What a killed supervisor had left was ended."
    monkeypatch.undo()
    end(child)


def test_a_process_of_another_user_is_told_as_that(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = sleeper()
    places.run.mkdir()
    write_record(places, PLAN, NOW, (("freqtrade", child.pid),))
    without_supervisor(places)

    def refused(_pid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    with pytest.raises(UserError, match=f"freqtrade {child.pid} was started by another user"):
        stop_bot(places, 5)
    monkeypatch.undo()
    end(child)


def test_a_bot_is_seen_by_those_who_may_only_look(places: Places) -> None:
    with bot_lock(places):
        (places.run / bot_record.LOCK_NAME).chmod(0o444)
        assert is_running(places)


def test_the_lock_is_not_inherited_by_children(places: Places) -> None:
    with bot_lock(places):
        child = sleeper()
    assert is_running(places) is False
    end(child)


def test_the_folder_of_a_record_is_the_bots_own(places: Places, tmp_path: Path) -> None:
    other = Places(tmp_path / "other")
    with bot_lock(places), bot_lock(other):
        assert is_running(other)

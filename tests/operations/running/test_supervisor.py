import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from llm_modules.operations.running.plan import Program
from llm_modules.operations.running.supervisor import (
    LAST_LINES,
    STOP_SIGNALS,
    Ending,
    Patience,
    Supervisor,
    accepts,
)
from ports import free_port

PATIENT = Patience(ready_seconds=20, main_stop_seconds=3, other_stop_seconds=1)
SLEEPER = "import time; time.sleep(60)"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
SERVER = """
import socket, sys, time
time.sleep(float(sys.argv[2]))
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)
"""


def program(name: str, script: str, *arguments: str, ports: tuple[int, ...] = ()) -> Program:
    command = (sys.executable, "-c", script, *arguments)
    return Program(name, command, dict(os.environ), ports)


def signalled_when(condition: Callable[[], bool], number: int = signal.SIGTERM) -> threading.Thread:
    """Send this process a signal once the condition holds."""

    def wait_and_signal() -> None:
        deadline = time.monotonic() + 30
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=wait_and_signal)
    thread.start()
    return thread


def run_until_signal(
    *programs: Program, patience: Patience = PATIENT, number: int = signal.SIGTERM
) -> tuple[Ending, list[str], list[int]]:
    """Run until all have started and said a line each; return ending, lines and process ids."""
    lines: list[str] = []
    pids: list[int] = []
    supervisor = Supervisor(
        programs,
        Path.cwd(),
        patience=patience,
        on_started=lambda children: pids.append(children[-1][1]),
        on_line=lines.append,
    )
    waiter = signalled_when(lambda: len(pids) == len(programs) and len(lines) >= 1, number)
    ending = supervisor.run()
    waiter.join()
    return ending, lines, pids


def test_a_signal_ends_all_and_is_no_failure(tmp_path: Path) -> None:
    talker = program("freqtrade", f"print('up', flush=True); {SLEEPER}")
    ending, lines, pids = run_until_signal(program("sandbox", SLEEPER), talker)
    assert ending == Ending(None)
    assert lines == ["up"]
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_every_stop_signal_is_understood(number: signal.Signals) -> None:
    talker = program("freqtrade", f"print('up', flush=True); {SLEEPER}")
    ending, _, _ = run_until_signal(talker, number=number)
    assert ending.problem is None


@pytest.mark.parametrize("status", [0, 130, 143])
def test_freqtrades_own_ways_to_end_count_as_success(status: int) -> None:
    script = (
        "import signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: sys.exit({status}))\n"
        "print('up', flush=True)\ntime.sleep(60)"
    )
    ending, _, _ = run_until_signal(program("freqtrade", script))
    assert ending.problem is None


def test_another_status_on_stopping_is_told() -> None:
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('up', flush=True)\ntime.sleep(60)"
    )
    ending, _, _ = run_until_signal(program("freqtrade", script))
    assert ending.problem == "freqtrade ended with status 7 when told to end"


def test_a_child_that_ignores_the_signal_is_killed_and_told() -> None:
    patience = Patience(ready_seconds=5, main_stop_seconds=0.3, other_stop_seconds=0.3)
    ending, _, pids = run_until_signal(program("freqtrade", STUBBORN), patience=patience)
    assert ending.problem == ("freqtrade did not end within 0.3 s when told to, and was killed")
    assert not psutil.pid_exists(pids[0])


def test_killing_what_keeps_nothing_is_no_failure() -> None:
    patience = Patience(ready_seconds=5, main_stop_seconds=0.3, other_stop_seconds=0.3)
    stubborn = replace(program("sandbox", STUBBORN), disposable=True)
    ending, _, pids = run_until_signal(stubborn, patience=patience)
    assert ending.problem is None
    assert not psutil.pid_exists(pids[0])


@pytest.mark.parametrize("status", [0, 2])
def test_an_end_that_nobody_asked_for_is_a_failure_with_the_last_lines(status: int) -> None:
    script = f"[print('line', n) for n in range(40)]; raise SystemExit({status})"
    ending = Supervisor([program("freqtrade", script)], Path.cwd(), patience=PATIENT).run()
    assert ending.problem == f"freqtrade ended by itself with status {status}"
    assert ending.last_lines == tuple(f"line {n}" for n in range(40 - LAST_LINES, 40))


def test_what_is_written_to_standard_error_is_among_the_last_lines() -> None:
    script = "import sys; sys.stderr.buffer.write(b'fatal \\xff\\n')"
    ending = Supervisor([program("freqtrade", script)], Path.cwd(), patience=PATIENT).run()
    assert ending.last_lines == ("fatal \ufffd",)


def test_when_one_fails_the_other_is_ended_too() -> None:
    pids: list[int] = []
    programs = [program("sandbox", SLEEPER), program("freqtrade", "raise SystemExit(0)")]
    ending = Supervisor(
        programs,
        Path.cwd(),
        patience=PATIENT,
        on_started=lambda children: pids.append(children[-1][1]),
    ).run()
    assert ending.problem == "freqtrade ended by itself with status 0"
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_the_next_program_starts_only_when_the_ports_of_the_first_accept() -> None:
    port = free_port()
    asks = f"import socket; socket.create_connection(('127.0.0.1', {port})).close()"
    ending = Supervisor(
        [
            program("sandbox", SERVER, str(port), "0.5", ports=(port,)),
            program("freqtrade", f"{asks}; print('reached')"),
        ],
        Path.cwd(),
        patience=PATIENT,
    ).run()
    assert ending.last_lines == ("reached",)


SAYS_GOODBYE = """
import os, signal, socket, sys, time
def goodbye(*_):
    socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
    print("exchange still there", flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, goodbye)
print("up", flush=True)
time.sleep(60)
"""


def test_the_exchange_is_still_there_while_freqtrade_ends() -> None:
    port = free_port()
    ending, lines, _ = run_until_signal(
        program("sandbox", SERVER, str(port), "0", ports=(port,)),
        program("freqtrade", SAYS_GOODBYE, str(port)),
    )
    assert ending.problem is None
    assert lines == ["up", "exchange still there"]


def test_a_server_that_dies_before_it_is_ready_is_told_and_the_next_never_starts() -> None:
    started: list[str] = []
    ending = Supervisor(
        [
            program("sandbox", "print('no data'); raise SystemExit(2)", ports=(free_port(),)),
            program("freqtrade", SLEEPER),
        ],
        Path.cwd(),
        patience=PATIENT,
        on_started=lambda children: started.append(children[-1][0]),
    ).run()
    assert ending == Ending("sandbox ended by itself with status 2", ("no data",))
    assert started == ["sandbox"]


def test_a_server_that_is_never_ready_is_given_up() -> None:
    patience = Patience(ready_seconds=0.4, main_stop_seconds=1, other_stop_seconds=1)
    silent = program("sandbox", SLEEPER, ports=(free_port(),))
    ending = Supervisor([silent], Path.cwd(), patience=patience).run()
    assert ending.problem == "sandbox was not ready within 0.4 s"


def test_a_signal_while_waiting_starts_nothing_more() -> None:
    started: list[str] = []
    programs = [
        program("sandbox", SLEEPER, ports=(free_port(),)),
        program("freqtrade", SLEEPER),
    ]
    supervisor = Supervisor(
        programs,
        Path.cwd(),
        patience=PATIENT,
        on_started=lambda children: started.append(children[-1][0]),
    )
    waiter = signalled_when(lambda: bool(started))
    assert supervisor.run().problem is None
    waiter.join()
    assert started == ["sandbox"]


def test_ctrl_c_at_the_terminal_reaches_no_child_directly() -> None:
    groups: list[int] = []
    supervisor = Supervisor(
        [program("freqtrade", "raise SystemExit(0)")],
        Path.cwd(),
        on_started=lambda children: groups.append(os.getpgid(children[-1][1])),
    )
    supervisor.run()
    assert groups != [os.getpgid(0)]


def test_the_signal_handlers_of_the_caller_come_back() -> None:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    Supervisor([program("freqtrade", "")], Path.cwd()).run()
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_an_error_of_our_own_leaves_no_child_behind() -> None:
    pids: list[int] = []

    def fail(children: tuple[tuple[str, int], ...]) -> None:
        pids.append(children[-1][1])
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Supervisor([program("freqtrade", SLEEPER)], Path.cwd(), on_started=fail).run()
    assert not psutil.pid_exists(pids[0])


def test_a_port_nobody_listens_on_does_not_accept() -> None:
    port = free_port()
    assert accepts(port) is False
    with socket.create_server(("127.0.0.1", port)):
        assert accepts(port) is True

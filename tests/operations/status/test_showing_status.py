"""`status` on a terminal, in a pipe, as JSON and again and again."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from builders import a_decision_record
from freqtrade_api import PASSWORD, PING, FreqtradeApi
from llm_modules.cli import commands as cli
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.status.showing import StatusOptions, show_status, watch
from status_scenes import a_running_bot, tell

Captured = pytest.CaptureFixture[str]
KEYS = {
    "": "schema at bot account positions decisions refusals model cost halts journals "
    "learning_off problems",
    "bot": "running mode starts_as started_at uptime_seconds processes api_address api_answers",
    "account": "source at currency equity peak_equity drawdown_ratio day_start_equity "
    "day_profit_abs day_profit_ratio",
    "refusals": "decisions by_reason",
    "model": "name asked failed error_ratio latency_p50_seconds latency_p95_seconds fallback "
    "breaker over_budget skipped",
    "cost": "today_usd requests unpriced budget",
    "journals": "lines since is_cut unreadable_lines torn_files disk_free_bytes problems",
}
POSITION_KEYS = (
    "trade_id pair side leverage stake_amount opened_at open_rate current_rate profit_ratio "
    "profit_abs stop_price decision_id thesis"
)
DECISION_KEYS = "pair decision_id at age_seconds tool verdict confidence"


def as_json(session: Session, capsys: Captured) -> Any:
    show_status(session, StatusOptions(as_json=True))
    return json.loads(capsys.readouterr().out)


def test_piped_it_is_plain_lines_without_trailing_blanks(
    session: Session, api: FreqtradeApi, capsys: Captured
) -> None:
    tell(session.journals().decisions, a_decision_record(mode="live"))
    with a_running_bot(session.places, "live", api.port):
        assert show_status(session, StatusOptions()) is ExitStatus.DONE
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "Mode           LIVE: real market, real model, REAL MONEY\n" in captured.out
    assert "  BTC   long   3x  100.00    100  101  +2.88 %  97.5  " in captured.out
    assert captured.out.isascii()
    assert "\x1b" not in captured.out
    assert not [line for line in captured.out.splitlines() if line != line.rstrip()]
    assert PASSWORD not in captured.out


def test_a_bot_that_does_not_run_is_status_3(session: Session, capsys: Captured) -> None:
    (session.places.user_data / "HALT").touch()
    assert show_status(session, StatusOptions()) is ExitStatus.NOT_RUNNING
    assert capsys.readouterr().out.startswith(
        "Not running. Start it with ./manage.sh start\n"
        "Would start as SANDBOX: simulated exchange replaying real candles, scripted model, "
        "no real money\n"
        "Halted         in every mode: HALT was found but not readable (empty)\n"
    )
    assert show_status(session, StatusOptions(as_json=True)) is ExitStatus.NOT_RUNNING


def test_the_keys_of_the_json_stay(session: Session, api: FreqtradeApi, capsys: Captured) -> None:
    tell(session.journals().decisions, a_decision_record(mode="dry_run"))
    with a_running_bot(session.places, "dry_run", api.port):
        found = as_json(session, capsys)
    for name, keys in KEYS.items():
        assert list(found[name] if name else found) == keys.split()
    assert list(found["positions"][0]) == POSITION_KEYS.split()
    assert list(found["decisions"][0]) == DECISION_KEYS.split()
    assert (found["schema"], found["bot"]["mode"]) == (1, "dry_run")
    assert found["bot"]["started_at"] == "2026-01-15T09:30:00Z"
    assert PASSWORD not in json.dumps(found)


def test_what_is_not_known_is_null_in_the_json(session: Session, capsys: Captured) -> None:
    found = as_json(session, capsys)
    assert (found["account"], found["bot"]["mode"]) == (None, None)
    assert found["model"]["latency_p50_seconds"] is None


def test_watching_a_pipe_shows_it_once_and_says_so(session: Session, capsys: Captured) -> None:
    status = show_status(session, StatusOptions(watch_seconds=1))
    captured = capsys.readouterr()
    assert status is ExitStatus.NOT_RUNNING
    assert captured.out.count("Not running") == 1
    assert captured.err == "--watch needs a terminal; this is how it is now:\n"


def run(session: Session, *arguments: str) -> int:
    return cli.main([*arguments, "--user-data", str(session.places.user_data)], {})


def test_watching_as_json_is_refused(session: Session, capsys: Captured) -> None:
    assert run(session, "status", "--json", "--watch") == 2
    assert "leave out --watch" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0.9", "3601", "nan", "often", "-1"])
def test_a_time_to_watch_is_one_to_3600_seconds(
    session: Session, capsys: Captured, seconds: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(session, "status", f"--watch={seconds}")
    assert f"found {seconds!r}, expected 1 to 3600 seconds" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["1", "3600"])
def test_the_limits_of_watching_belong_to_it(
    session: Session, capsys: Captured, seconds: str
) -> None:
    assert run(session, "status", "--watch", seconds) == 3
    assert capsys.readouterr().err.startswith("--watch needs a terminal")


class Terminal:
    """A command of ours on a terminal of its own, 50 columns wide and a few lines high."""

    def __init__(self, folder: Path, *arguments: str, lines: int = 20) -> None:
        mine, its = pty.openpty()
        environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        size = {"COLUMNS": "50", "LINES": str(lines), "TERM": "xterm-256color"}
        self._screen = mine
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "llm_modules.cli", *arguments, "--user-data", str(folder)],
            stdin=its,
            stdout=its,
            stderr=its,
            env=environment | size | {"PYTHONPATH": str(SHIPPED_USER_DATA / "strategies")},
        )
        os.close(its)
        self.said = b""

    def read_until(self, text: bytes, times: int = 1) -> None:
        deadline = time.monotonic() + 60
        while self.said.count(text) < times:
            assert time.monotonic() < deadline, self.said
            self.said += os.read(self._screen, 65_536)

    def end(self) -> int:
        """Press Ctrl-C, read the rest, and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        try:
            while rest := os.read(self._screen, 65_536):
                self.said += rest
        except OSError:  # how Linux tells that the other side is closed
            pass
        os.close(self._screen)
        return self.process.wait(20)


def test_watching_takes_a_screen_of_its_own_and_gives_it_back_on_ctrl_c(
    session: Session, api: FreqtradeApi
) -> None:
    with a_running_bot(session.places, "dry_run", api.port):
        terminal = Terminal(session.places.user_data, "status", "--watch", "1", lines=6)
        terminal.read_until(b"Ctrl-C ends", times=2)
        assert terminal.end() == 0
    said = terminal.said.decode()
    assert said.index("\x1b[?1049h") < said.index("DRY-RUN") < said.index("\x1b[?1049l")
    # Six lines high: the foot is there, the end of the page is not.
    assert "every 1 s" in said
    assert "Journals" not in said
    assert "Traceback" not in said
    assert api.asked.count(PING) >= 2


def test_on_a_terminal_there_is_colour_and_no_line_is_too_long(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    for name in ("NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    tell(session.journals().decisions, a_decision_record(mode="live"))
    on_terminal = Session(session.places, session.environment, Screen())
    show_status(on_terminal, StatusOptions())
    out = capsys.readouterr().out
    assert "\x1b[1;37;41m" in out
    assert "last LIVE: real market, real model," not in out.splitlines()[1]


def test_watching_ends_when_it_is_told_to(session: Session) -> None:
    turns = iter([True, True])
    assert watch(session, 0.001, lambda: next(turns, False)) is ExitStatus.DONE


def test_ctrl_c_while_watching_is_status_0(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("time.sleep", interrupted)
    assert run(session, "status", "--watch") == 0
    out = capsys.readouterr().out
    assert "every 5 s; Ctrl-C ends" in out
    assert "Not running" in out

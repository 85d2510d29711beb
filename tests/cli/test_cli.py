import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from builders import a_decision_record, a_trade_record
from llm_modules.cli import commands as cli
from llm_modules.cli.commands import COMMANDS, main
from llm_modules.errors import UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import PROJECT, SHIPPED_USER_DATA, Places
from llm_modules.operations.running import control
from llm_modules.operations.running.bot_record import bot_lock
from llm_modules.operations.viewing import tails
from ports import free_port

SECRETS = {
    "FREQTRADE__API_SERVER__PASSWORD": "canary-password",
    "FREQTRADE__API_SERVER__JWT_SECRET_KEY": "canary-signing-key-of-32-characters",
    "FREQTRADE__API_SERVER__WS_TOKEN": "canary-token",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    user_data = tmp_path / "user_data"
    user_data.mkdir()
    shipped = (SHIPPED_USER_DATA / "config.json").read_text(encoding="utf-8")
    (user_data / "config.json").write_text(shipped, encoding="utf-8")
    return user_data


@pytest.fixture
def port() -> int:
    return free_port()


def run(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> int:
    own = SECRETS if environment is None else environment
    return main([*arguments, "--user-data", str(folder)], own)


def edited(folder: Path, before: str, after: str) -> Path:
    path = folder / "config.json"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"], {})
    assert caught.value.code == 0
    assert COMMANDS[command].purpose in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["status", "--fast"],
        ["logs", "-n", "-1"],
        ["logs", "-n", "many"],
        ["start", "--api-port", "1023"],
        ["start", "--api-port", "65536"],
        ["start", "--api-port", "x"],
        ["start", "--api-port", "\uff18\uff10\uff18\uff16"],
        ["logs", "--summary"],
        ["logs", "--raw"],
        ["trades", "--summary", "--mode", "paper"],
        ["trades", "--summary", "--days", "0"],
        ["trades", "--summary", "--days", "3651"],
        ["trades", "--summary", "--review"],
        ["trades", "--show", "1", "--summary"],
        ["decisions", "--show", "1", "--summary"],
        ["resume", "now"],
        ["halt", "--because"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments, {})
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["logs", "-n", "abc"], "argument -n: found 'abc', expected a whole number, 0 or more"),
        (["logs", "-n", "1.5"], "argument -n: found '1.5', expected a whole number, 0 or more"),
        (["logs", "-n", "-1"], "argument -n: found '-1', expected a whole number, 0 or more"),
        (["run", "--api-port", "x"], "--api-port: found 'x', expected a port from 1024 to 65535"),
    ],
)
def test_wrong_numbers_are_told_with_what_was_expected(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments, {})
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("port", ["1024", "65535"])
def test_the_ends_of_the_range_of_ports_are_accepted(port: str) -> None:
    options = cli.parser().parse_args(["run", "--api-port", port])
    assert options.api_port == int(port)


def test_settings_in_order_are_status_0(
    folder: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "check", "--api-port", str(port)) == 0
    assert capsys.readouterr().out.startswith("The settings are in order. SANDBOX")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"dry_run": true,', '"dry_run" true,', "config.json, line 6, column 15: Missing a colon"),
        ('"dry_run": true,', "", "dry_run: missing, expected true or false"),
        ('"stake_currency"', '"stake_curency"', "did you mean 'stake_currency'?"),
        ('"max_leverage": 10', '"max_leverage": "10"', "risk_management.max_leverage: found '10'"),
        ('"max_tokens": 2000', '"max_token": 2000', "llm_config.max_tokens: missing"),
        ('"timeout": 60', '"time_out": 60', "llm_config.time_out: unknown key; allowed"),
        ('"context_config"', '"context_cfg"', "context_config: missing"),
        ('"max_position_pct": 20', '"max_position_pct": 101', "found 101"),
        ('"retry_times": 2', '"retry_times": NaN', "llm_config.retry_times: found nan"),
    ],
)
def test_bad_settings_are_told_by_key_with_status_2(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    before: str,
    after: str,
    told: str,
) -> None:
    assert run(edited(folder, before, after), "check") == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""


def test_missing_settings_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "config.json").unlink()
    assert run(folder, "check") == 2
    assert "config.json is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('"api_key": ""', '"api_key": "sk-canary"', "llm_config.api_key"),
        ('"name": "binance"', '"name": "binance", "secret": "sk-canary"', "exchange.secret"),
        ('"username"', '"password": "sk-canary", "username"', "api_server.password"),
        ('"username"', '"ws_token": "sk-canary", "username"', "api_server.ws_token"),
    ],
)
def test_a_secret_in_the_settings_stops_every_way_to_start(
    folder: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, key: str
) -> None:
    edited(folder, before, after)
    for command in ("check", "run", "start"):
        assert run(folder, command) == 2
        errors = capsys.readouterr().err
        assert key in errors
        assert "./manage.sh move-keys" in errors
        assert "canary" not in errors


def test_the_one_command_named_puts_it_right(
    folder: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(folder, '"api_key": ""', '"api_key": "sk-canary"')
    assert run(folder, "move-keys") == 0
    assert run(folder, "check", "--api-port", str(port)) == 0
    captured = capsys.readouterr()
    assert "canary" not in captured.out + captured.err
    env_file = folder.parent / ".env"
    assert "LLM_API_KEY=sk-canary\n" in env_file.read_text(encoding="utf-8")


def test_a_malformed_env_file_is_told_without_its_content(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent / ".env").write_text("LLM_API_KEY=x\nsk-canary\n", encoding="utf-8")
    assert run(folder, "check") == 2
    errors = capsys.readouterr().err
    assert "line 2: expected NAME=value" in errors
    assert "canary" not in errors


def test_compose_asks_for_the_sandbox_by_a_variable(
    folder: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    model = {
        "FREQTRADE__LLM_CONFIG__MODEL": "m",
        "FREQTRADE__LLM_CONFIG__API_BASE": "http://127.0.0.1:9",
    }
    for asked, mode in (("0", "DRY-RUN"), ("1", "SANDBOX")):
        environment = {**SECRETS, **model, "LLM_TRADER_SANDBOX": asked}
        assert run(folder, "check", "--api-port", str(port), environment=environment) == 0
        assert mode in capsys.readouterr().out


def test_nothing_running_is_status_3_and_stopping_it_is_no_failure(folder: Path) -> None:
    assert run(folder, "status") == 3
    assert run(folder, "stop") == 0


def test_cleaning_a_running_bot_is_refused_with_status_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bot_lock(Places(folder)):
        assert run(folder, "clean", "--yes") == 1
        assert run(folder, "run") == 1
    assert "the bot is already running: ./manage.sh stop ends it" in capsys.readouterr().err


def test_cleaning_asks_or_refuses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tradesv3.sqlite").touch()
    completed = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "llm_modules.cli", "clean", "--user-data", str(folder)],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SHIPPED_USER_DATA / "strategies")},
    )
    assert completed.returncode == 2
    assert b"confirm with --yes" in completed.stderr
    assert (folder / "tradesv3.sqlite").exists()


def own_process(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own, with nobody to answer."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "llm_modules.cli", *arguments, "--user-data", str(folder)],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SHIPPED_USER_DATA / "strategies")},
    )


@pytest.mark.parametrize("settings", ["", None])
def test_it_can_be_halted_with_broken_settings_and_no_bot(
    folder: Path, settings: str | None
) -> None:
    (folder / "config.json").unlink()
    if settings is not None:
        (folder / "config.json").write_text(settings, encoding="utf-8")
    halted = own_process(folder, "halt", "exchange", "maintenance")
    assert (halted.returncode, halted.stderr) == (0, "")
    assert (folder / "HALT").exists()


def test_the_kill_switch_works_with_broken_settings_and_no_bot(folder: Path) -> None:
    (folder / "config.json").write_text("{", encoding="utf-8")
    halted = own_process(folder, "halt", "exchange", "maintenance")
    assert (halted.returncode, halted.stderr) == (0, "")
    assert "It will start halted" in halted.stdout
    status = own_process(folder, "status")
    assert status.returncode == 3
    assert "Halted         in every mode: exchange maintenance (by " in status.stdout
    refused = own_process(folder, "resume")
    assert refused.returncode == 2
    assert "exchange maintenance" in refused.stdout
    assert refused.stderr == "nobody to ask: confirm with --yes\n"
    assert (folder / "HALT").exists()
    resumed = own_process(folder, "resume", "--yes")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert not (folder / "HALT").exists()
    again = own_process(folder, "resume")
    assert (again.returncode, again.stdout) == (0, "Nothing is halted.\n")


def test_flatten_without_a_bot_is_status_3(folder: Path) -> None:
    refused = own_process(folder, "flatten", "--yes")
    assert refused.returncode == 3
    assert "nothing can be closed now" in refused.stderr
    assert not (folder / "FLATTEN").exists()


def test_flatten_with_nobody_to_ask_is_status_2(folder: Path) -> None:
    with bot_lock(Places(folder)):
        assert own_process(folder, "flatten").returncode == 2
        assert not (folder / "FLATTEN").exists()
        assert own_process(folder, "flatten", "--yes").returncode == 0
    assert (folder / "FLATTEN").exists()


def test_a_switch_that_cannot_be_thrown_is_one_line_and_status_1(folder: Path) -> None:
    (folder / "HALT" / "inside").mkdir(parents=True)
    kept = own_process(folder, "resume", "--yes")
    assert kept.returncode == 1
    assert kept.stderr == f"cannot remove {folder / 'HALT'}: Directory not empty\n"


def test_the_decisions_are_counted_on_request(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "decisions", "--summary") == 0
    assert "There is no decision in " in capsys.readouterr().out
    (folder / "logs").mkdir()
    line = a_decision_record().model_dump_json(by_alias=True)
    (folder / "logs" / "llm_decisions.jsonl").write_text(f"{line}\n", encoding="utf-8")
    assert run(folder, "decisions", "--summary") == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["approved", "1"]


def test_the_viewers_read_the_bots_own_journals(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = folder / "logs"
    logs.mkdir()
    decision = a_decision_record().model_dump_json(by_alias=True)
    trade = a_trade_record().model_dump_json(by_alias=True)
    (logs / "llm_decisions.jsonl").write_text(f"{decision}\n", encoding="utf-8")
    (logs / "trade_experience.jsonl").write_text(f"{trade}\n", encoding="utf-8")
    (logs / "freqtrade.log").write_text("one\ntwo\n", encoding="utf-8")
    assert run(folder, "decisions", "--no-follow") == 0
    assert run(folder, "trades", "--no-follow", "--raw") == 0
    assert run(folder, "logs", "--no-follow", "-n", "1") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("signal_wait         approved    60  d-1  no edge")
    assert out[1:] == [trade, "two"]


def test_the_version_of_this_project_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "version", "--pyproject", str(PROJECT / "pyproject.toml")) == 0
    assert "freqtrade      pinned 2026.9, installed 2026.9" in capsys.readouterr().out


def test_start_follows_the_decisions_until_the_bot_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    passed_on: list[object] = []

    def started(*arguments: object) -> ExitStatus:
        passed_on.append(arguments[2])
        return ExitStatus.DONE

    monkeypatch.setattr(control, "start", started)
    assert run(folder, "start", "--sandbox", "--api-port", "9000") == 3
    assert passed_on == [["--user-data", str(folder), "--sandbox", "--api-port", "9000"]]
    assert "The bot has ended." in capsys.readouterr().err


@pytest.mark.parametrize("status", [ExitStatus.DONE, ExitStatus.FAILED])
def test_a_detached_or_failed_start_follows_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, status: ExitStatus
) -> None:
    monkeypatch.setattr(control, "start", lambda *_: status)
    monkeypatch.setattr(tails, "show_decisions", lambda *_: pytest.fail("it follows"))
    detach = ["--detach"] if status is ExitStatus.DONE else []
    assert run(folder, "start", *detach) == status


def test_ctrl_c_ends_the_following_and_not_the_bot(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> ExitStatus:
        raise KeyboardInterrupt

    monkeypatch.setattr(control, "start", lambda *_: ExitStatus.DONE)
    monkeypatch.setattr(tails, "show_decisions", interrupted)
    assert run(folder, "start") == 0
    assert "The bot keeps running; ./manage.sh stop ends it." in capsys.readouterr().out
    assert run(folder, "decisions") == 0

    monkeypatch.setattr(control, "stop", interrupted)
    assert run(folder, "stop") == 130


def test_announcing_waits_for_a_bot_that_is_starting(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(control, "START_SECONDS", 0.1)
    assert run(folder, "announce") == 1
    assert "The bot did not start." in capsys.readouterr().err


def test_an_error_of_the_user_is_one_line_and_status_2(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> ExitStatus:
        raise UserError("[/] do this")

    monkeypatch.setattr(control, "stop", fail)
    assert run(folder, "stop") == 2
    assert capsys.readouterr().err == "[/] do this\n"


def test_an_error_of_the_machine_is_one_line_and_status_1(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> ExitStatus:
        raise OSError(28, "No space left on device", "user_data/run/bot.json")

    monkeypatch.setattr(control, "stop", fail)
    assert run(folder, "stop") == 1
    assert "run/bot.json: no room is left on the disk" in capsys.readouterr().err


# As at a terminal, also where the tests run in the background, which ignores Ctrl-C.
AT_A_TERMINAL = """
import os, signal, sys
from llm_modules.cli.commands import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:], os.environ))
"""


def process(
    folder: Path, *arguments: str, stdout: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", AT_A_TERMINAL, *arguments, "--user-data", str(folder)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(SHIPPED_USER_DATA / "strategies")},
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def test_a_viewer_ends_with_0_on_ctrl_c(folder: Path) -> None:
    logs = folder / "logs"
    logs.mkdir()
    (logs / "freqtrade.log").write_text("one\n", encoding="utf-8")
    with process(folder, "logs") as viewer:
        assert viewer.stdout is not None
        assert viewer.stdout.readline() == b"one\n"
        viewer.send_signal(signal.SIGINT)
        assert viewer.wait(10) == 0
        assert viewer.stderr is not None
        assert viewer.stderr.read() == b""


@pytest.mark.parametrize("options", [("--days", "3"), ("--mode", "dry-run")])
def test_what_belongs_to_a_summary_alone_is_not_dropped_in_silence(
    folder: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert run(folder, "trades", *options) == 2
    assert "belong to --summary" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["dry-run", "dry_run"])
def test_a_mode_is_understood_as_people_write_it(
    folder: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    assert run(folder, "trades", "--summary", "--mode", mode, "--days", "3650") == 0
    assert capsys.readouterr().out.startswith("No dry_run trade in ")


def test_usage_names_the_command_that_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["trades", "--fast"], {})
    assert capsys.readouterr().err.startswith("usage: ./manage.sh")


@pytest.mark.parametrize("command", ["logs", "decisions", "trades"])
def test_a_reader_that_has_seen_enough_is_no_failure(folder: Path, command: str) -> None:
    (folder / "logs").mkdir()
    for name in ("freqtrade.log", "llm_decisions.jsonl", "trade_experience.jsonl"):
        (folder / "logs" / name).write_text("one\n" * 5, encoding="utf-8")
    reading, writing = os.pipe()
    os.close(reading)
    with process(folder, command, "-n", "5", stdout=writing) as viewer:
        os.close(writing)
        assert viewer.wait(20) == 0
        assert viewer.stderr is not None
        assert viewer.stderr.read() == b""


@pytest.mark.parametrize("raw", [[], ["--raw"]])
def test_a_viewer_ends_quietly_when_its_reader_leaves(folder: Path, raw: list[str]) -> None:
    logs = folder / "logs"
    logs.mkdir()
    path = logs / "llm_decisions.jsonl"
    line = a_decision_record().model_dump_json(by_alias=True) + "\n"
    path.write_text(line, encoding="utf-8")
    with process(folder, "decisions", *raw) as viewer:
        assert viewer.stdout is not None
        viewer.stdout.readline()
        viewer.stdout.close()
        deadline = time.monotonic() + 10
        while viewer.poll() is None and time.monotonic() < deadline:
            with path.open("a", encoding="utf-8") as file:
                file.write(line)
            time.sleep(0.1)
        assert viewer.wait(1) == 0
        assert viewer.stderr is not None
        assert b"Traceback" not in viewer.stderr.read()

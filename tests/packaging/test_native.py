"""manage.sh without Docker: what it installs, and whom it hands a command to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llm_modules.gate.halt import read_halt
from scripted_project import LOCK, PYTHON, ROOT, UV, Project, halted


def test_the_first_command_installs_only_what_the_bot_needs(project: Project) -> None:
    result = project.run("status")
    assert result.status == 0
    assert "Installing the locked packages" in result.out
    assert result.called(r"python -m venv --clear \.venv")
    assert result.called(r"-m pip install .*--no-deps --require-hashes -r \.venv/requirements\.txt")
    assert result.called(r"-m compileall")
    assert result.calls[-1] == "python -m llm_modules.cli status"
    requirements = project.folder / ".venv" / "requirements.txt"
    assert requirements.read_text(encoding="utf-8") == LOCK.partition("# ===")[0]


def test_anthropics_library_comes_with_a_config_that_names_it(project: Project) -> None:
    project.run("status")
    (project.folder / "user_data").mkdir(exist_ok=True)
    config = project.folder / "user_data" / "config.json"
    config.write_text('{"llm_config": {"provider": "anthropic"}}', encoding="utf-8")
    assert project.run("status").called("pip install")
    requirements = project.folder / ".venv" / "requirements.txt"
    assert requirements.read_text(encoding="utf-8") == LOCK.partition("# === test")[0]
    assert not project.run("status").called("pip install")
    # What is there already does no harm once it is not needed any more.
    config.write_text('{"llm_config": {"provider": "openai"}}', encoding="utf-8")
    assert not project.run("status").called("pip install")


def test_the_second_command_installs_nothing(project: Project) -> None:
    project.run("status")
    result = project.run("status")
    assert not result.called("pip|venv")
    assert "Installing" not in result.out


def test_a_changed_lock_is_installed_anew(project: Project) -> None:
    project.run("status")
    (project.folder / "requirements.lock").write_text(LOCK.replace("==1", "==2"), encoding="utf-8")
    assert project.run("status").called("pip install")
    assert not project.run("status").called("pip install")


def test_the_test_tools_come_with_the_tests_and_serve_the_bot_too(project: Project) -> None:
    project.run("status")
    result = project.run("test", "tests/gate", "-k", "x y")
    assert result.called("pip install")
    text = (project.folder / ".venv" / "requirements.txt").read_text(encoding="utf-8")
    assert text == LOCK
    # Whole files to a worker: the end-to-end tests share one bot.
    workers = "-n 3 --dist loadfile --no-loadscope-reorder"
    assert result.calls[-1] == f"python -m pytest {workers} tests/gate -k x y"
    assert not project.run("status").called("pip install")


def test_uv_is_preferred_where_it_is(project: Project) -> None:
    project.provide("uv", UV)
    result = project.run("status")
    assert result.called(r"uv venv --quiet --clear --python .*/python3\.12 \.venv")
    assert result.called(r"uv pip install .*--require-hashes -r \.venv/requirements\.txt")
    assert not result.called("python -m pip")


def test_uv_may_find_a_python_where_none_is(project: Project) -> None:
    project.provide("uv", UV)
    (project.bin / "python3.12").rename(project.bin / "not-on-offer")
    result = project.run("status", FAKE_PYTHON=str(project.bin / "not-on-offer"))
    assert result.status == 0
    assert result.called(r"uv venv .*--python >=3\.11 \.venv")


def test_a_python_that_is_only_a_name_is_passed_over(project: Project) -> None:
    project.provide("python3.13", "#!/usr/bin/env bash\nexit 127\n")
    assert project.run("status").status == 0


def test_no_python_is_told_with_what_to_do(project: Project) -> None:
    (project.bin / "python3.12").unlink()
    result = project.run("start")
    assert result.status == 1
    assert "Python 3.11 or newer is needed" in result.err


def test_the_interpreter_can_be_named(project: Project) -> None:
    project.provide("my-python", PYTHON)
    (project.bin / "python3.12").unlink()
    assert project.run("status", PYTHON="my-python").status == 0


def test_an_environment_that_no_longer_runs_is_made_anew(project: Project) -> None:
    project.run("status")
    (project.folder / ".venv" / "bin" / "python").write_text("gone", encoding="utf-8")
    assert project.run("status").called(r"-m venv --clear")


def test_pip_is_added_to_an_environment_without_it(project: Project) -> None:
    assert project.run("status", PIP_MISSING="1").called("-m ensurepip")


def test_a_failed_installation_is_status_1_and_tried_again(project: Project) -> None:
    broken = PYTHON.replace(
        '*"-m llm_modules"*', '*"pip install"*) exit 1 ;;\n    *"-m llm_modules"*'
    )
    project.provide("python3.12", broken)
    result = project.run("status")
    assert result.status == 1
    assert "The installation failed" in result.err
    assert project.run("status").called("pip install")


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (("start", "--detach"), "llm_modules.cli start --detach"),
        (("logs", "-n", "5", "--no-follow"), "llm_modules.cli logs -n 5 --no-follow"),
        (("decisions", "--raw"), "llm_modules.cli decisions --raw"),
        (("trades",), "llm_modules.cli trades"),
        (("decisions", "--summary"), "llm_modules.cli decisions --summary"),
        (("halt", "gone", "fishing"), "llm_modules.cli halt -- gone fishing"),
        (("halt", "--yes"), "llm_modules.cli halt -- --yes"),
        (("prompt", "--pair", "A/B:B"), "llm_modules.preview --pair A/B:B"),
        (("freqtrade", "list-pairs", "-c", "x"), "llm_modules.cli freqtrade -- list-pairs -c x"),
        (("freqtrade", "list-pairs", "--help"), "llm_modules.cli freqtrade -- list-pairs --help"),
        (("freqtrade", "--help"), "llm_modules.cli freqtrade -- --help"),
        (("resume", "--yes"), "llm_modules.cli resume --yes"),
        (("flatten", "--yes"), "llm_modules.cli flatten --yes"),
        (("backtest", "--sandbox"), "llm_modules.backtest backtest --sandbox"),
        (("lookahead",), "llm_modules.backtest lookahead"),
        (("clean", "--yes"), "llm_modules.cli clean --yes"),
        (("version",), "llm_modules.cli version"),
        (("stop",), "llm_modules.cli stop"),
        (("move-keys",), "llm_modules.cli move-keys"),
        (("sandbox", "--model-port", "9001"), "llm_modules.sandbox --model-port 9001"),
    ],
)
def test_a_command_is_handed_on_with_its_options(
    project: Project, arguments: tuple[str, ...], last: str
) -> None:
    assert project.run(*arguments).calls[-1] == f"python -m {last}"


@pytest.mark.parametrize("status", ["0", "1", "2", "3"])
def test_the_status_of_a_command_is_handed_back(project: Project, status: str) -> None:
    assert project.run("status", BOT_STATUS=status).status == int(status)


def test_a_halt_is_there_before_anything_else_can_fail(project: Project) -> None:
    path = halted(project)
    (project.bin / "python3.12").unlink()
    result = project.run("halt", "gone", 'fishing, "\\o/"', "\t--yes")
    assert result.status == 1
    assert "user_data/HALT is there" in result.out
    note = read_halt(path).note
    assert note is not None
    assert (note.reason, note.by) == ('gone fishing, "\\o/" --yes', "manage.sh")
    assert abs(note.at - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize("make", [lambda path: path.write_text("mine"), Path.mkdir])
def test_a_halt_that_is_there_is_left_to_the_command(
    project: Project, make: Callable[[Path], object]
) -> None:
    path = halted(project)
    make(path)
    project.run("halt")
    assert path.is_dir() or path.read_text(encoding="utf-8") == "mine"


def test_a_call_for_help_halts_nothing_and_anything_else_does(project: Project) -> None:
    path = halted(project)
    project.run("halt", "--help")
    assert not path.exists()
    project.run("halt", "--because", "of")
    assert path.exists()


def test_a_halt_that_cannot_be_written_is_left_to_the_command(project: Project) -> None:
    result = project.run("halt")
    assert "HALT is there" not in result.out + result.err
    assert result.calls[-1] == "python -m llm_modules.cli halt --"


def test_help_names_every_option_of_start(project: Project) -> None:
    for command in ("start", "restart", "deploy"):
        assert "[--api-port PORT]" in project.run(command, "--help").out


def test_restart_is_one_command_so_that_it_knows_what_ran_before(project: Project) -> None:
    calls = project.run("restart", "--detach").called("llm_modules.cli")
    assert calls == ["python -m llm_modules.cli restart --detach"]


def test_lock_needs_uv_and_hands_nothing_of_the_machine_on(project: Project) -> None:
    text = (ROOT / "tools" / "lock.sh").read_text(encoding="utf-8")
    for flag in ("--generate-hashes", "--no-emit-index-url", "--no-header", "--universal"):
        assert flag in text
    assert project.run("lock").status != 0

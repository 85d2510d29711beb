"""manage.sh in a project of its own, where every program it could call is a stand-in."""

import os
import pty
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llm_modules.gate.halt import read_halt

ROOT = Path(__file__).parent.parent.parent
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
# What the script may take from the system; nothing else is on its PATH.
SYSTEM_TOOLS = [
    "bash",
    "cat",
    "chmod",
    "cksum",
    "cp",
    "date",
    "dirname",
    "env",
    "grep",
    "head",
    "id",
    "mv",
    "rm",
    "sed",
]
LOCK = """\
runtime==1 \\
    --hash=sha256:00

# === extra: anthropic ===

extra==1 \\
    --hash=sha256:22

# === test tools ===

tool==1 \\
    --hash=sha256:11
"""

PYTHON = """#!/usr/bin/env bash
echo "python $*" >> "$CALLS"
case "$*" in
    *"-m venv"*)
        mkdir -p "${!#}/bin" "${!#}/lib/python3.11/site-packages"
        cp "$0" "${!#}/bin/python"
        printf '#!%s/%s/bin/python\n' "$PWD" "${!#}" > "${!#}/bin/freqtrade" ;;
    *kept-options*) [ -n "${KEPT+x}" ] || exit 3; echo "$KEPT" ;;
    *"cli start"*) [ -z "${INTERRUPT:-}" ] || kill -INT $PPID
        [ -n "${NEVER_COMES_UP:-}" ] || exit "${BOT_STATUS:-0}"
        ! grep -q -e "$NEVER_COMES_UP" .venv/requirements.txt ;;
    *"-m pip --version"*) exit "${PIP_MISSING:-0}" ;;
    *"-m llm_modules"*) exit "${BOT_STATUS:-0}" ;;
esac
"""
UV = """#!/usr/bin/env bash
echo "uv $*" >> "$CALLS"
case "$*" in
    venv*)
        mkdir -p "${!#}/bin" "${!#}/lib/python3.11/site-packages"
        cp "$FAKE_PYTHON" "${!#}/bin/python" ;;
esac
"""
DOCKER = """#!/usr/bin/env bash
echo "docker $*" >> "$CALLS"
case "$*" in
    info) exit "${DOCKER_DOWN:-0}" ;;
    "compose version") exit "${COMPOSE_MISSING:-0}" ;;
    "inspect --format {{.State"*) echo "${CONTAINER_RUNS:-false}" ;;
    *complete-env*) cat; for name in PASSWORD JWT_SECRET_KEY WS_TOKEN; do
        echo "FREQTRADE__API_SERVER__$name=kcanary"; done; exit "${IMAGE_BROKEN:-0}" ;;
    *announce*)
        [ -n "${ANSWERS_ONCE_BACK:-}" ] && grep -q "tag freqtrade-llm:previous" "$CALLS" && exit 0
        exit "${NEVER_ANSWERS:-0}" ;;
    *"llm_modules.cli check"*) exit "${BAD_SETTINGS:-0}" ;;
    *"cli version"*) exit "${BOT_STATUS:-0}" ;;
    "inspect --format {{.Config.Env}}"*) echo "[A=b LLM_TRADER_SANDBOX=${SIMULATES:-0} C=d]" ;;
    "image inspect freqtrade-llm:"*) exit "${NO_IMAGE:-0}" ;;
    "image inspect"*) [ -n "${HERE:-}" ] && echo "freqtradeorg/freqtrade@$HERE" ;;
    *"build --pull"*) exit "${BUILD_FAILS:-0}" ;;
    "buildx imagetools"*) [ -n "${THERE:-}" ] && echo "$THERE" ;;
esac
"""


class Project:
    """A copy of the script, its stand-ins, and what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.bin = folder / "bin"
        self.calls_file = folder / "calls"
        (self.folder / "tools").mkdir(parents=True)
        self.bin.mkdir()
        self.calls_file.touch()
        for name in ("manage.sh", "Dockerfile.custom"):
            shutil.copy(ROOT / name, self.folder / name)
        for path in (ROOT / "tools").glob("*.*"):
            shutil.copy(path, self.folder / "tools")
        (self.folder / "requirements.lock").write_text(LOCK, encoding="utf-8")
        for name in (*SYSTEM_TOOLS, "mkdir"):
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def provide(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)

    def environment(self, changes: dict[str, str]) -> dict[str, str]:
        return {
            "PATH": str(self.bin),
            "CALLS": str(self.calls_file),
            "FAKE_PYTHON": str(self.bin / "python3.12"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **changes,
        }

    def run(self, *arguments: str, text: str = "", **changes: str) -> "Result":
        self.calls_file.write_text("", encoding="utf-8")
        completed = subprocess.run(  # noqa: S603 - the script under test
            [self.folder / "manage.sh", *arguments],
            cwd="/",
            env=self.environment(changes),
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        calls = self.calls_file.read_text(encoding="utf-8").splitlines()
        return Result(completed.returncode, completed.stdout, completed.stderr, calls)


class Result:
    """How a run of the script ended, what it said and what it called."""

    def __init__(self, status: int, out: str, err: str, calls: list[str]) -> None:
        self.status = status
        self.out = out
        self.err = err
        self.calls = calls

    def called(self, pattern: str) -> list[str]:
        return [call for call in self.calls if re.search(pattern, call)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Python and nothing else."""
    project = Project(tmp_path)
    project.provide("python3.12", PYTHON)
    return project


@pytest.fixture
def dockered(project: Project) -> Project:
    """Docker and Python."""
    project.provide("docker", DOCKER)
    return project


# --- usage --------------------------------------------------------------------------------------


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


# --- the menu -----------------------------------------------------------------------------------


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


# --- native -------------------------------------------------------------------------------------


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
    workers = "-n 2 --dist loadfile --no-loadscope-reorder"
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


def halted(project: Project) -> Path:
    (project.folder / "user_data").mkdir(exist_ok=True)
    return project.folder / "user_data" / "HALT"


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


def test_the_menu_names_the_others_too(project: Project) -> None:
    _, seen = at_a_terminal(project, "\n")
    assert "Others (其他): setup doctor status" in seen


def test_restart_is_one_command_so_that_it_knows_what_ran_before(project: Project) -> None:
    calls = project.run("restart", "--detach").called("llm_modules.cli")
    assert calls == ["python -m llm_modules.cli restart --detach"]


# --- native deploy ------------------------------------------------------------------------------


def cli_calls(result: Result) -> list[str]:
    """What was asked of ours, and when something was installed, in order."""
    calls = result.called("llm_modules.cli|pip install")
    return [re.sub(r".*(pip install).*|python -m llm_modules.cli ", r"\1", call) for call in calls]


def environments(project: Project) -> dict[str, str]:
    """The environments there are, with what was installed in each."""
    found = sorted(project.folder.glob(".venv*"))
    return {one.name: (one / "requirements.txt").read_text(encoding="utf-8") for one in found}


def newer_lock(project: Project) -> tuple[str, str]:
    """Change the lock; returns what is installed before and after."""
    (project.folder / "requirements.lock").write_text(LOCK.replace("==1", "==2"), encoding="utf-8")
    before = LOCK.partition("# ===")[0]
    return before, before.replace("==1", "==2")


def test_deploy_installs_beside_what_runs_checks_swaps_and_starts(project: Project) -> None:
    project.run("status")
    _, after = newer_lock(project)
    result = project.run("deploy", "--detach", KEPT="--sandbox --api-port 18087")
    assert result.status == 0, result.err
    assert cli_calls(result) == [
        "kept-options",
        "pip install",
        "check --sandbox --api-port 18087",
        "stop",
        "start --detach --sandbox --api-port 18087",
    ]
    assert environments(project) == {".venv": after}
    script = (project.folder / ".venv" / "bin" / "freqtrade").read_text(encoding="utf-8")
    assert script == f"#!{project.folder}/.venv/bin/python\n"


def test_deploy_follows_the_decisions_unless_told_not_to(project: Project) -> None:
    assert cli_calls(project.run("deploy"))[-2:] == ["start --detach", "decisions"]


def test_what_is_typed_comes_after_what_ran_and_so_wins(project: Project) -> None:
    project.run("status")
    calls = cli_calls(project.run("deploy", "--api-port", "9", "--detach", KEPT="--api-port 8"))
    assert calls[-1] == "start --detach --api-port 8 --api-port 9"


def test_a_first_deploy_has_nothing_to_stop(project: Project) -> None:
    result = project.run("deploy", "--detach")
    assert cli_calls(result) == ["pip install", "check", "start --detach"]
    assert list(environments(project)) == [".venv"]


def test_a_deploy_with_wrong_settings_leaves_the_bot_and_its_environment(project: Project) -> None:
    project.run("status")
    before, _ = newer_lock(project)
    result = project.run("deploy", KEPT="", BOT_STATUS="2")
    assert result.status == 2
    assert "what ran before runs on" in result.err
    assert cli_calls(result) == ["kept-options", "pip install", "check"]
    assert environments(project) == {".venv": before}


def test_a_deploy_whose_installation_fails_leaves_everything(project: Project) -> None:
    project.run("status")
    before, _ = newer_lock(project)
    python = project.folder / ".venv" / "bin" / "python"
    broken = PYTHON.replace("*kept-opt", '*"pip install"*) exit 1 ;;\n    *kept-opt')
    for path in (python, project.bin / "python3.12"):
        path.write_text(broken, encoding="utf-8")
    result = project.run("deploy", KEPT="")
    assert result.status == 1
    assert "The installation failed" in result.err
    assert not result.called("cli stop")
    assert environments(project) == {".venv": before}


def test_what_does_not_come_up_is_taken_back_and_the_old_one_runs_again(project: Project) -> None:
    project.run("status")
    before, _ = newer_lock(project)
    result = project.run("deploy", KEPT="--sandbox", NEVER_COMES_UP="==2")
    assert result.status == 1
    assert "The new one did not come up: going back" in result.err
    assert "The bot runs again, on what was installed before" in result.err
    assert cli_calls(result)[-4:] == [
        "stop",
        "start --detach --sandbox",
        "stop",
        "start --detach --sandbox",
    ]
    assert environments(project) == {".venv": before}


def test_what_did_not_run_before_is_not_started_by_a_failed_deploy(project: Project) -> None:
    project.run("status")
    before, _ = newer_lock(project)
    result = project.run("deploy", NEVER_COMES_UP="==2")
    assert result.status == 1
    assert "the bot is not running, as before" in result.err
    assert len(result.called("cli start")) == 1
    assert environments(project) == {".venv": before}


def test_when_the_old_one_does_not_come_up_either_it_is_told_loudly(project: Project) -> None:
    project.run("status")
    newer_lock(project)
    result = project.run("deploy", KEPT="", NEVER_COMES_UP="runtime")
    assert result.status == 1
    assert "the BOT IS NOT RUNNING" in result.err


def test_a_deploy_that_is_interrupted_goes_back(project: Project) -> None:
    project.run("status")
    before, _ = newer_lock(project)
    result = project.run("deploy", KEPT="", INTERRUPT="1")
    assert result.status == 1
    assert "Interrupted: going back" in result.err
    assert environments(project) == {".venv": before}
    assert cli_calls(result)[-1] == "start --detach"


def test_what_a_killed_deploy_left_is_put_right_by_the_next_command(project: Project) -> None:
    project.run("status")
    (project.folder / ".venv").rename(project.folder / ".venv.old")
    result = project.run("status")
    assert not result.called("pip|venv")
    assert list(environments(project)) == [".venv"]


@pytest.mark.parametrize("is_up", [True, False])
def test_the_next_deploy_keeps_the_one_that_came_up(project: Project, is_up: bool) -> None:
    project.run("status")
    (project.folder / ".venv").rename(project.folder / ".venv.old")
    before, after = newer_lock(project)
    project.run("deploy", "--detach", **({"KEPT": ""} if is_up else {}))
    assert list(environments(project)) == [".venv"]
    # Killed once more, just after the swap; then the installation of the next one fails.
    shutil.copytree(project.folder / ".venv", project.folder / ".venv.old")
    (project.folder / ".venv.old" / "requirements.txt").write_text(before, encoding="utf-8")
    kept = {"KEPT": ""} if is_up else {}
    assert project.run("deploy", BOT_STATUS="1", **kept).status == 1
    assert environments(project) == {".venv": after if is_up else before}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_environment_of_somebody_else_is_told_as_that(project: Project) -> None:
    project.run("status")
    newer_lock(project)
    (project.folder / ".venv").chmod(0o555)
    result = project.run("status")
    (project.folder / ".venv").chmod(0o755)
    assert result.status == 1
    assert "may not change" in result.err
    assert "python3-venv" not in result.err


def test_lock_needs_uv_and_hands_nothing_of_the_machine_on(project: Project) -> None:
    text = (ROOT / "tools" / "lock.sh").read_text(encoding="utf-8")
    for flag in ("--generate-hashes", "--no-emit-index-url", "--no-header", "--universal"):
        assert flag in text
    assert project.run("lock").status != 0


# --- Docker -------------------------------------------------------------------------------------

RUN = r"docker compose run --rm -T freqtrade-llm python -m llm_modules\.cli "
EXEC = r"docker compose exec -T freqtrade-llm python -m llm_modules\.cli "


def complete_env_file(project: Project) -> Path:
    path = project.folder / ".env"
    path.write_text("FREQTRADE__API_SERVER__WS_TOKEN=kcanary\n", encoding="utf-8")
    return path


def test_docker_that_does_not_answer_is_not_used(dockered: Project) -> None:
    assert dockered.run("status", DOCKER_DOWN="1").calls[-1] == "python -m llm_modules.cli status"


def test_native_can_be_asked_for(dockered: Project) -> None:
    assert not dockered.run("status", NATIVE="1").called("docker")


def test_the_first_start_makes_secrets_checks_starts_and_follows(dockered: Project) -> None:
    result = dockered.run("start")
    assert result.status == 0, result.err
    env_file = dockered.folder / ".env"
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert "FREQTRADE__API_SERVER__PASSWORD=kcanary" in env_file.read_text(encoding="utf-8")
    assert "kcanary" not in result.out + result.err
    order = [
        f"{RUN}complete-env",
        f"{RUN}check",
        r"docker compose up -d",
        f"{EXEC}announce",
        r"-T freqtrade-llm python -m llm_modules\.cli decisions",
    ]
    positions = [result.calls.index(result.called(pattern)[0]) for pattern in order]
    assert positions == sorted(positions)


def test_keys_already_in_the_env_file_stay(dockered: Project) -> None:
    (dockered.folder / ".env").write_text("LLM_API_KEY=mine\n", encoding="utf-8")
    dockered.run("start", "--detach")
    text = (dockered.folder / ".env").read_text(encoding="utf-8")
    assert text.startswith("LLM_API_KEY=mine\n")
    assert "WS_TOKEN=kcanary" in text


def test_a_broken_image_leaves_the_env_file_as_it_was(dockered: Project) -> None:
    (dockered.folder / ".env").write_text("LLM_API_KEY=mine\n", encoding="utf-8")
    result = dockered.run("start", IMAGE_BROKEN="1")
    assert result.status == 1
    assert (dockered.folder / ".env").read_text(encoding="utf-8") == "LLM_API_KEY=mine\n"
    assert not (dockered.folder / ".env.new").exists()
    assert not result.called("compose up")


def test_wrong_settings_keep_the_container_from_starting(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("start", BAD_SETTINGS="2")
    assert result.status == 2
    assert not result.called("compose up")


def test_a_start_that_never_answers_shows_the_containers_log(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("start", NEVER_ANSWERS="1")
    assert result.status == 1
    assert result.called("compose logs --tail 30 freqtrade-llm")


def test_a_second_start_only_follows(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("start", CONTAINER_RUNS="true")
    assert "already running" in result.out
    assert not result.called("compose up|cli check")
    assert result.called(f"{EXEC}decisions")


def test_detach_follows_nothing_and_sandbox_reaches_compose(dockered: Project) -> None:
    complete_env_file(dockered)
    noting = DOCKER.replace('echo "docker $*"', 'echo "docker $* ${LLM_TRADER_SANDBOX:-unset}"')
    dockered.provide("docker", noting)
    result = dockered.run("start", "--detach", "--sandbox")
    assert result.called("compose up -d 1")
    assert not result.called("decisions")


def test_an_unknown_option_of_start_is_status_2(dockered: Project) -> None:
    assert dockered.run("start", "--fast").status == 2


@pytest.mark.parametrize(("runs", "pattern"), [("true", EXEC), ("false", RUN)])
def test_viewers_work_in_the_running_container_or_in_one_of_their_own(
    dockered: Project, runs: str, pattern: str
) -> None:
    result = dockered.run("decisions", "-n", "3", CONTAINER_RUNS=runs)
    assert result.called(f"{pattern}decisions -n 3")


def test_stop_takes_the_container_down(dockered: Project) -> None:
    assert dockered.run("stop").called("docker compose down")


def test_status_without_a_container_is_3(dockered: Project) -> None:
    assert dockered.run("status").status == 3
    assert dockered.run("status", CONTAINER_RUNS="true").called(f"{EXEC}status")


def test_status_without_a_container_tells_what_halts(dockered: Project) -> None:
    halted(dockered).symlink_to("nowhere")
    (dockered.folder / "user_data" / "HALT.live").mkdir()
    (dockered.folder / "user_data" / "HALT.txt").touch()
    result = dockered.run("status")
    assert result.status == 3
    lines = [line for line in result.out.splitlines() if line.startswith("Halted: ")]
    assert [line.split()[1] for line in lines] == ["user_data/HALT", "user_data/HALT.live"]


@pytest.mark.parametrize(("runs", "pattern"), [("true", EXEC), ("false", RUN)])
def test_halt_and_resume_go_through_a_container(dockered: Project, runs: str, pattern: str) -> None:
    halted(dockered)
    assert dockered.run("halt", "why", CONTAINER_RUNS=runs).called(f"{pattern}halt -- why")
    assert dockered.run("resume", "--yes", CONTAINER_RUNS=runs).called(f"{pattern}resume --yes")


def test_flatten_needs_the_running_container(dockered: Project) -> None:
    result = dockered.run("flatten", "--yes")
    assert result.status == 3
    assert "nothing can be closed now: positions stay, with their stops" in result.err
    assert not result.called("cli flatten")
    assert dockered.run("flatten", CONTAINER_RUNS="true").called(f"{EXEC}flatten")


def test_clean_is_refused_while_the_container_runs(dockered: Project) -> None:
    result = dockered.run("clean", "--yes", CONTAINER_RUNS="true")
    assert result.status == 1
    assert not result.called("cli clean")
    assert dockered.run("clean", "--yes").called(f"{RUN}clean --yes")


def docker_steps(result: Result) -> list[str]:
    calls = result.called("compose (build|stop|up)|cli (check|announce)|docker tag")
    return [re.sub(r".*cli |docker (compose )?|freqtrade-llm", "", call).strip() for call in calls]


def test_restart_stops_before_it_starts_and_keeps_the_sandbox(dockered: Project) -> None:
    complete_env_file(dockered)
    noting = DOCKER.replace('echo "docker $*"', 'echo "docker $* ${LLM_TRADER_SANDBOX:-unset}"')
    dockered.provide("docker", noting)
    for simulates, seen in (("1", "1"), ("0", "unset")):
        result = dockered.run("restart", "--detach", SIMULATES=simulates)
        calls = [call.removeprefix("docker compose ") for call in result.called("compose (st|up)")]
        assert calls == [f"stop {seen}", f"up -d {seen}"]


def test_deploy_keeps_the_image_that_ran_builds_checks_and_starts(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("deploy", "--detach", CONTAINER_RUNS="false")
    assert result.status == 0, result.err
    assert docker_steps(result) == [
        "tag :latest :previous",
        "build --pull",
        "check",
        "stop",
        "check",
        "up -d",
        "announce",
    ]
    assert not result.called("decisions")
    assert dockered.run("deploy").called("decisions")


def test_a_first_deploy_has_no_image_to_keep(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("deploy", "--detach", NO_IMAGE="1")
    assert result.status == 0
    assert not result.called("docker tag")


def test_a_build_that_fails_leaves_what_runs(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("deploy", BUILD_FAILS="1", CONTAINER_RUNS="true")
    assert result.status == 1
    assert "nothing was changed" in result.err
    assert not result.called("compose stop")


def test_an_image_that_refuses_the_settings_is_not_the_next_to_start(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("deploy", BAD_SETTINGS="2", CONTAINER_RUNS="true")
    assert result.status == 2
    assert docker_steps(result)[-1] == "tag :previous :latest"
    assert not result.called("compose stop")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"CONTAINER_RUNS": "true", "ANSWERS_ONCE_BACK": "1"},
            "runs again, on the image of before",
        ),
        ({"CONTAINER_RUNS": "true"}, "the BOT IS NOT RUNNING"),
        ({"CONTAINER_RUNS": "false"}, "the bot is not running, as before"),
        ({"CONTAINER_RUNS": "true", "NO_IMAGE": "1"}, "There is none, so the BOT IS NOT RUNNING"),
    ],
)
def test_an_image_that_does_not_come_up_is_taken_back(
    dockered: Project, changes: dict[str, str], told: str
) -> None:
    complete_env_file(dockered)
    result = dockered.run("deploy", NEVER_ANSWERS="1", **changes)
    assert result.status == 1
    assert told in result.err
    assert result.called("compose logs --tail 30")
    if "NO_IMAGE" not in changes:
        assert "tag :previous :latest" in docker_steps(result)


@pytest.mark.parametrize("command", ["restore", "setup", "migrate"])
def test_what_writes_settings_works_on_the_files_as_their_owner(
    dockered: Project, command: str
) -> None:
    complete_env_file(dockered)
    result = dockered.run(command, "x")
    assert result.called(f"--user {os.getuid()}:.* -w /project .* -m llm_modules.cli {command} x")


def test_going_live_is_agreed_on_the_files_and_starts_the_container(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("live", "--amount", "5")
    assert result.called("-w /project .* -m llm_modules.cli live --no-start --amount 5")
    assert result.called("compose up -d")
    result = dockered.run("live", "--withdraw")
    assert result.called("llm_modules.cli live --withdraw")
    assert not result.called("compose up")


def test_restore_is_refused_while_the_container_runs(dockered: Project) -> None:
    result = dockered.run("restore", "x", CONTAINER_RUNS="true")
    assert result.status == 1
    assert not result.called("cli restore")


def test_move_keys_works_on_the_files_as_their_owner(dockered: Project) -> None:
    complete_env_file(dockered)
    result = dockered.run("move-keys")
    user = f"{os.getuid()}:{os.getgid()}"
    assert result.called(f"--user {user} -v {dockered.folder}:/project -w /project")


@pytest.mark.parametrize(
    ("here", "there", "status", "said"),
    [
        ("sha256:aa", "sha256:aa", 0, "up to date"),
        ("sha256:aa", "sha256:bb", 1, "registry sha256:bb: ./manage.sh deploy"),
        ("sha256:aa", "", 0, "the registry cannot be asked"),
        ("", "", 0, "is not on this machine yet"),
    ],
)
def test_version_compares_the_image_and_survives_being_offline(
    dockered: Project, here: str, there: str, status: int, said: str
) -> None:
    result = dockered.run("version", HERE=here, THERE=there)
    assert result.status == status
    assert "freqtradeorg/freqtrade:2026.9" in result.out
    assert said in result.out
    assert dockered.run("version", HERE=here, THERE=there, BOT_STATUS="1").status == 1


def test_compose_of_either_age_serves(dockered: Project) -> None:
    dockered.provide("docker-compose", DOCKER.replace('echo "docker', 'echo "docker-compose'))
    assert dockered.run("stop", COMPOSE_MISSING="1").called("docker-compose down")


def test_docker_without_compose_is_told(dockered: Project) -> None:
    result = dockered.run("stop", COMPOSE_MISSING="1")
    assert result.status == 1
    assert "neither 'docker compose' nor docker-compose" in result.err


def test_the_tests_run_in_docker_only_where_there_is_no_python(dockered: Project) -> None:
    assert dockered.run("test").calls[-1].startswith("python -m pytest")
    (dockered.bin / "python3.12").unlink()
    result = dockered.run("test", "-k", "x", NIGHTLY="1")
    assert result.called(r"docker build --file Dockerfile\.custom --target test")
    assert result.called(r"docker run --rm --env NIGHTLY=1 freqtrade-llm-test -k x")

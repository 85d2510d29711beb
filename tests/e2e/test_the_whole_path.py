"""The path a person walks, typed into a real terminal: set up, try, check, look, leave.

The bot, its programs and the terminal are real; the exchange and the model are the sandbox's.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_modules.sandbox.faults import ModelFaults, Switchboard
from llm_modules.sandbox.model import model_app
from ports import free_port
from serving import serving
from terminal import Terminal

ROOT = Path(__file__).parent.parent.parent
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone as a new user has it; only the installed packages are those of the tests."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    folder.mkdir()
    for name in ("manage.sh", "requirements.lock", "pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "tools", folder / "tools")
    own = folder / "user_data"
    own.mkdir()
    for name in ("config.json", "config.sandbox.json"):
        shutil.copy(ROOT / "user_data" / name, own / name)
    unwanted = shutil.ignore_patterns("__pycache__")
    # Copied, not linked: the code finds its project by its own place.
    shutil.copytree(ROOT / "user_data" / "strategies", own / "strategies", ignore=unwanted)
    shutil.copytree(ROOT / "user_data" / "data", own / "data")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.fixture(scope="module")
def terminal(project: Path) -> Iterator[Terminal]:
    environment = {name: text for name, text in os.environ.items() if "FREQTRADE" not in name}
    terminal = Terminal(project, environment | {"NATIVE": "1", "TERM": "xterm-256color"})
    yield terminal
    terminal.run("./manage.sh stop")
    terminal.close()


def done(terminal: Terminal, command: str, seconds: float = 60) -> str:
    """What a command said that ended well."""
    status, said = terminal.run(f"./manage.sh {command}", seconds)
    assert status == 0, said
    return said


def test_setting_up_by_pressing_enter_keeps_what_is_shipped(
    terminal: Terminal, project: Path
) -> None:
    shipped = (project / "user_data" / "config.json").read_bytes()
    terminal.type("./manage.sh setup")
    for question in (
        "Who answers?",
        "Exchange",
        "Put the keys",
        "Pairs, such as",
        "A decision every",
        "Simulated wallet",
        "How much may be risked?",
        "Messages by Telegram?",
    ):
        terminal.wait_for(question, 30)
        terminal.press("Enter")
    terminal.wait_for("Write this?", 30)
    terminal.press("yes", "Enter")
    status, said = terminal.ended(30)
    assert status == 0, said
    assert "Next: ./manage.sh start" in said
    assert (project / "user_data" / "config.json").read_bytes() == shipped
    assert (project / ".env").stat().st_mode & 0o777 == 0o600


def test_one_answer_is_changed_by_another_call(terminal: Terminal, project: Path) -> None:
    terminal.type("./manage.sh setup --only wallet")
    terminal.wait_for("Simulated wallet", 30)
    terminal.press("BSpace", "BSpace", "BSpace", "BSpace", "2500", "Enter")
    terminal.wait_for("Write this?", 30)
    terminal.press("yes", "Enter")
    status, said = terminal.ended(30)
    assert (status, "2500" in said) == (0, True), said
    text = (project / "user_data" / "config.json").read_text(encoding="utf-8")
    assert re.search(r'"dry_run_wallet": 2500,\s+// simulated balance', text)


def test_a_model_is_connected_and_asked_by_doctor(terminal: Terminal) -> None:
    with serving(lambda: model_app(Switchboard(ModelFaults()), lambda: 0)) as port:
        address = f"--api-base http://127.0.0.1:{port}/v1 --model scripted"
        assert "Next: ./manage.sh doctor" in done(terminal, f"setup {address} --yes")
        status, said = terminal.run("./manage.sh doctor", 120)
    assert said.count("called as asked") == 6
    # There is no exchange to be reached from here, and that is told.
    assert status == 1, said
    assert "Next: ./manage.sh start" in done(terminal, "setup --provider sandbox --yes")


def test_the_bot_starts_in_the_sandbox(terminal: Terminal) -> None:
    ports = f"--exchange-port {free_port()} --model-port {free_port()} --api-port {free_port()}"
    said = done(terminal, f"start --detach {ports}", 120)
    assert "SANDBOX" in said


def test_it_is_looked_at(terminal: Terminal) -> None:
    said = done(terminal, "status")
    assert "SANDBOX" in said
    decisions = ""
    for _ in range(60):
        decisions = done(terminal, "decisions -n 5 --no-follow")
        if re.search(r"signal_|wait|long|short", decisions):
            break
    assert re.search(r"BTC|ETH|SOL|XRP|DOGE", decisions)
    # Nothing is wrong with the journals so far.
    done(terminal, "verify")
    assert "Traceback" not in done(terminal, "trades --no-follow")


def test_the_prompt_of_this_moment_is_shown(terminal: Terminal) -> None:
    assert "tokens" in done(terminal, "prompt --pair BTC/USDT:USDT", 90)


def test_a_page_is_made_of_it(terminal: Terminal, project: Path) -> None:
    done(terminal, "report --days 1", 90)
    (page,) = (project / "user_data" / "reports").glob("*.html")
    assert "SANDBOX" in page.read_text(encoding="utf-8")


def test_it_is_halted_and_goes_on(terminal: Terminal) -> None:
    done(terminal, "halt only a try")
    assert "only a try" in terminal.run("./manage.sh status")[1]
    done(terminal, "resume --yes")


def test_it_is_backed_up_stopped_cleaned_and_brought_back(
    terminal: Terminal, project: Path
) -> None:
    done(terminal, "backup --out mine.tar.gz")
    done(terminal, "stop")
    status, said = terminal.run("./manage.sh status")
    assert status == 3, said
    journal = project / "user_data" / "logs" / "llm_decisions.jsonl"
    assert json.loads(journal.read_text(encoding="utf-8").splitlines()[0])
    done(terminal, "clean --yes")
    assert not journal.exists()
    done(terminal, "restore mine.tar.gz --yes")
    assert journal.exists()
    assert "ecision" in done(terminal, "verify")


def test_a_day_is_backtested(terminal: Terminal) -> None:
    said = done(
        terminal,
        "backtest --sandbox --pairs BTC/USDT:USDT --timerange 20260110-20260111 --no-baselines",
        120,
    )
    assert "Report:" in said


def test_real_money_is_refused(terminal: Terminal) -> None:
    status, said = terminal.run("./manage.sh live", 120)
    assert status != 0
    assert "dry_run" in said

"""What is refused before anything is paid for."""

import sqlite3
from pathlib import Path

import pytest

from llm_modules.backtest.command.basis import Basis, opened
from llm_modules.backtest.command.flow import backtest
from llm_modules.backtest.command.options import BacktestOptions, LookaheadOptions
from llm_modules.backtest.command.proving import lookahead
from llm_modules.backtest.command.readiness import (
    demand_folder,
    demand_keys,
    demand_log,
    demand_tape,
)
from llm_modules.errors import ConfigError
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.opening import ledger_beside
from llm_modules.llm.tape import Tape
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

NOWHERE = Path("/proc/nowhere")


def basis_of(session: Session, key: str = "", **variables: str) -> Basis:
    named = {f"FREQTRADE__LLM_CONFIG__{name}": value for name, value in variables.items()}
    keys = {"DEEPSEEK_API_KEY": key} if key else {}
    environment = {**session.environment, **named, **keys}
    return opened(Session(session.places, environment, Screen()), BacktestOptions())


def test_a_provider_that_wants_a_key_is_not_asked_without(session: Session) -> None:
    with pytest.raises(ConfigError) as caught:
        demand_keys(basis_of(session, PROVIDER="deepseek", MODEL="deepseek-chat"))
    assert str(caught.value) == "api.deepseek.com: no key. Put DEEPSEEK_API_KEY=... into .env"


def test_with_its_key_it_is_asked(session: Session) -> None:
    demand_keys(basis_of(session, "canary-key", PROVIDER="deepseek", MODEL="deepseek-chat"))


@pytest.mark.parametrize("api_base", ["http://127.0.0.1:9/v1", "http://192.168.1.4:8000/v1"])
def test_servers_of_ones_own_need_none(session: Session, api_base: str) -> None:
    demand_keys(basis_of(session, API_BASE=api_base, MODEL="mine"))


def test_a_preset_on_this_machine_needs_none(session: Session) -> None:
    demand_keys(
        basis_of(session, PROVIDER="deepseek", API_BASE="http://127.0.0.1:9/v1", MODEL="mine")
    )


def test_what_can_be_written_is_made_and_left_as_it_was(tmp_path: Path) -> None:
    log, folder, path = tmp_path / "logs" / "x.log", tmp_path / "runs", tmp_path / "t" / "a.sqlite"
    demand_log(log)
    log.write_text("before", encoding="utf-8")
    demand_log(log)
    demand_folder(folder)
    demand_folder(folder)
    assert log.read_text(encoding="utf-8") == "before"
    assert list(folder.iterdir()) == []
    demand_tape(path)
    demand_tape(path)
    tape, ledger = Tape(path), Ledger(ledger_beside(path))
    assert (tape.count(), ledger.newest()) == (0, 0)
    tape.close()
    ledger.close()


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/proc/nowhere/x\.log cannot be written: "):
        demand_log(NOWHERE / "x.log")
    with pytest.raises(ConfigError, match="/proc/nowhere cannot be written: "):
        demand_folder(NOWHERE)
    with pytest.raises(ConfigError, match=r"the tape cannot be written: .*y\.sqlite.* --tape$"):
        demand_tape(NOWHERE / "y.sqlite")
    # The tape is well, and the ledger beside it is none.
    ledger_beside(tmp_path / "tape.sqlite").mkdir()
    with pytest.raises(ConfigError, match=r"the tape cannot be written: .*llm_costs\.sqlite"):
        demand_tape(tmp_path / "tape.sqlite")


def test_a_tape_that_somebody_holds_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "tape.sqlite"
    demand_tape(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ConfigError, match="locked"):
        demand_tape(path)
    other.close()


@pytest.mark.parametrize("blocked", ["logs", "backtest_llm"])
def test_the_command_refuses_before_anything_is_measured(
    session: Session, blocked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = session.places.user_data / blocked
    assert not place.exists() or blocked == "logs"
    moved = place.with_name(f"{blocked}.away")
    if place.exists():
        place.rename(moved)
    place.touch()
    try:
        with pytest.raises(ConfigError, match=f"{blocked}.* cannot be written: "):
            backtest(session, BacktestOptions())
        assert capsys.readouterr().out == ""
        if blocked == "logs":
            with pytest.raises(ConfigError, match=r"lookahead\.log cannot be written: "):
                lookahead(session, LookaheadOptions())
    finally:
        place.unlink()
        if moved.exists():
            moved.rename(place)


def test_the_command_refuses_a_tape_it_cannot_write(session: Session) -> None:
    with pytest.raises(ConfigError, match="the tape cannot be written: "):
        backtest(session, BacktestOptions(tape=NOWHERE / "y.sqlite"))


def test_the_command_refuses_a_provider_without_a_key(session: Session) -> None:
    named = {"PROVIDER": "deepseek", "MODEL": "deepseek-chat"}
    variables = {f"FREQTRADE__LLM_CONFIG__{name}": value for name, value in named.items()}
    keyless = Session(session.places, {**session.environment, **variables}, session.screen)
    with pytest.raises(ConfigError, match="DEEPSEEK_API_KEY"):
        backtest(keyless, BacktestOptions())

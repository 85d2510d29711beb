"""The program behind `./manage.sh selftest`."""

import json
import shutil
from pathlib import Path

import pytest

from llm_modules.gate.clearance import CLEARANCE_NAME
from llm_modules.operations.ending import INTERRUPTED
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.selftest.main import main


@pytest.fixture
def user_data(tmp_path: Path) -> Path:
    folder = tmp_path / "user_data"
    folder.mkdir()
    shutil.copy(SHIPPED_USER_DATA / "config.json", folder)
    return folder


def run(user_data: Path, *arguments: str, **environment: str) -> int:
    return main([*arguments, "--user-data", str(user_data)], environment)


def test_it_passes_under_the_shipped_settings_and_clears_them(
    user_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_modules.selftest.command.CANDLES", 30)
    assert run(user_data, "--candles", "30") == 0
    said = capsys.readouterr().out
    assert "simulated" in said
    assert "passed" in said
    assert json.loads((user_data / CLEARANCE_NAME).read_text())["fingerprint"]


def test_the_environment_counts_as_it_does_for_the_bot(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(user_data, FREQTRADE__RISK_MANAGEMENT__MAX_LEVERAGE="0") == 2
    assert "risk_management.max_leverage: found 0" in capsys.readouterr().err
    assert not (user_data / CLEARANCE_NAME).exists()


def test_settings_that_cannot_be_read_are_named(
    user_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (user_data / "config.json").write_text("{", encoding="utf-8")
    assert run(user_data) == 2
    assert "config.json" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["0", "-1", "many"])
def test_a_wrong_number_is_wrong_usage(
    user_data: Path, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(user_data, f"--candles={wrong}")
    assert ended.value.code == 2
    assert "expected a whole number from 1 on" in capsys.readouterr().err


def test_being_interrupted_gives_no_clearance(
    user_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("llm_modules.selftest.main.selftest", interrupted)
    assert run(user_data) == INTERRUPTED
    assert "no clearance was given" in capsys.readouterr().err
